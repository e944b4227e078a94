"""A plan of a configuration file keeps nobody waiting (B5; docs/design/configuration.md, section 6)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django_scopes import scope
from tests.api_client import ApiClient
from tests.configuration_files import WHOLE, applied, new_account, planned, value
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE

from heliograph.api.configuration.configuration_file import MOST_PROBLEMS, FileRefused
from heliograph.api.configuration.configuration_plan import FileToApply, plan_file
from heliograph.api.configuration.plan_rehearsal import PlanRunning
from heliograph.api.configuration.secret_references import SecretReference
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import Tag
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.tags import TagFacts, save_tag
from heliograph.store.rehearsal import HiddenTable, hide_tables, rehearsal


@pytest.fixture
def account(database: DatabaseFacts) -> Iterator[int]:
    id = new_account("ACME")
    with scope(account=id):
        yield id


def planned_with(account: int, in_the_middle: Callable[[], None]) -> None:
    """Plans the whole file, and runs something else after its tags and events are saved, before its connections."""
    is_done = False

    def value_of(reference: SecretReference) -> str | None:
        nonlocal is_done
        if not is_done:
            is_done = True
            in_the_middle()
        return value(reference)

    plan_file(account, FileToApply(WHOLE, value_of=value_of), by="test")
    assert is_done


def elsewhere(deed: Callable[[], object]) -> None:
    """Runs something on another thread, and so on another connection, to its end."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            deed()
        except BaseException as error:  # noqa: BLE001 -- raised again below
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits for the plan"
    if errors:
        raise errors[0]


def test_B5_others_save_and_record_while_a_file_is_planned(account: int) -> None:
    """The same account saves a tag of a name that the plan adds, too, under the exclusive lock of its configuration."""

    def save() -> None:
        with saving(account, by="test", whole_account=True) as transaction:
            save_tag(transaction, TagFacts("VIP", frozenset({TagKind.EVENT})))

    planned_with(account, lambda: elsewhere(save))
    assert [tag.name for tag in Tag.objects.all()] == ["VIP"]


def test_B5_an_account_has_one_plan_at_a_time(account: int) -> None:
    def plan_again() -> None:
        with pytest.raises(PlanRunning):
            planned(account, "tags: []\n")
        planned(new_account("OTHER"), "tags: []\n")

    planned_with(account, lambda: elsewhere(plan_again))
    assert planned(account, WHOLE).counts["added"] == 34


def test_B5_a_plan_after_a_file_was_applied_sees_what_is_stored(account: int) -> None:
    """What a rehearsal copies is all that saving reads: changing, renaming and deleting find their rows, and nothing of it is stored."""
    applied(account, WHOLE)
    text = "tags:\n  - {name: VIP2, was: VIP, kinds: [attendee_type, registration_property]}\nflows: []\nsources: []\nmappings: []\nconnections: []\n"
    plan = planned(account, text, prune=True)
    done = applied(account, text, prune=True, allow_wider=True)
    assert [(each.section, each.name, each.kind, each.members) for each in plan.changes] == [
        (each.section, each.name, each.kind, each.members) for each in done.changes
    ]


@pytest.mark.django_db
def test_B5_sections_that_do_not_exist_are_refused_before_any_statement() -> None:
    text = "".join(f"s{number}: []\n" for number in range(2_000))
    with CaptureQueriesContext(connection) as queries, pytest.raises(FileRefused) as refused:
        planned(1, text)
    assert len(refused.value.problems) == MOST_PROBLEMS
    assert len(queries) == 0


def test_B5_a_plan_by_rest_beside_another_says_when_to_come_back(account: int) -> None:
    def ask() -> None:
        response = ApiClient.for_account(account).send("POST", "configuration/plan", {"text": "tags: []\n"})
        assert (response.status_code, response.headers["Retry-After"]) == (429, "60")

    planned_with(account, lambda: elsewhere(ask))


def test_a_rehearsal_writes_nothing_but_its_copies(database: DatabaseFacts) -> None:
    id = new_account("ACME")
    with scope(account=id):
        with rehearsal():
            hide_tables(id, [HiddenTable("tag", "account_id = :account")])
            Tag.objects.create(account_id=id, name="One", label="One", kinds=["event"])
            assert Tag.objects.count() == 1
        assert not Tag.objects.exists()
        Tag.objects.create(account_id=id, name="Two", label="Two", kinds=["event"])
    assert connection.in_atomic_block is False
