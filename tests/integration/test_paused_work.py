"""Holding work is free: what a claim reads does not grow with what a paused connection holds (C8; docs/design/queue.md, section 1)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog
from tests.builders.running_account import ACCOUNT, RunningAccount
from tests.databases import DatabaseFacts
from tests.receiver import Receiver

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.retry_policy import HOUR
from heliograph.domain.delivery.slots import slot_of
from heliograph.store import connection_states
from heliograph.store.database import Database
from heliograph.store.queue import lane_reads
from heliograph.store.queue.lane_reads import LaneWant
from heliograph.store.sqlite_database import SqliteDatabase

log = structlog.get_logger(__name__)

HELD, OPEN = 11, 12


@pytest.fixture
def acme(fresh_database: DatabaseFacts) -> Iterator[RunningAccount]:
    made = RunningAccount(fresh_database)
    yield made
    made.close()


def hold(db: Database, count: int, connection: int = HELD) -> None:
    """Creates `count` lanes, each with an untried action, as if recorded long ago."""
    have = db.all("SELECT count(*) FROM lane")[0][0]
    numbers = (
        f"SELECT value AS n FROM generate_series({have + 1}, {have + count}) value"
        if db.vendor == "postgresql"
        else f"WITH RECURSIVE s(n) AS (SELECT {have + 1} UNION ALL SELECT n + 1 FROM s WHERE n < {have + count}) SELECT n FROM s"
    )
    base = 10_000_000
    with db.transaction():
        db.run(
            "INSERT INTO lane (destination_id, subject_id, account_id, connection_id, slot, state, rank, pos)"
            f" SELECT {connection}, {base} + n, {ACCOUNT}, {connection}, {slot_of(connection)}, 1, 20, n FROM ({numbers}) x"
        )
        db.run(
            "INSERT INTO action (id, account_id, uid, lane_id, change_id, event_id, flow_id, destination_id, mode, version, rank, created)"
            f" SELECT {base} + id, {ACCOUNT}, 'held', id, 1, 1, 1, destination_id, 1, 1, 20, 1 FROM lane WHERE connection_id = {connection}"
            f" AND id NOT IN (SELECT lane_id FROM action)"
        )
    if db.vendor == "postgresql":
        db.run("ANALYZE lane")


def claim(db: Database) -> list[int]:
    """What a turn of the reading thread queries, except the held connection's lanes."""
    now, told = db.now(), connection_states.states(db)
    open_ones = [c for c in lane_reads.connections_with_work(db, now) if not (c in told and told[c].holds(now))]
    wants = [LaneWant(c, rank, 100) for c in open_ones for rank in (*Rank, None)]
    return [stored.lane.id for stored in lane_reads.read_lanes(db, wants, now)]


def work_of_a_claim(db: Database) -> int:
    """The database's work for a claim: steps of SQLite's virtual machine, rows read by PostgreSQL."""
    if isinstance(db, SqliteDatabase):
        steps = [0]

        def count() -> int:
            steps[0] += 1
            return 0

        db.connection.set_progress_handler(count, 1)
        try:
            claim(db)
        finally:
            db.connection.set_progress_handler(None, 1)
        return steps[0]
    with db.transaction():  # PostgreSQL counts asynchronously; this session's earlier counts are still included
        before = read(db)
        claim(db)
        whole, by_index = (after - first for after, first in zip(read(db), before, strict=True))
    return whole + by_index  # a small table is read whole: that is cheaper than an index


def read(db: Database) -> tuple[int, int]:
    """Rows of lanes that this session has read: by sequential scans, and by indexes."""
    rows = db.all(
        "SELECT coalesce(sum(seq_tup_read), 0), coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_xact_user_tables WHERE relname = 'lane'"
    )
    return int(rows[0][0]), int(rows[0][1])


def test_C8_a_claim_does_no_more_where_more_is_held(acme: RunningAccount) -> None:
    db = acme.db
    acme.pause(HELD)
    hold(db, 5_000)
    hold(db, 10, OPEN)
    found = claim(db)
    before = work_of_a_claim(db)
    hold(db, 15_000)
    assert claim(db) == found
    assert len(found) == 10
    assert work_of_a_claim(db) <= before * 1.2 + 20


@pytest.mark.trial
def test_C8_900_000_held_actions_do_not_slow_claims_or_deliveries(acme: RunningAccount, receiver: Receiver) -> None:
    db = acme.db
    crm = acme.connection(receiver.url("/crm"))
    acme.flow(crm)
    acme.pause(HELD)
    hold(db, 10, OPEN)
    acme.pause(OPEN)
    acme.pause(OPEN, paused=False)

    def claims_cost() -> float:
        """The cost of a claim, relative to the time the machine currently needs for as many statements that read nothing."""
        claimed, idle = [], []
        for _ in range(200):
            began = time.perf_counter()
            claim(db)
            between = time.perf_counter()
            for _ in range(8):
                db.all("SELECT 1")
            claimed.append(between - began)
            idle.append(time.perf_counter() - between)
        return statistics.median(claimed) / statistics.median(idle)

    def deliver(run: int) -> float:
        began = time.perf_counter()
        for n in range(4):
            acme.record_many([{"code": f"R{run}-{n}-{i}", "status": "Attended"} for i in range(100)])
        receiver.wait_for(400 * (run + 1), 60, path="/crm")
        return time.perf_counter() - began

    claims, work = claims_cost(), work_of_a_claim(db)
    acme.pause(OPEN)
    with acme.worker():
        deliver(0)
        alone = statistics.median(deliver(run) for run in range(1, 6))
    acme.pause(OPEN, paused=False)
    hold(db, 900_000)
    if db.vendor == "postgresql":
        db.run("VACUUM ANALYZE lane")  # like autovacuum, but not while measuring
    claims_held, work_held = claims_cost(), work_of_a_claim(db)
    acme.pause(OPEN)
    with acme.worker():
        deliver(6)
        beside = statistics.median(deliver(run) for run in range(7, 12))
    log.info("claim", alone=round(claims, 2), beside_900_000=round(claims_held, 2), work=(work, work_held))
    log.info("400_recorded_and_delivered", alone=round(alone, 2), beside_900_000=round(beside, 2))  # seconds
    assert work_held <= work * 1.2 + 20
    assert claims_held < claims * 2
    assert beside < alone * 1.5


def test_jobs_rest_while_deliveries_are_behind_but_not_for_what_is_held(acme: RunningAccount) -> None:
    with closing(acme.open()) as db:
        assert not lane_reads.is_behind(db, 0)
        hold(db, 30)
        hold(db, 20, OPEN)
        assert lane_reads.is_behind(db, 49)
        assert not lane_reads.is_behind(db, 50)
        with db.transaction():
            db.run(
                "INSERT INTO connection_state (connection_id, account_id, paused) VALUES (:id, :account, true)",
                {"id": HELD, "account": ACCOUNT},
            )
        assert lane_reads.is_behind(db, 19)
        assert not lane_reads.is_behind(db, 20)


def test_C8_deliveries_are_behind_again_once_a_retry_after_has_passed(acme: RunningAccount) -> None:
    with closing(acme.open()) as db:
        hold(db, 30)
        with db.transaction():
            db.run(
                "INSERT INTO connection_state (connection_id, account_id, held_until) VALUES (:id, :account, :until)",
                {"id": HELD, "account": ACCOUNT, "until": db.now() + HOUR},
            )
        assert not lane_reads.is_behind(db, 0)
        with db.transaction():
            db.run("UPDATE connection_state SET held_until = :until", {"until": db.now()})
        assert lane_reads.is_behind(db, 29)
