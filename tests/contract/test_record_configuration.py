"""Decisions use the rules that were committed before the change, even beside a concurrent saver (F2, F9, F10; docs/design/recording.md,
step 1)."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from tests.builders.stored_account import StoredAccount, stored_account

from heliograph.domain.flow.decision import FlowVerdict, explain
from heliograph.domain.flow.flow import Flow, Mode, Watch
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.snapshot import compile_account
from heliograph.recording.batches import record_batch
from heliograph.recording.contents import read_changes
from heliograph.recording.event_record import record_event
from heliograph.recording.record import prepare, record
from heliograph.store import configuration_versions
from heliograph.store.config_cache import Committed, ConfigCache


def flow_of(s: StoredAccount) -> Flow:
    return s.provider.account(s.account).flows[s.flows["All"]]


def save(s: StoredAccount, code: str = "R1", **document: object):
    (answer,) = record_batch(s.db, [s.item(code, **document)], s.provider)
    return answer


def runs(s: StoredAccount) -> list[tuple]:
    return s.db.all("SELECT flow_id, flow_number FROM run WHERE account_id = :a ORDER BY id", {"a": s.account})


def test_F2_a_rule_is_in_force_from_its_commit_on(setup):
    flow = flow_of(setup)
    save(setup, "R1")
    setup.save_flow(replace(flow, active=False))
    save(setup, "R2")
    setup.save_flow(replace(flow, name="Renamed"))
    save(setup, "R3")
    assert runs(setup) == [(flow.id, 1), (flow.id, 3)]


def test_F2_the_change_names_the_versions_that_it_was_judged_by(setup):
    before = setup.provider.account(setup.account).version
    save(setup, "R1")
    setup.save_flow(replace(flow_of(setup), active=False))
    save(setup, "R2")
    setup.save_setup(types=[])
    save(setup, "R3")
    found = setup.db.all("SELECT account_version, event_version FROM change WHERE account_id = :a ORDER BY id", {"a": setup.account})[1:]
    event = found[0][1]
    assert found == [(before, event), (before + 1, event), (before + 1, event + 1)]


def test_F2_an_item_prepared_against_an_older_version_is_prepared_again(setup):
    """Checks made before the transaction count only if the configuration is unchanged."""
    account, event = setup.provider.account(setup.account), setup.provider.event(setup.event)
    item = setup.item("R1", attendee_type="Speaker")
    assert prepare(item, "R1", account, event).upsert is not None
    setup.save_setup(types=[])
    (answer,) = record_batch(setup.db, [item], setup.provider)
    assert answer.outcome is ItemOutcome.REFUSED
    assert answer.problems[0].field == "attendee_type"


def test_F2_an_item_is_recorded_in_the_event_that_has_its_code_now(setup):
    """The event that was found before the transaction counts only if it has its code still."""
    account, event = setup.provider.account(setup.account), setup.provider.event(setup.event)
    item, again = setup.item("R1"), setup.item("R2")
    for each, code in ((item, "R1"), (again, "R2")):
        assert prepare(each, code, account, event).upsert is not None
    with setup.db.transaction():
        configuration_versions.lock_exclusive(setup.db, events=[(setup.account, setup.event)], read_accounts=[setup.account])
        renamed = replace(event.state, code=f"{event.code}-2")
        record_event(setup.db, setup.account, setup.event, renamed, by="test", provider=setup.provider)
    (refused,) = record_batch(setup.db, [item], setup.provider)
    assert refused.outcome is ItemOutcome.REFUSED
    assert refused.problems[0].field == "event"
    with setup.db.transaction():
        configuration_versions.lock_exclusive(setup.db, read_accounts=[setup.account])
        other = record_event(setup.db, setup.account, None, event.state, by="test", provider=setup.provider).event
    (answer,) = record_batch(setup.db, [again], setup.provider)
    assert answer.outcome is ItemOutcome.CREATED
    assert setup.db.all("SELECT event_id FROM registration WHERE id = :id", {"id": answer.registration}) == [(other,)]


def test_F9_what_was_decided_is_explained_by_what_was_in_force_then(setup):
    flow = flow_of(setup)
    answer = save(setup, "R1", status="Attended")
    setup.save_flow(replace(flow, statuses=(setup.tags["New"],)))
    ((change, (account, event, of_account, of_event)),) = read_changes(setup.db, answer.changes).values()
    fresh = Committed(setup.db, ConfigCache())
    then, now = fresh.account(account, of_account), fresh.account(account)
    assert explain(then.flows[flow.id], change, then, fresh.event(event, of_event)).verdict is FlowVerdict.TRIGGERED
    assert explain(now.flows[flow.id], change, now, fresh.event(event)).verdict is FlowVerdict.NOT_TRIGGERED


# --- versions


def test_F10_what_is_equal_makes_no_version(setup):
    version = setup.provider.account(setup.account).version
    assert setup.save({("flow", flow_of(setup).id): flow_of(setup).to_body()}) == version


def test_F10_every_version_can_be_read_again(setup):
    flow = flow_of(setup)
    versions = {setup.provider.account(setup.account).version: "All"}
    for name in ("B", "C", "C", "D"):
        versions[setup.save({("flow", flow.id): replace(flow, name=name).to_body()})] = name
    versions[setup.save({("flow", flow.id): None})] = None
    again = setup.save({("flow", flow.id): replace(flow, name="E").to_body()})
    versions[again] = "E"
    for version, name in versions.items():
        _, at, entries = configuration_versions.entries(setup.db, configuration_versions.ACCOUNT, setup.account, version)
        found = compile_account(setup.account, at, entries).flows.get(flow.id)
        assert (found.name if found else None) == name
    assert Committed(setup.db, ConfigCache()).account(setup.account).flows[flow.id].number == 5


def test_F10_scopes_do_not_meet(setup, store):
    other = stored_account(store)
    before = other.provider.account(other.account).version
    setup.save_flow(replace(flow_of(setup), name="x"))
    assert other.provider.account(other.account).version == before
    with pytest.raises(KeyError):
        configuration_versions.entries(store, configuration_versions.ACCOUNT, 10**9)


# --- a saver beside recorders


def test_F2_beside_a_saver_every_change_is_judged_by_the_version_committed_before_it(setup, connect):
    """Recorders and a saver at once: each change is decided by exactly the flow's state in the version it names; and a version that was
    committed before the change began is never skipped."""
    flow, rounds, stop = flow_of(setup), 25, threading.Event()
    seen: list[tuple[int, int, int]] = []  # version committed before, change, version committed after
    errors: list[BaseException] = []
    watcher = connect()

    def committed(db) -> int:
        return configuration_versions.versions(db, [setup.account], [])[configuration_versions.ACCOUNT, setup.account]

    def recorder(n: int) -> None:
        db = connect()
        provider = Committed(db, ConfigCache())
        try:
            i = 0
            while not stop.is_set():
                i += 1
                before = committed(db)
                (answer,) = record_batch(db, [setup.item(f"R{n}", order_code=str(i))], provider)
                seen.append((before, answer.changes[0], committed(db)))
        except BaseException as error:  # noqa: BLE001 -- reported below
            errors.append(error)

    threads = [threading.Thread(target=recorder, args=(n,)) for n in range(2)]
    [t.start() for t in threads]
    try:
        for i in range(rounds):
            setup.save_flow(replace(flow, active=i % 2 == 0, name=f"v{i}"))
            done = len(seen)
            while len(seen) < done + 2 and not errors:
                watcher.all("SELECT 1")
    finally:
        stop.set()
        [t.join() for t in threads]
    assert not errors
    provider = Committed(watcher, ConfigCache())
    of_change = dict(watcher.all("SELECT id, account_version FROM change WHERE account_id = :a", {"a": setup.account}))
    numbers = dict(watcher.all("SELECT change_id, flow_number FROM run WHERE account_id = :a", {"a": setup.account}))
    assert len(seen) >= 2 * rounds
    for before, change, after in seen:
        assert before <= of_change[change] <= after
        ruling = provider.account(setup.account, of_change[change]).flows[flow.id]
        assert numbers.get(change) == (ruling.number if ruling.active else None)


def test_F2_a_saver_waits_for_a_change_that_is_being_judged(setup, connect):
    """The change names the old version, and is committed before the new one."""
    saver_db = connect()
    saver = StoredAccount(saver_db, Committed(saver_db, ConfigCache()), setup.account, setup.event, setup.tags, setup.statuses, flows=setup.flows, connection=setup.connection, mapping=setup.mapping)  # fmt: skip
    flow, order = flow_of(setup), []

    def save_it() -> None:
        saver.save_flow(replace(flow, active=False))
        order.append("saved")

    thread = threading.Thread(target=save_it)
    with setup.db.transaction():
        (answer,) = record(setup.db, [setup.item("R1")], setup.provider)
        thread.start()
        thread.join(0.2)
        order.append("recorded")
    thread.join()
    assert order == ["recorded", "saved"]
    assert len(runs(setup)) == len(answer.changes) == 1


def test_F2_accounts_do_not_wait_for_each_other(setup, connect):
    """A saver that locks one account blocks no other (on SQLite writers take turns anyway)."""
    if setup.db.vendor == "sqlite":
        return
    other = stored_account(connect())
    with setup.db.transaction():
        configuration_versions.lock_exclusive(setup.db, accounts=[setup.account])
        (answer,) = record_batch(other.db, [other.item("R1")], other.provider)
    assert answer.outcome is ItemOutcome.CREATED


def test_N4_an_account_without_signal_records_and_decides_nothing(setup):
    setup.save({("account", setup.account): {"code": "A", "name": "A", "timezone": "UTC", "signal_enabled": False}})
    assert save(setup).outcome is ItemOutcome.CREATED
    assert runs(setup) == []


def test_F3_a_flow_in_test_takes_nothing_live(setup):
    setup.save_flow(replace(flow_of(setup), mode=Mode.TEST))
    save(setup)
    assert runs(setup) == []
    assert flow_of(setup).watch is Watch.REGISTRATION
