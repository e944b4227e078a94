"""record(): the results of a saved document, on both databases (P8-P10, I2, F3, F7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.builders.stored_account import StoredAccount, stored_account

from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Flow, Mode, Watch
from heliograph.domain.registration.change import Facet
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.recording.batches import record_batch
from heliograph.recording.contents import read_changes, read_state
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import record
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database


class Undone(Exception):
    """Rolls back the caller's transaction."""


def save(s: StoredAccount, *items: RecordItem) -> list[ItemResult]:
    return record_batch(s.db, items, s.provider)


def one(s: StoredAccount, code: str = "R1", /, **document: object) -> ItemResult:
    (answer,) = save(s, s.item(code, **document))
    return answer


def rows(s: StoredAccount, table: str, columns: str, order: str = "id") -> list[tuple]:
    return s.db.all(f"SELECT {columns} FROM {table} WHERE account_id = :a ORDER BY {order}", {"a": s.account})


def count(s: StoredAccount, table: str) -> int:
    ((n,),) = s.db.all(f"SELECT count(*) FROM {table} WHERE account_id = :a", {"a": s.account})
    return n


def facets(s: StoredAccount) -> list[Facet]:
    return [Facet(f) for (f,) in rows(s, "change", "facets")][1:]  # the first is the event's own


def state_of(s: StoredAccount, code: str = "R1"):
    ((text,),) = s.db.all("SELECT state FROM registration WHERE account_id = :a AND code = :c", {"a": s.account, "c": code})
    return read_state(text)


# --- P10: one change per save that changes something


def test_P10_a_creation_is_one_change_with_a_run_and_an_action(setup):
    answer = one(setup, status="Attended", profile={"first_name": "Zoë", "last_name": "Müller"})
    assert (answer.outcome, answer.version, len(answer.changes)) == (ItemOutcome.CREATED, 1, 1)
    assert facets(setup) == [Facet.CREATED | Facet.STATUS_CHANGED]
    (change,) = rows(setup, "change", "id, registration_id, version, mode, processed, quiet, by")[1:]
    assert change[0] == answer.changes[0]
    assert change[1] == answer.registration
    assert (change[2], change[3], bool(change[4]), bool(change[5]), change[6]) == (1, 1, True, False, "test")
    assert rows(setup, "run", "change_id, flow_id, flow_number, decision, reason") == [(answer.changes[0], setup.flows["All"], 1, 2, "")]
    ((action, *of_action),) = rows(setup, "action", "id, change_id, version, state, origin, rank, uid, lane_id, run_id")
    assert of_action[:5] == [answer.changes[0], 1, 1, 0, 20]
    assert of_action[5].startswith("msg_")
    assert of_action[7] == rows(setup, "run", "id")[0][0]
    assert action
    assert rows(setup, "lane", "id, subject_id, state, rank") == [(of_action[6], answer.registration, 1, 20)]


def test_P10_a_later_status_change_is_updated_and_status_changed(setup):
    one(setup)
    assert one(setup, status="Attended").outcome is ItemOutcome.UPDATED
    assert one(setup, profile={"email": "a@example.org"}).version == 3
    assert facets(setup) == [Facet.CREATED | Facet.STATUS_CHANGED, Facet.UPDATED | Facet.STATUS_CHANGED, Facet.UPDATED]


def test_P10_a_save_that_changes_nothing_makes_no_change(setup):
    document = {"status": "Attended", "profile": {"email": "a@example.org"}, "answers": {"dietary": ["Vegan"]}, "properties": {"VIP guest": True}, "sessions": [{"code": "KEYNOTE"}]}  # fmt: skip
    first = one(setup, **document)
    before = [count(setup, table) for table in ("change", "run", "action", "figure_delta")]
    again = one(setup, **document)
    assert again == ItemResult(ItemOutcome.UNCHANGED, first.registration, 1)
    assert [count(setup, table) for table in ("change", "run", "action", "figure_delta")] == before


def test_P10_the_change_holds_the_state_after_it_and_the_old_values(setup):
    one(setup, status="New", profile={"email": "old@example.org"}, answers={"dietary": ["Vegan"]})
    answer = one(setup, status="Attended", profile={"email": "new@example.org"}, answers={"dietary": None})
    (found, of_config), *_ = read_changes(setup.db, answer.changes).values()
    assert found.registration == state_of(setup)
    assert found.before == {"status": setup.statuses["New"], "profile.email": "old@example.org", f"answer.{setup.id(611)}": ("Vegan",)}
    assert of_config[:2] == (setup.account, setup.event)


def test_P10_each_session_registration_has_its_own_change(setup):
    answer = one(setup, sessions=[{"code": "KEYNOTE"}, {"code": "PANEL", "status": "Waitlisted"}])
    assert len(answer.changes) == 3
    again = one(setup, sessions=[{"code": "KEYNOTE", "status": "Attended"}, {"code": "PANEL", "status": "Waitlisted"}])
    assert (again.outcome, again.version, len(again.changes)) == (ItemOutcome.UPDATED, 1, 1)
    assert facets(setup) == [Facet.CREATED | Facet.STATUS_CHANGED, *[Facet.SESSION_STATUS_CHANGED] * 3]
    found = rows(setup, "change", "subject_id, version, session_id", "id")[2:]
    (keynote, one_, session), (panel, _, _), (same, two, _) = found
    assert (one_, two, session) == (1, 2, setup.id(631))
    assert keynote == same != panel
    stored = rows(setup, "session_registration", "session_id, status_id, version")
    assert stored == [(setup.id(631), setup.session_statuses["Attended"], 2), (setup.id(632), setup.session_statuses["Waitlisted"], 1)]
    (change, _), *_ = read_changes(setup.db, again.changes).values()
    assert change.before == {"session_status": setup.session_statuses["Registered"]}


def test_P10_two_changes_of_one_registration_in_one_batch_see_each_other(setup):
    answers = save(
        setup,
        setup.item("R1", status="New", profile={"email": "a@example.org"}),
        setup.item("R2"),
        setup.item("R1", status="Attended", sessions=[{"code": "KEYNOTE"}]),
        setup.item("R1", status="Attended", sessions=[{"code": "KEYNOTE", "status": "Attended"}]),
        setup.item("R1", profile={"email": None}),
    )
    assert [a.outcome.value for a in answers] == ["created", "created", "updated", "updated", "updated"]
    assert [a.version for a in answers] == [1, 1, 2, 2, 3]
    assert [len(a.changes) for a in answers] == [1, 1, 2, 1, 1]
    assert state_of(setup).profile == {}
    ids = [id for a in answers for id in a.changes]
    assert ids == sorted(ids)
    assert rows(setup, "session_registration", "status_id, version") == [(setup.session_statuses["Attended"], 2)]


def test_P10_versions_have_no_gaps(setup):
    for n in range(3):
        save(setup, *(setup.item(f"R{n}", order_code=str(i), sessions=[{"code": "PANEL", "status": s}]) for i, s in enumerate(("Registered", "Attended", "Registered"))))  # fmt: skip
    for subject, versions in setup.db.all(
        "SELECT subject_id, count(*) FROM change WHERE account_id = :a GROUP BY subject_id HAVING count(*) <> max(version) OR min(version) <> 1",
        {"a": setup.account},
    ):
        pytest.fail(f"subject {subject} has {versions} changes with gaps")
    assert rows(setup, "registration", "version") == [(3,)] * 3


def test_P10_nothing_is_recorded_where_the_caller_rolls_back(setup):
    before = count(setup, "change")

    def undone() -> None:
        with setup.db.transaction():
            (answer,) = record(setup.db, [setup.item("R1", key="k")], setup.provider)
            assert answer.outcome is ItemOutcome.CREATED
            raise Undone

    with pytest.raises(Undone):
        undone()
    assert count(setup, "change") == before
    assert count(setup, "registration") == count(setup, "idempotency") == 0


# --- P8, P9: inactive, quiet, test


def test_P8_clearing_is_active_is_one_last_change_and_later_ones_are_judged_by_no_flow(setup):
    one(setup)
    one(setup, active=False, status="Cancelled")
    assert count(setup, "run") == 2
    answer = one(setup, status="New", sessions=[{"code": "KEYNOTE"}])
    assert (answer.outcome, len(answer.changes)) == (ItemOutcome.UPDATED, 2)
    assert count(setup, "run") == 2
    one(setup, active=True)
    assert count(setup, "run") == 3
    assert [bool(p) for (p,) in rows(setup, "change", "processed")][1:] == [True, True, False, False, True]


def test_P9_quiet_is_in_the_timeline_and_judged_by_no_flow(setup):
    (answer,) = save(setup, setup.item("R1", quiet=True, status="Attended"))
    assert answer.outcome is ItemOutcome.CREATED
    assert rows(setup, "change", "quiet, processed")[1:] == [(True, False)]
    assert count(setup, "run") == count(setup, "action") == 0


@pytest.mark.parametrize(("status", "is_test"), [("Planning", True), ("Testing", True), ("Live", False), ("Completed", False)])
def test_P9_created_while_the_event_is_planned_or_tested_is_test(store, status, is_test):
    s = stored_account(store, event_status=status)
    one(s, "R1")
    one(s, "R2", properties={"Test": True})
    one(s, "R3", properties={"Test": False})
    assert [bool(t) for (t,) in rows(s, "registration", "is_test")] == [is_test, True, False]
    assert [state_of(s, code).is_test for code in ("R1", "R2", "R3")] == [is_test, True, False]


def test_F3_the_mode_is_stored_on_change_run_and_action(setup):
    flow = Flow(setup.id(902), 1, "T", Mode.TEST, True, Watch.REGISTRATION)
    setup.save_flow(flow)
    one(setup, "R1")
    one(setup, "R2", properties={"Test": True})
    assert rows(setup, "change", "mode")[1:] == [(1,), (2,)]
    assert rows(setup, "run", "flow_id, mode") == [(setup.flows["All"], 1), (flow.id, 2)]
    assert rows(setup, "action", "mode") == [(1,), (2,)]


# --- I2: absent, null, stale, by hand


def test_I2_absent_is_unchanged_and_null_is_cleared(setup):
    one(setup, attendee_type="Speaker", order_code="O-1", profile={"email": "a@example.org", "city": "Bonn", "custom": {"shirt": "M"}})
    one(setup, profile={"city": None})
    assert dict(state_of(setup).profile) == {"email": "a@example.org"}
    one(setup, attendee_type=None, order_code=None, profile={"custom": {"shirt": None}})
    state = state_of(setup)
    assert (state.attendee_type, state.order_code, dict(state.custom)) == (None, "", {})
    assert state.profile == {"email": "a@example.org"}


def test_I2_what_a_sender_sent_later_is_not_overwritten_by_what_it_sent_before(setup):
    assert one(setup, modified="2026-03-01T09:30:00Z", order_code="1").outcome is ItemOutcome.CREATED
    assert one(setup, modified="2026-03-01T09:29:59Z", order_code="0").outcome is ItemOutcome.STALE
    assert one(setup, modified="2026-03-01T10:30:00+01:00", order_code="2").outcome is ItemOutcome.UPDATED  # equal
    assert one(setup, order_code="3").outcome is ItemOutcome.UPDATED  # absent
    assert one(setup, modified="2026-03-02T00:00:00Z", order_code="3").outcome is ItemOutcome.UNCHANGED
    assert one(setup, modified="2026-03-01T23:00:00Z", order_code="4").outcome is ItemOutcome.STALE  # the unchanged document counts
    assert state_of(setup).order_code == "3"


def test_I2_stale_within_one_batch(setup):
    answers = save(
        setup, *(setup.item("R1", modified=f"2026-03-01T09:00:0{n}Z", order_code=str(n), sessions=[{"code": "KEYNOTE"}]) for n in (5, 3, 7))
    )
    assert [a.outcome.value for a in answers] == ["created", "stale", "updated"]
    assert state_of(setup).order_code == "7"


def test_I2_an_edit_by_hand_is_never_stale_and_makes_none(setup):
    one(setup, modified="2026-03-01T09:30:00Z", order_code="1")
    (answer,) = save(setup, setup.item("R1", by_hand=True, modified="2020-01-01T00:00:00Z", order_code="2"))
    assert answer.outcome is ItemOutcome.UPDATED
    (answer,) = save(setup, setup.item("R1", by_hand=True, modified="2030-01-01T00:00:00Z", order_code="3"))
    assert answer.outcome is ItemOutcome.UPDATED
    assert one(setup, modified="2026-03-01T09:30:01Z", order_code="4").outcome is ItemOutcome.UPDATED


def test_I2_a_newer_version_than_the_form_showed_is_a_conflict(setup):
    first = one(setup, order_code="1")
    one(setup, order_code="2")
    (answer,) = save(setup, setup.item("R1", by_hand=True, expected=1, order_code="3"))
    assert answer == ItemResult(ItemOutcome.CONFLICT, first.registration, 2)
    assert state_of(setup).order_code == "2"
    (answer,) = save(setup, setup.item("R1", by_hand=True, expected=2, order_code="3"))
    assert (answer.outcome, answer.version) == (ItemOutcome.UPDATED, 3)


def test_I2_a_conflict_about_what_is_not_there_makes_no_row(setup):
    (answer,) = save(setup, setup.item("GONE", expected=4))
    assert answer == ItemResult(ItemOutcome.CONFLICT, None, 0)
    assert count(setup, "registration") == 0
    answers = save(setup, setup.item("R1", expected=4), setup.item("R1"))
    assert [a.outcome.value for a in answers] == ["conflict", "created"]
    assert rows(setup, "registration", "code, version") == [("R1", 1)]


def test_I2_codes_are_compared_exactly_after_nfc_and_trim(setup):
    answers = save(setup, setup.item("Zo\u00eb"), setup.item(" Zoe\u0308 ", order_code="1"), setup.item("zo\u00eb"))
    assert [a.outcome.value for a in answers] == ["created", "updated", "created"]


# --- I2: what is refused


def test_I2_an_unknown_event_is_refused_with_the_codes_that_there_are(setup):
    (answer,) = record_batch(setup.db, [RecordItem(setup.account, {"event": "SUMMIT-27", "code": "R1"}, "test")], setup.provider)
    assert answer.outcome is ItemOutcome.REFUSED
    assert [(p.field, p.allowed, p.value) for p in answer.problems] == [("event", (setup.event_code,), "SUMMIT-27")]


def test_I2_a_bad_item_costs_its_neighbours_nothing(setup):
    answers = save(
        setup, setup.item("R1"), setup.item("R2", status="Atended"), setup.item("", status="New"), setup.item("R3", profile={"email": "a\0b"}), setup.item("R4")
    )  # fmt: skip
    assert [a.outcome.value for a in answers] == ["created", "refused", "refused", "refused", "created"]
    assert [a.problems[0].field for a in answers if a.problems] == ["status", "code", "profile.email"]
    assert [code for (code,) in rows(setup, "registration", "code")] == ["R1", "R4"]


def test_I1_an_account_never_meets_another_ones_event(setup, store):
    other = stored_account(store)
    both = [setup.item("R1"), other.item("R1"), setup.item("R1", order_code="1")]
    answers = record_batch(store, both, setup.provider)
    assert [a.outcome.value for a in answers] == ["created", "created", "updated"]
    assert count(setup, "registration") == count(other, "registration") == 1
    assert rows(other, "action", "flow_id") == [(other.flows["All"],)]
    own = Committed(store, ConfigCache())
    (answer,) = record_batch(store, [RecordItem(other.account, {"event": "ONLY-HERE", "code": "R1"}, "test")], own)
    assert answer.problems[0].allowed == (other.event_code,)


def test_P3_statuses_of_the_event_by_name(setup):
    setup.save_setup(statuses=[{"id": setup.id(701), "code": "VIPS", "name": "VIP list", "class": "Pending", "tags": []}])
    one(setup, status="vip LIST")
    assert state_of(setup).status == setup.id(701)


def test_P8_the_columns_that_lists_use(setup):
    one(
        setup,
        status="Attended",
        attendee_type="Speaker",
        profile={"first_name": " Zoë ", "last_name": "MÜLLER", "organization": "ACME", "email": "z@example.org"},
    )
    found = rows(setup, "registration", "status_id, attendee_type_id, is_active, is_test, name, organization, search, created, modified")[0]
    assert found[:2] == (setup.statuses["Attended"], setup.id(601))
    assert (bool(found[2]), bool(found[3]), found[4], found[5]) == (True, False, "Zoë MÜLLER", "ACME")
    for word in ("r1", "zoe", "muller", "z@example.org", "acme"):  # without accents
        assert word in found[6].split()
    assert found[7] == found[8]
    assert abs(datetime.fromtimestamp(found[7] / 1e6, UTC) - datetime.now(UTC)).total_seconds() < 60


# --- F7: runs that are stuck


def test_F7_an_untagged_status_is_a_retry_item_and_no_action(setup):
    setup.save({("statuses", setup.account): setup.statuses_body(untagged=("Attended",))})
    flow = replace(setup.provider.account(setup.account).flows[setup.flows["All"]], statuses=(setup.tags["New"],))
    setup.save_flow(flow)
    one(setup, "R1", status="Attended")
    one(setup, "R2", status="Cancelled")
    one(setup, "R3", status="New")
    assert rows(setup, "run", "decision, reason") == [(1, "untagged"), (1, "not selected"), (2, "")]
    ((run, change, queue, tries, due),) = rows(setup, "stuck_run", "run_id, change_id, queue, tries, due_at")
    assert (queue, tries, due) == (1, 0, None), "it waits for its tag, and no time makes it due"
    assert count(setup, "action") == 1
    assert rows(setup, "run", "id, change_id")[0] == (run, change)


def test_F7_a_flow_that_cannot_be_decided_is_a_retry_item_of_category_system(setup):
    body = setup.provider.account(setup.account).flows[setup.flows["All"]].to_body()
    broken = {**body, "filters": [{"field": "event.nonsense", "op": "is not empty", "values": []}]}
    setup.save({("flow", setup.id(950)): {**broken, "destinations": [{**body["destinations"][0], "id": setup.id(950)}]}})
    assert one(setup).outcome is ItemOutcome.CREATED
    assert rows(setup, "run", "flow_id, decision, reason") == [(setup.flows["All"], 2, ""), (setup.id(950), 1, "decision failed")]
    assert count(setup, "stuck_run") == count(setup, "action") == 1


# --- lanes


def test_D2_one_lane_per_destination_and_subject_in_the_order_of_versions(setup):
    flow = setup.provider.account(setup.account).flows[setup.flows["All"]]
    second = Flow(setup.id(902), 1, "Slack", Mode.LIVE, True, Watch.REGISTRATION, destinations=(setup.destination(setup.id(902), does=Does.ADDS), setup.destination(setup.id(903))))  # fmt: skip
    setup.save_flow(second)
    save(setup, setup.item("R1"), setup.item("R2"), setup.item("R1", order_code="1"))
    lanes = rows(setup, "lane", "destination_id, subject_id, connection_id, slot, state, rank")
    assert len(lanes) == 6
    assert {lane[0] for lane in lanes} == {flow.destinations[0].id, setup.id(902), setup.id(903)}
    assert {lane[2:] for lane in lanes} == {(setup.connection, setup.connection % 64, 1, 20)}
    actions = setup.db.all("SELECT lane_id, version FROM action WHERE account_id = :a ORDER BY id", {"a": setup.account})
    assert len(actions) == len({lane for lane, _ in actions}) + 3 == 9
    uids = [uid for (uid,) in rows(setup, "action", "uid")]
    assert len(set(uids)) == 9


def test_D2_a_lane_is_woken_by_a_newer_change(setup):
    one(setup)
    setup.db.run("UPDATE lane SET state = 2, due_at = 9, rank = 30, begun_version = 1 WHERE account_id = :a", {"a": setup.account})
    pos = rows(setup, "lane", "pos")
    one(setup, order_code="1")
    ((state, rank, due, begun, new_pos),) = rows(setup, "lane", "state, rank, due_at, begun_version, pos")
    assert (state, rank, due, begun) == (1, 20, None, 1)
    assert new_pos > pos[0][0]
    setup.db.run("UPDATE lane SET state = 0, rank = 0 WHERE account_id = :a", {"a": setup.account})
    one(setup, order_code="2")
    assert rows(setup, "lane", "state, rank") == [(1, 20)]


def test_D2_a_waiting_place_in_the_queue_is_kept(setup):
    one(setup)
    pos = rows(setup, "lane", "pos")
    one(setup, order_code="1")
    assert rows(setup, "lane", "pos") == pos


# --- the cost of a batch


def test_P10_the_statements_of_a_batch_do_not_grow_with_it(setup):
    """A list of 100 changes takes as many statements as a list of 10 (`many` and `all` count once; SQLite creates lanes one by one in the
    same process)."""
    setup.save({("statuses", setup.account): setup.statuses_body(untagged=("Invited",))})
    flow = replace(setup.provider.account(setup.account).flows[setup.flows["All"]], statuses=(setup.tags["New"],))
    setup.save_flow(flow)

    def statements(count: int, prefix: str) -> int:
        status = ("New", "Invited", "Nonsense")
        items = [setup.item(f"{prefix}{n}", key=f"{prefix}{n}", status=status[n % 3], sessions=[{"code": "KEYNOTE"}]) for n in range(count)]
        items += [RecordItem(setup.account, {"event": f"NO-{n}", "code": "R"}, "test") for n in range(count // 10)]
        counting = Counting(setup.db)
        with setup.db.transaction():
            record(counting, items, setup.provider)
        return counting.statements - counting.lanes

    small, large = statements(10, "A"), statements(100, "B")
    assert large <= small + (90 if setup.db.vendor == "sqlite" else 0)  # SQLite claims keys one by one
    assert small < 40


class Counting:
    """A database that counts statements."""

    def __init__(self, db: Database) -> None:
        self._db, self.statements, self.lanes = db, 0, 0

    def __getattr__(self, name: str) -> Callable[..., object]:
        found = getattr(self._db, name)
        if name not in ("all", "run", "many", "draw", "now"):
            return found

        def counted(*args: object) -> object:
            self.statements += 1
            self.lanes += str(args[:1]).count("INSERT INTO lane")
            return found(*args)

        return counted
