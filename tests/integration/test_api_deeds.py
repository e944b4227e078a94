"""Each form of the pages has its endpoint, or a reason why programs have none: a new page that changes something fails here until it is decided."""

from __future__ import annotations

from typing import Final

import pytest
from django.test import Client
from tests.api_routes import ROUTES
from tests.builders.people import team
from tests.routes import every_route

from heliograph.accounts.models import Role
from heliograph.setup.services.account_creation import AccountFacts, create_account

ENDPOINTS: Final[dict[str, tuple[str, ...]]] = {
    "account-settings": ("PATCH account",),
    "api-token-new": ("POST tokens",),
    "api-token-revoke": ("DELETE tokens/{token}",),
    "attendee-types": ("POST events/{event}/attendee-types", "PATCH events/{event}/attendee-types/{attendee_type}"),
    "attendee-types-delete": ("DELETE events/{event}/attendee-types/{attendee_type}",),
    "attendee-types-edit": ("PATCH events/{event}/attendee-types/{attendee_type}",),
    "configure": ("POST events/{event}/properties", "PATCH events/{event}/properties/{property}"),
    "configure-delete": ("DELETE events/{event}/properties/{property}",),
    "configure-edit": ("PATCH events/{event}/properties/{property}",),
    "connection": ("PATCH connections/{connection}", "POST connections/{connection}/test"),
    "connection-add": ("POST connections", "POST presets/{preset}/connections"),
    "connection-copy": ("POST connections/{connection}/copy",),
    "connection-delete": ("DELETE connections/{connection}",),
    "connection-pause": ("POST connections/{connection}/pause", "POST connections/{connection}/resume"),
    "connection-release": ("POST connections/{connection}/release",),
    "connection-rule": (
        "PUT connections/{connection}/rule",
        "POST connections/{connection}/rule/trial",
        "DELETE connections/{connection}/rule",
    ),
    "connection-signing": ("POST connections/{connection}/signing", "DELETE connections/{connection}/signing"),
    "connection-versions": ("POST connections/{connection}/versions/{version}/restoration",),
    "custom-statuses": ("POST events/{event}/custom-statuses", "PATCH events/{event}/custom-statuses/{status}"),
    "custom-statuses-delete": ("DELETE events/{event}/custom-statuses/{status}",),
    "custom-statuses-edit": ("PATCH events/{event}/custom-statuses/{status}",),
    "event-add": ("POST events",),
    "event-copy": ("POST events/{event}/copy",),
    "event-data": ("POST event-data",),
    "event-data-delete": ("DELETE event-data/{field}",),
    "event-data-edit": ("PATCH event-data/{field}",),
    "event-details": ("PATCH events/{event}",),
    "event-leave-testing": ("POST events/{event}/leave-testing",),
    "event-statuses": ("PATCH event-statuses/{status}",),
    "flow": ("PATCH flows/{flow}",),
    "flow-copy": ("POST flows/{flow}/copy",),
    "flow-delete": ("DELETE flows/{flow}",),
    "flow-new": ("POST flows",),
    "flow-new-test": ("POST flows/test", "POST flows/trial"),
    "flow-send": ("POST flows/{flow}/send",),
    "flow-test": ("POST flows/{flow}/test", "POST flows/{flow}/trial"),
    "flow-toggle": ("PATCH flows/{flow}",),
    "flow-versions": ("POST flows/{flow}/versions/{version}/restoration",),
    "job": ("POST jobs/{job}/pause", "POST jobs/{job}/resume", "POST jobs/{job}/cancel"),
    "mapping": ("PATCH mappings/{mapping}", "POST mappings/preview"),
    "mapping-copy": ("POST mappings/{mapping}/copy",),
    "mapping-delete": ("DELETE mappings/{mapping}",),
    "mapping-new": ("POST mappings",),
    "mapping-versions": ("POST mappings/{mapping}/versions/{version}/restoration",),
    "profile-data": ("POST profile-data",),
    "profile-data-delete": ("DELETE profile-data/{field}",),
    "profile-data-edit": ("PATCH profile-data/{field}",),
    "questions": ("POST events/{event}/questions", "PATCH events/{event}/questions/{question}"),
    "questions-delete": ("DELETE events/{event}/questions/{question}",),
    "questions-edit": ("PATCH events/{event}/questions/{question}",),
    "records-export": ("POST records/{kind}/export",),
    "registration": ("PATCH registrations/{registration}",),
    "registration-active": ("POST registrations/{registration}/is-active",),
    "registration-add": ("POST registrations",),
    "registration-statuses": ("PATCH registration-statuses/{status}",),
    "registrations-status": ("POST registrations/set-status",),
    "replay": ("POST replays",),
    "replay-act": ("POST replays/{replay}/pause", "POST replays/{replay}/resume", "POST replays/{replay}/cancel"),
    "replay-send": ("POST replays/{replay}/start",),
    "retention": ("PATCH retention",),
    "retry-discard": ("POST retry/discard",),
    "retry-download": ("POST retry/downloads",),
    "retry-download-again": ("POST retry/downloads/{download}/submit",),
    "retry-download-ready": ("POST jobs/{job}/cancel",),
    "retry-intervals": ("PATCH retry-intervals",),
    "retry-job": ("POST jobs/{job}/pause", "POST jobs/{job}/resume", "POST jobs/{job}/cancel"),
    "retry-resend": ("POST retry/{item}/resend",),
    "retry-submit": ("POST retry/submit", "POST retry/submit-all"),
    "session-registration-statuses": ("PATCH session-registration-statuses/{status}",),
    "sessions": ("POST events/{event}/sessions", "PATCH events/{event}/sessions/{session}"),
    "sessions-delete": ("DELETE events/{event}/sessions/{session}",),
    "sessions-edit": ("PATCH events/{event}/sessions/{session}",),
    "sign-in-rules": ("PATCH sign-in-rules",),
    "sync-now": ("POST registrations/{registration}/sync",),
    "tag": ("PATCH tags/{tag}",),
    "tag-coverage": ("POST tag-coverage/apply",),
    "tag-delete": ("DELETE tags/{tag}",),
    "tag-merge": ("POST tags/{tag}/merge",),
    "tags": ("POST tags",),
    "user": ("PATCH users/{user}",),
    "user-act": (
        "PATCH users/{user}",
        "DELETE users/{user}",
        "POST users/{user}/links",
        "DELETE users/{user}/sessions",
        "DELETE users/{user}/second-factor",
    ),
    "user-invite": ("POST users",),
    "why-others": ("POST changes/{change}/flows/{flow}/others/judge-again",),
}
"""The endpoints that do what a page's form does."""

A_PERSON: Final = "A person signs in, and manages the own password and second factor, in a browser: a token is no person."
REASONS: Final = {
    "account_change_password": A_PERSON,
    "account_login": A_PERSON,
    "account_logout": A_PERSON,
    "account_reauthenticate": A_PERSON,
    "end-session": A_PERSON,
    "first-start": A_PERSON,
    "invitation": A_PERSON,
    "me": A_PERSON,
    "mfa_activate_totp": A_PERSON,
    "mfa_authenticate": A_PERSON,
    "mfa_deactivate_totp": A_PERSON,
    "mfa_generate_recovery_codes": A_PERSON,
    "mfa_reauthenticate": A_PERSON,
    "new-password": A_PERSON,
    "second-factor-replace": A_PERSON,
    "import": "A program sends registrations as documents (POST registrations.ndjson, /ingest); a file with columns is for people, or `heliograph import`.",
    "import-columns": "As import.",
    "import-dry-run": "As import.",
    "oauth-connect": "The consent of OAuth2 is given by a person in a browser, at the application.",
}
"""Why a page's form has no endpoint."""


@pytest.fixture
def client(db: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(team(create_account(AccountFacts("API", "API"), by="test"))[Role.ADMINISTRATOR])
    return client


def test_each_form_of_the_pages_has_its_endpoint_or_a_reason(client: Client) -> None:
    """A view answers OPTIONS with the methods that it takes."""
    forms = set()
    for route in every_route():
        if not route.path.startswith("/api/") and "POST" in client.options(route.path).headers.get("Allow", ""):
            forms.add(route.name)
    assert len(forms) > 80
    assert forms - ENDPOINTS.keys() - REASONS.keys() == set()
    assert ENDPOINTS.keys() - forms == set(), "these pages are gone"
    assert not ENDPOINTS.keys() & REASONS.keys()


def test_the_endpoints_of_the_forms_are_there() -> None:
    known = {f"{method} {path}" for method, path in ROUTES}
    assert {each for names in ENDPOINTS.values() for each in names} - known == set()
