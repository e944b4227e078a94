"""Each form of the pages has its endpoint, or a reason why programs have none: a new page that changes something fails here until it is decided."""

from __future__ import annotations

from typing import Final

import pytest
from django.db import transaction
from django.test import Client
from tests.api_routes import ROUTES
from tests.builders.people import team
from tests.form_endpoints import ENDPOINTS, FOR_PROGRAMS, REASONS
from tests.routes import every_route

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import RANKS
from heliograph.setup.services.account_creation import AccountFacts, create_account

READS: Final[dict[str, tuple[str, ...]]] = {
    "account-settings": ("GET account",),
    "api-tokens": ("GET tokens",),
    "attendee-types-delete": ("GET events/{event}/attendee-types/{attendee_type}/uses",),
    "audit": ("GET audit",),
    "configuration": ("GET configuration/applied", "GET configuration/drift"),
    "configuration-json": ("GET configuration",),
    "configuration-yaml": ("GET configuration",),
    "configure-delete": ("GET events/{event}/properties/{property}/uses",),
    "connection-add": ("GET presets", "GET presets/{preset}"),
    "connection-list": ("GET connections",),
    "connection-rule": ("GET connections/{connection}/answers",),
    "custom-statuses-delete": ("GET events/{event}/custom-statuses/{status}/uses",),
    "erase": ("GET erasures",),
    "erase-proposed": ("GET erasure-proposals",),
    "erase-person": ("GET registrations/{registration}/person",),
    "erase-done": ("GET erasures/{erasure}",),
    "event-data": ("GET event-data",),
    "event-data-delete": ("GET event-data/{field}/uses",),
    "event-leave-testing": ("GET events/{event}/leave-testing",),
    "event-statuses": ("GET event-statuses",),
    "events": ("GET events",),
    "feed": ("GET feed",),
    "flow-delete": ("GET flows/{flow}/effects",),
    "flow-list": ("GET flows",),
    "insights": ("GET figures",),
    "mapping-list": ("GET mappings",),
    "overview": ("GET overview",),
    "notification-rules": ("GET notifications/rules",),
    "notification-log": ("GET notifications/messages",),
    "profile-data": ("GET profile-data",),
    "profile-data-delete": ("GET profile-data/{field}/uses",),
    "questions-delete": ("GET events/{event}/questions/{question}/uses",),
    "records-download": ("GET exports/{export}", "GET exports/{export}/file", "GET registrations.ndjson"),
    "registration-active": ("GET registrations/{registration}/is-active",),
    "recipes": ("GET recipes", "GET recipes/{recipe}"),
    "registration-statuses": ("GET registration-statuses", "GET registration-statuses/standard-tags"),
    "registrations": ("GET registrations",),
    "replay": ("GET replays",),
    "retention": ("GET retention", "GET retention/removal"),
    "retry": ("GET retry", "GET retry/causes", "GET retry/counts"),
    "retry-download-file": ("GET retry/downloads/{download}/file",),
    "retry-download-ready": ("GET retry/downloads/{download}",),
    "retry-intervals": ("GET retry-intervals",),
    "session-registration-statuses": ("GET session-registration-statuses",),
    "sessions-delete": ("GET events/{event}/sessions/{session}/uses",),
    "sign-in-rules": ("GET sign-in-rules",),
    "tag-coverage": ("GET tag-coverage",),
    "tags": ("GET tags",),
    "users": ("GET users",),
}
"""The endpoints that read what a page shows, as far as a page shows nothing else."""
LOOK_FIRST: Final = frozenset(
    {
        *("attendee-types", "configure", "connection", "connection-versions", "custom-statuses", "flow-test", "flow-versions"),
        *("job", "mapping", "mapping-versions", "notification-rule", "questions", "retry-job", "sessions", "tag"),
    }
)
"""Pages that look for what they are about before they ask for the role: here nothing is there, so each role gets 404."""
BY_ANOTHER_RIGHT: Final = {
    "flow-test": "A Viewer tests the flow as it is stored (GET flows/{flow}/test); what is edited is for who may edit it.",
    "erase-resume": "The report is for Administrators; that a job which one of them has begun goes on is for Planners, too.",
}
"""Why a page's form and its endpoint need different roles."""


@pytest.fixture
def people(db: None) -> dict[Role, User]:
    return team(create_account(AccountFacts("API", "API"), by="test"))


@pytest.fixture
def client(people: dict[Role, User]) -> Client:
    return signed_in(people[Role.ADMINISTRATOR])


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def status_without_traces(client: Client, method: str, path: str) -> int:
    before = transaction.savepoint_create()
    status = client.generic(method, path).status_code
    transaction.savepoint_rollback(before)
    return status


def test_each_form_of_the_pages_has_its_endpoint_or_a_reason(client: Client) -> None:
    """A view answers OPTIONS with the methods that it takes."""
    forms = set()
    for route in every_route():
        if not route.path.startswith("/api/") and "POST" in client.options(route.path).headers.get("Allow", ""):
            forms.add(route.name)
    assert len(forms) > 80
    undecided = forms - ENDPOINTS.keys() - REASONS.keys()
    assert not undecided, "these pages have a form: add to tests/form_endpoints.py the endpoints that do the same, or why there are none"
    assert ENDPOINTS.keys() - forms == set(), "these pages are gone"
    assert not ENDPOINTS.keys() & REASONS.keys()


def test_each_endpoint_that_writes_has_its_form_or_a_reason() -> None:
    """Whoever adds one names the page whose form does the same. So their roles and what both leave are compared."""
    writing = {f"{method} {path}" for method, path in ROUTES if method != "GET"}
    listed = {each for names in ENDPOINTS.values() for each in names}
    assert listed - writing == set(), "tests/form_endpoints.py names what is gone"
    undecided = writing - listed - FOR_PROGRAMS.keys()
    assert not undecided, "add these to tests/form_endpoints.py, at the page whose form does the same, or why there is none"
    assert FOR_PROGRAMS.keys() <= writing - listed


@pytest.mark.parametrize(("method", "table"), [("POST", ENDPOINTS), ("GET", READS)])
def test_P1_a_page_and_its_endpoint_need_the_same_role(people: dict[Role, User], method: str, table: dict[str, tuple[str, ...]]) -> None:
    """The role of a page is the lowest one that it does not refuse. What is not there is a 404 for those who may.

    What a form made is taken back after each request: pages about the first flow, which that of a new flow makes, find nothing.
    """
    clients = {role: signed_in(people[role]) for role in sorted(Role, key=RANKS.__getitem__)}
    paths = {route.name: route.path for route in every_route()}
    needs = {f"{verb} {path}": role for (verb, path), (_scope, role, _reads) in ROUTES.items()}
    looked_first, different = set(), []
    for name, endpoints in table.items():
        statuses = {role: status_without_traces(client, method, paths[name]) for role, client in clients.items()}
        if set(statuses.values()) == {404}:
            looked_first.add(name)
            continue
        role = next(role for role, status in statuses.items() if status != 403)
        different += [
            f"the page {name} needs {role.value}, {each} needs {needs[each].value}"
            for each in endpoints
            if needs[each] is not role and name not in BY_ANOTHER_RIGHT
        ]
    assert not different, "\n".join(different)
    assert looked_first == (LOOK_FIRST if table is ENDPOINTS else set()), "every role gets 404 from these pages: see LOOK_FIRST"
