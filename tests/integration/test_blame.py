"""Whom an action's failure is blamed on: SQL (`blamed_connection`) and the rows of Retry, lists of records and the Connection List say the same (D6).

The histories are generated: what the domain makes of attempts over connections that change in between, and of what people do beside them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.counted import counting
from tests.story import Story

from heliograph.connections import connection_list
from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.refusals import blamed_connection
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.delivery.action import (
    SUBMITTABLE,
    ActionState,
    Origin,
    QueueStatus,
    after,
    ended,
    is_submittable,
    new_action,
    submitted,
    superseded,
    withdrawn,
)
from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin, Delivered, Outcome, Refused, ValidationFailed, was_tried
from heliograph.domain.delivery.retry_policy import Category, RetryPolicy
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.records import Records
from heliograph.notifications import observations
from heliograph.retry.cause_groups import CauseGroups
from heliograph.retry.retry_items import RetryFilter
from heliograph.retry.retry_queue import RetryQueue
from heliograph.store.database import Database

HISTORIES = 400
STEPS = 7
OUTCOMES: tuple[Outcome, ...] = (
    Delivered(200),
    Refused(Category.CONFIG, Cause.ANSWER, "The target answered 401.", left=True, status=401),
    Refused(Category.GENERAL, Cause.RULE, "It says no.", left=True, status=200),
    Refused(Category.CONNECTION, Cause.TIMEOUT, "It did not answer.", left=True),
    Refused(Category.SYSTEM, Cause.EXCEPTION, "Internal.", left=False),
    ValidationFailed(("Something is missing.",)),
    CouldNotBegin(Cause.FLOW_INACTIVE, "The flow is off."),
)
WEIGHTS = (2, 4, 2, 3, 1, 1, 2)


@dataclass
class History:
    """What has become of an action, and over which connections it was tried."""

    id: int
    flow: int
    destination: int
    connections: tuple[int, ...]
    """Those that the destination has had."""
    random: random.Random
    attempts: list[dict[str, Any]] = field(default_factory=list)
    over: int = 0
    """The connection of its lane."""
    last_failed: int | None = None
    own: int = 0
    """The connection that it was sent over last; while it was never sent, the one at which it waits (X2a)."""

    def __post_init__(self) -> None:
        self.action = new_action(self.id, 1, self.random.choice((Origin.RECORDED, Origin.REPLAY)))
        self.own = self.over = self.random.choice(self.connections)
        for now in range(self.random.randint(1, STEPS)):
            self._step(now)

    @property
    def blamed(self) -> int:
        """The connection to blame, from the history itself."""
        if was_tried(self.action.cause):
            assert self.last_failed is not None
            return self.last_failed
        return self.over if self.action.state.is_open else self.own

    def _step(self, now: int) -> None:
        match self.random.choice(("attempt", "attempt", "move", "move", "submit", "ends")):
            case "attempt" if self.action.state.is_open:
                self._attempt(now)
            case "move":
                self.over = self.random.choice(self.connections)
                if self.action.state.is_open and not self.action.sent:
                    self.own = self.over
            case "submit" if is_submittable(self.action.queue, self.action.cause):
                self.action = submitted(self.action, now)
            case "ends" if self.action.state.is_open and self.random.random() < 0.3:
                self._end()

    def _end(self) -> None:
        ways = (superseded, withdrawn, lambda action: ended(action, Cause.FLOW_DELETED))
        self.action = self.random.choice(ways)(self.action)

    def _attempt(self, now: int) -> None:
        began = self.action
        if self.random.random() < 0.1:  # somebody ends it while the request is under way
            self._end()
        (outcome,) = self.random.choices(OUTCOMES, WEIGHTS)
        current = self.action
        self.action = after(current, began, outcome, now, RetryPolicy())
        if isinstance(outcome, CouldNotBegin):
            return
        self.own = self.over
        if not isinstance(outcome, Delivered):
            self.last_failed = self.over
        category, status = (outcome.category, outcome.status) if isinstance(outcome, Refused) else (None, None)
        self.attempts.append(
            {
                "n": current.sent + 1,
                "kind": began.next_kind.code,
                "state": int(self.action.state),
                "category": category.code if category else None,
                "status": status,
                "connection": self.over,
            }
        )


@contextmanager
def stored(story: Story, histories: list[History], now: int) -> Iterator[None]:
    """The histories in the database, each with a lane of its own."""
    db = story.db
    created = now - 60_000_000
    with db.transaction():
        db.many(
            "INSERT INTO lane (id, destination_id, subject_id, account_id, connection_id, slot, state, rank, pos)"
            " VALUES (:id, :destination, :id, :account, :connection, 1, 0, 20, :id)",
            [{"id": h.id, "destination": h.destination, "account": story.account, "connection": h.over} for h in histories],
        )
        db.many(
            "INSERT INTO action (id, account_id, uid, lane_id, change_id, event_id, flow_id, destination_id, mode, version, rank, state, origin, queue,"
            " tries, looks, sent, category, cause, created, ended, connection_id) VALUES (:id, :account, :uid, :id, 1, :event, :flow, :destination, 1, 1,"
            " 20, :state, :origin, :queue, :tries, :looks, :sent, :category, :cause, :created, :ended, :own)",
            [_action_row(story, h, created) for h in histories],
        )
        db.many(
            "INSERT INTO attempt (account_id, action_id, n, kind, at, took, state, category, status, message, flow_id, connection_id, versions)"
            " VALUES (:account, :action, :n, :kind, :at, 1, :state, :category, :status, '', :flow, :connection, '')",
            [
                {**attempt, "account": story.account, "action": h.id, "at": created + attempt["n"], "flow": h.flow}
                for h in histories
                for attempt in h.attempts
            ],
        )
    try:
        yield
    finally:
        with db.transaction():
            for table in ("lane", "action", "attempt"):
                db.run(f"DELETE FROM {table}")


def _action_row(story: Story, history: History, created: int) -> Mapping[str, Any]:
    action = history.action
    return {
        "id": history.id,
        "account": story.account,
        "uid": f"msg_{history.id}",
        "event": story.events["SUMMIT"],
        "flow": history.flow,
        "destination": history.destination,
        "state": int(action.state),
        "origin": int(action.origin),
        "queue": action.queue.code if action.queue else 0,
        "tries": action.tries,
        "looks": action.looks,
        "sent": action.sent,
        "category": action.category.code if action.category else None,
        "cause": action.cause.value if action.cause else "",
        "created": created,
        "ended": None if action.state.is_open else created + STEPS,
        "own": history.own,
    }


def histories_of(story: Story, seed: int, number: int = HISTORIES) -> list[History]:
    """Histories of flows that have kept their connection, have changed it, and have come back to it."""
    a, b, c = (story.connection(name, f"/{name}") for name in "abc")
    kept, changed, back = (story.flow(name, [story.to(a)]) for name in ("Kept", "Changed", "Back"))
    for flow, connections in ((changed, (b, c)), (back, (b, a))):
        for connection in connections:
            story.change_flow(flow, to=[story.to(connection)])
    had = {kept: (a,), changed: (a, b, c), back: (a, b)}
    destinations = {id: flow.destinations[0].id for id, flow in story.provider.account(story.account).flows.items()}
    chance = random.Random(seed)
    flows = [chance.choice(list(had)) for _ in range(number)]
    return [History(1_000 + n, flow, destinations[flow], had[flow], chance) for n, flow in enumerate(flows)]


def blamed_in_sql(db: Database) -> dict[int, int]:
    return dict(db.all(f"SELECT q.id, {blamed_connection('q', 'l')} FROM action q JOIN lane l ON l.id = q.lane_id"))


@pytest.mark.parametrize("seed", range(3))
def test_D6_sql_and_the_rows_of_pages_blame_the_same_connection(story: Story, seed: int) -> None:
    histories = histories_of(story, seed)
    expected = {history.id: history.blamed for history in histories}
    assert sum(history.blamed != history.over for history in histories) > 10
    with stored(story, histories, now := story.db.now()), account_reader(story.account) as reader:
        assert blamed_in_sql(story.db) == expected
        items = list(RetryQueue(reader).all_of(RetryFilter(statuses=tuple(QueueStatus))))
        assert {item.action.id: item.blamed for item in items if item.action} == {
            history.id: history.blamed for history in histories if history.action.queue
        }
        names = reader.connection_names(expected.values())
        assert all(item.blamed_name == names[item.blamed or 0] for item in items)
        listed = set()
        for kind in (RecordKind.FAILURES, RecordKind.SUCCESS, RecordKind.SUPERSEDED):
            records, _cursor = Records(reader, RecordFilter(kind, now - 3_600_000_000, now + 1)).walk(None, HISTORIES + 1)
            assert {record.id: record.blamed for record in records} == {record.id: names[expected[record.id]] for record in records}, kind
            listed |= {record.id for record in records}
        assert listed == {history.id for history in histories if history.action.state is not ActionState.PENDING}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", [4, HISTORIES])
@pytest.mark.parametrize("most_versions", [connection_list.MOST_FLOW_VERSIONS, 1], ids=["history is read", "attempts are read"])
def test_N2_the_connection_list_counts_failures_by_the_connection_to_blame(
    story: Story, monkeypatch: pytest.MonkeyPatch, seed: int, number: int, most_versions: int
) -> None:
    monkeypatch.setattr(connection_list, "MOST_FLOW_VERSIONS", most_versions)
    histories = histories_of(story, seed, number)
    in_retry = [h for h in histories if h.action.queue in SUBMITTABLE]
    refused_over = {h.blamed for h in in_retry if was_tried(h.action.cause)}
    with stored(story, histories, now := story.db.now()):
        connections = [id for (id,) in story.db.all("SELECT id FROM connection")]
        with story.db.transaction():  # the last attempt over each was delivered
            story.db.many(
                "INSERT INTO attempt (account_id, action_id, n, kind, at, took, state, message, flow_id, connection_id, versions)"
                f" VALUES (:account, :action, 1, 1, :at, 1, {int(ActionState.SUCCESS)}, '', 1, :connection, '')",
                [{"account": story.account, "action": 9_000 + id, "at": now, "connection": id} for id in connections],
            )
        listed = ConnectionList(story.db, story.account)
        rows = listed.rows(ConnectionListFilter())
        reader = AccountReader(story.db, story.account)
        shortened = CauseGroups(reader, unmoved=listed.unmoved).open_causes()
        assert shortened == CauseGroups(reader).open_causes(), "attempts that are not read do not matter"
        assert Counter(observations._retry_items(reader, listed.unmoved)) == Counter(observations._retry_items(reader, frozenset()))
    assert {row.id: row.health for row in rows} == {id: Health.MIXED if id in refused_over else Health.ANSWERS for id in connections}
    for row in rows:
        queue = [h.action.queue for h in in_retry if h.own == row.id]
        assert (row.waiting, row.failed) == (len(queue) - queue.count(QueueStatus.FAILED), queue.count(QueueStatus.FAILED))


@pytest.mark.parametrize(("has_changed", "statements"), [(False, 0), (True, 2)], ids=["kept", "changed"])
def test_N2_attempts_of_items_are_read_only_where_a_destination_has_changed_its_connection(
    story: Story, has_changed: bool, statements: int
) -> None:
    """Reading them costs as much as counting the items: once for the connection to blame, once for an item's own if an older release made it."""
    histories = [each for each in histories_of(story, 0) if (len(each.connections) > 1) is has_changed]
    with stored(story, histories, story.db.now()), counting(story.db, wakers={}) as cost:
        ConnectionList(story.db, story.account).rows(ConnectionListFilter())
    assert sum("i.sent" in text and "t.n = i.sent" in text for text in cost.texts) == statements
