"""The job "replay": sends the chosen lines of a dry run (Y1; docs/design/queue.md, section 12).

It adds actions of rank 30, no more than the rate allows, and only a bounded number whose first attempt has not ended. Actions, the lines that
name them and the cursor are stored in one transaction, so that a killed process repeats nothing. A cancel marks the replay under the lock that
every chunk takes first, so that no later chunk adds anything.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import connections
from django.utils.translation import gettext_noop

from heliograph.domain.delivery.action import Origin, Rank
from heliograph.domain.figures import Delta
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.decision import FlowVerdict, decide_flow, mode_of
from heliograph.domain.flow.flow import Flow
from heliograph.jobs.models import Job
from heliograph.jobs.registry import ChunkResult, JobError, JobKind
from heliograph.replay.dry_run import flow_to_replay, replay_of
from heliograph.replay.request_comparison import CandidateChange, by_destination, changes_of
from heliograph.replay.selection import ReplayChoice
from heliograph.store import configuration_versions
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.queue import replay_actions
from heliograph.store.queue.enqueue import Order, enqueue
from heliograph.store.queue.figure_deltas import put_deltas
from heliograph.store.walk import Walk
from heliograph.store.where import Where

KIND: Final = "replay"
EVERY: Final = 0.1
"""Seconds between two turns. They are short, so that a turn adds few actions and a live change hardly waits for them."""
AHEAD: Final = 2.0
"""Actions for so many seconds of the rate may be outstanding. They are sent even if the replay is paused."""
MOST_OUTSTANDING: Final = 500
"""The number of outstanding actions, at any rate."""
SENDING: Final = "sending"
FLOW_OFF: Final = gettext_noop("The flow is switched off. Switch it on, then go on.")
FLOW_INCOMPLETE: Final = gettext_noop("Something is missing in the flow. Complete it, then go on.")
FILTERED, GONE = 1, 2
"""Values of replay_line.left_out."""


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, Sending)


def most_outstanding(per_minute: int) -> int:
    """The number of replayed actions that may be outstanding: their first attempt has not ended."""
    return max(1, min(MOST_OUTSTANDING, math.ceil(per_minute / 60 * AHEAD)))


@dataclass(frozen=True, slots=True)
class ChosenLine:
    """A chosen line of the dry run."""

    id: int
    at: int
    change: int
    destination: int
    subject: int
    registration: int | None


@dataclass(frozen=True, slots=True)
class Turn:
    """The lines of one turn."""

    lines: Sequence[ChosenLine]
    changes: Mapping[int, CandidateChange]
    """The changes of the lines, by id."""
    exhausted: bool
    """True if no line follows."""


class Sending:
    """One run of the job. Its cursor contains the instant and id of the last line, the number of lines so far, and whether no line follows."""

    def __init__(self, job: Job) -> None:
        self._account = job.account_id
        self._replay = replay_of(job)
        self._choice = ReplayChoice.from_json(self._replay.choice)
        self._rate = int(self._replay.rate or 1)
        self._cursor: dict[str, Any] = {"at": 0, "id": 0, "passed": 0, "exhausted": False} | dict(job.cursor)
        self._total = int(job.parameters["total"])
        self._counts = Counter({name: int(n) for name, n in job.counts.items()})
        self._allowed, self._counted = 0.0, time.monotonic()
        self._waited = threading.Event()  # never set: used only to wait

    def read(self) -> Turn:
        """Waits for the next turn, and reads as many lines as the rate and the outstanding actions allow."""
        self._waited.wait(EVERY)
        now = time.monotonic()
        most = most_outstanding(self._rate)
        self._allowed = min(self._allowed + self._rate / 60 * (now - self._counted), float(most))
        self._counted = now
        db = of_django(connections["default"])
        allowance = min(int(self._allowed), most - replay_actions.outstanding(db, self._account, self._replay.flow_id))
        if allowance <= 0 or self._cursor["exhausted"]:
            return Turn((), {}, exhausted=bool(self._cursor["exhausted"]))
        lines_in_order = Walk("replay_line", Where(), ("at", "id"), (self._cursor["at"], self._cursor["id"]), ascends=True)
        select = "SELECT id, at, change_id, destination_id, subject_id, registration_id FROM replay_line"
        rows = lines_in_order.read(db, select, self._choice.conditions(db, self._replay.pk), allowance)
        lines = [ChosenLine(*row) for row in rows]
        changes = changes_of(db, self._account, {line.change for line in lines})
        return Turn(lines, changes, exhausted=len(lines) < allowance)

    def write(self, db: Database, chunk: Turn) -> ChunkResult:
        """Adds the actions of a turn, unless the replay was cancelled."""
        ((stopped,),) = db.all(f"SELECT stopped FROM replay WHERE id = :id{db.for_update}", {"id": self._replay.pk})
        if stopped is None and chunk.lines:
            self._add(db, chunk)
        if stopped is None and chunk.exhausted:
            self._cursor["exhausted"] = True
        left = replay_actions.outstanding(db, self._account, self._replay.flow_id)
        finished = stopped is None and bool(self._cursor["exhausted"]) and not left
        done = max(0, int(self._cursor["passed"]) - left)
        return ChunkResult(dict(self._cursor), done, self._total, dict(self._counts), phase=SENDING, finished=finished)

    def _add(self, db: Database, chunk: Turn) -> None:
        configuration_versions.lock_shared(db, [self._account])
        provider = Committed(db)
        config = provider.account(self._account)
        flow = flow_to_replay(config.flows, self._replay.flow_id)
        if not flow.active:
            raise JobError(FLOW_OFF)
        if missing(flow, config):
            raise JobError(FLOW_INCOMPLETE)
        events = provider.events({each.event for each in chunk.changes.values()})
        known = by_destination(flow, {line.destination for line in chunk.lines})
        orders: list[tuple[ChosenLine, Order]] = []
        left_out: list[dict[str, int]] = []
        for line in chunk.lines:
            candidate_change = chunk.changes.get(line.change)
            why = GONE if candidate_change is None or candidate_change.change is None else FILTERED
            order = (
                self._order(line, candidate_change, flow, config, events, known)
                if why == FILTERED and candidate_change is not None
                else None
            )
            if order is None:
                left_out.append({"id": line.id, "why": why})
            else:
                orders.append((line, order))
        self._store(db, orders, left_out)
        last = chunk.lines[-1]
        self._cursor |= {"at": last.at, "id": last.id, "passed": int(self._cursor["passed"]) + len(chunk.lines)}
        self._allowed = max(0.0, self._allowed - len(chunk.lines))

    def _order(
        self,
        line: ChosenLine,
        candidate_change: CandidateChange,
        flow: Flow,
        config: AccountConfig,
        events: Mapping[int, Any],
        known: Mapping[int, Any],
    ) -> Order | None:
        """The order for a line's action; None if today's rules of the flow filter its change."""
        change, event, destination = candidate_change.change, events.get(candidate_change.event), known.get(line.destination)
        if change is None or event is None or destination is None:
            return None
        mode = mode_of(change, config, event)
        decision = decide_flow(flow, change, config, event, mode=mode)
        if decision is None or decision.verdict is not FlowVerdict.TRIGGERED:
            return None
        return Order(
            account=self._account,
            change=line.change,
            run=None,
            registration=line.registration,
            event=candidate_change.event,
            flow=flow.id,
            destination=destination.id,
            connection=destination.connection,
            subject=line.subject,
            version=candidate_change.candidate.version,
            mode=mode.code,
            origin=Origin.REPLAY,
            rank=Rank.REPLAY,
        )

    def _store(self, db: Database, orders: Sequence[tuple[ChosenLine, Order]], left_out: Sequence[dict[str, int]]) -> None:
        named = _with_repeated(db, self._account, [order for _, order in orders])
        deltas: list[Delta] = []
        ids = enqueue(db, named, db.now(), deltas)
        put_deltas(db, deltas)
        if ids:
            db.many(
                "UPDATE replay_line SET action_id = :action WHERE id = :id",
                [{"id": line.id, "action": action} for (line, _), action in zip(orders, ids, strict=True)],
            )
        if left_out:
            db.many("UPDATE replay_line SET left_out = :why WHERE id = :id", list(left_out))
        self._counts["sent"] += len(ids)
        self._counts["left_out"] += len(left_out)

    def close(self) -> None:
        """Does nothing: nothing is open."""


def _with_repeated(db: Database, account: int, orders: Sequence[Order]) -> list[Order]:
    """The orders, each with the newest action of its subject at its destination, which it repeats (D1)."""
    repeated: dict[tuple[int, int], int] = {}
    for destination in {order.destination for order in orders}:
        subjects = {order.subject for order in orders if order.destination == destination}
        repeated |= {
            (destination, subject): id for subject, id in replay_actions.newest_actions(db, account, destination, subjects).items()
        }
    return [replace(order, repeated=repeated.get((order.destination, order.subject))) for order in orders]
