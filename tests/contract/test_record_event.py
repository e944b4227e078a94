"""Changes of an event (P2, P10, F4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.builders import bodies
from tests.builders.stored_account import StoredAccount, stored_account

from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.domain.registration.change import Facet, SubjectKind
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.recording.batches import record_batch
from heliograph.recording.contents import read_changes
from heliograph.recording.event_record import EventCodeTaken, record_event
from heliograph.store import configuration_versions


@pytest.fixture
def watched(setup: StoredAccount) -> StoredAccount:
    """The account with a flow for events that are Live."""
    mapping = bodies.mapping("Event", {"code": "event.code"}, subject="event")
    setup.save({("mapping", setup.id(403)): mapping})
    destination = Destination(setup.id(910), "CRM", connection=setup.connection, payload_mapping=setup.id(403))
    setup.save_flow(
        Flow(
            setup.id(910),
            1,
            "Events",
            Mode.LIVE,
            True,
            Watch.EVENT,
            event_statuses=(setup.tags["Event Live"],),
            destinations=(destination,),
        )
    )
    return setup


def created(s: StoredAccount, state: EventState):
    with s.db.transaction():
        configuration_versions.lock_exclusive(s.db, read_accounts=[s.account])
        return record_event(s.db, s.account, None, state, by="user:7", provider=s.provider)


def state_of(s: StoredAccount, **changes) -> EventState:
    return replace(s.provider.event(s.event).state, **changes)


def changes(s: StoredAccount, event: int) -> list[tuple]:
    return s.db.all(
        "SELECT kind, subject_id, registration_id, version, facets, mode, processed, by FROM change WHERE account_id = :a AND event_id = :e ORDER BY id",
        {"a": s.account, "e": event},
    )


def test_P2_a_new_event_is_one_change_and_is_decided(watched):
    found = created(watched, EventState("MEETUP", "Meetup", watched.event_statuses["Live"], start=datetime(2026, 5, 1, 9, tzinfo=UTC)))
    assert found.created
    ((kind, subject, registration, version, facets, mode, processed, by),) = changes(watched, found.event)
    assert (kind, subject, registration, version, facets) == (SubjectKind.EVENT, found.event, None, 1, Facet.EVENT_CREATED)
    assert (mode, bool(processed), by) == (1, True, "user:7")
    assert watched.db.all("SELECT flow_id, decision FROM run WHERE change_id = :c", {"c": found.change}) == [(watched.id(910), 2)]
    ((subject, action_registration),) = watched.db.all(
        "SELECT l.subject_id, a.registration_id FROM action a JOIN lane l ON l.id = a.lane_id WHERE a.change_id = :c", {"c": found.change}
    )
    assert (subject, action_registration) == (found.event, None)
    assert watched.provider.event(found.event).state.start == datetime(2026, 5, 1, 9, tzinfo=UTC)
    ((code, name, start),) = watched.db.all("SELECT code, name, start FROM event WHERE id = :e", {"e": found.event})
    assert (code, name) == ("MEETUP", "Meetup")
    assert str(start).startswith("2026-05-01 09:00:00")


def test_P10_a_save_that_changes_nothing_is_no_change(watched):
    version = watched.provider.event(watched.event).version
    assert watched.save_event(state_of(watched)) is None
    assert watched.provider.event(watched.event).version == version


def test_P2_a_later_save_is_one_change_with_the_old_values(watched):
    change = watched.save_event(state_of(watched, name="Renamed", location="Bonn", custom={watched.id(511): ("North",)}))
    (found, _), *_ = read_changes(watched.db, [change]).values()
    assert found.before == {"name": "Summit", "location": "", f"custom.{watched.id(511)}": ()}
    assert found.event_state == state_of(watched)
    assert [row[3:5] for row in changes(watched, watched.event)] == [(1, Facet.EVENT_CREATED), (2, Facet.EVENT_UPDATED)]


def test_P2_the_old_times_of_a_change_can_be_read(watched):
    watched.save_event(state_of(watched, start=datetime(2026, 5, 1, 9, tzinfo=UTC)))
    change = watched.save_event(state_of(watched, start=None, tags=(watched.tags["VIP"],)))
    (found, _), *_ = read_changes(watched.db, [change]).values()
    assert found.before == {"start": "2026-05-01T09:00:00Z", "tags": ()}


def test_P9_the_switch_out_of_testing_is_one_event_change(store):
    s = stored_account(store, event_status="Testing")
    s.save_event(state_of(s, status=s.event_statuses["Live"]))
    assert [row[5] for row in changes(s, s.event)] == [2, 1]
    (answer,) = record_batch(s.db, [s.item("R1")], s.provider)
    assert s.db.all("SELECT mode FROM change WHERE id = :c", {"c": answer.changes[0]}) == [(1,)]


def test_P9_a_quiet_event_change_is_judged_by_no_flow(watched):
    change = watched.save_event(state_of(watched, name="Quiet"), quiet=True)
    assert watched.db.all("SELECT count(*) FROM run WHERE change_id = :c", {"c": change}) == [(0,)]


def test_P2_a_code_is_unique_in_the_account(watched, store):
    with pytest.raises(EventCodeTaken):
        created(watched, EventState(watched.event_code, "Another", watched.event_statuses["Live"]))
    other_case = watched.event_code.swapcase()
    assert other_case != watched.event_code
    with pytest.raises(EventCodeTaken, match=watched.event_code):
        created(watched, EventState(other_case, "Another", watched.event_statuses["Live"]))
    stored_account(store)  # has an event of the same code


def test_P2_an_event_may_take_its_own_code_in_other_letters(watched):
    watched.save_event(state_of(watched, code=watched.event_code.swapcase()))
    assert watched.provider.event(watched.event).code == watched.event_code.swapcase()


def test_P2_the_database_holds_no_two_codes_that_differ_in_capitals_alone(watched):
    second = created(watched, EventState("Another", "Another", watched.event_statuses["Live"])).event
    with pytest.raises(Exception, match=r"(?i)unique"), watched.db.transaction():
        watched.db.run("UPDATE event SET code = :code WHERE id = :id", {"code": watched.event_code.swapcase(), "id": second})


def test_P2_an_event_of_another_account_does_not_exist(watched, store):
    other = stored_account(store)
    with pytest.raises(KeyError), store.transaction():
        record_event(store, watched.account, other.event, state_of(watched, code="MINE"), by="test", provider=watched.provider)
    assert other.provider.event(other.event).code == other.event_code


def test_P2_a_renamed_event_is_found_by_its_new_code_only(watched):
    watched.save_event(state_of(watched, code="SUMMIT-27"))
    answers = record_batch(watched.db, [watched.item("R1")], watched.provider)
    assert answers[0].outcome is ItemOutcome.REFUSED
    watched.event_code = "SUMMIT-27"
    assert record_batch(watched.db, [watched.item("R1")], watched.provider)[0].outcome is ItemOutcome.CREATED


def test_D2_subjects_of_all_kinds_draw_their_ids_from_one_sequence(watched):
    """Otherwise a flow that changes its watch could meet another subject's lane."""
    (answer,) = record_batch(watched.db, [watched.item("R1", sessions=[{"code": "KEYNOTE"}])], watched.provider)
    event = created(watched, EventState("MEETUP", "Meetup", watched.event_statuses["Live"])).event
    sessions = [id for (id,) in watched.db.all("SELECT id FROM session_registration WHERE account_id = :a", {"a": watched.account})]
    assert len({watched.event, event, answer.registration, *sessions}) == 4
