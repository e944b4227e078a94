"""Writes outcomes as attempts, states and figures, in batches, on the settling thread; on SQLite the reading thread runs `commit` for it
(docs/design/queue.md, section 5).

    finished lanes → configuration (for failures that a save may cure) → fence → lanes → actions → rules → rows → commit → free memory and journal cells

While one batch commits, the next one gathers, so batches are small when idle and large under load. An outcome under a lost epoch is
discarded, but the fact that its request may have been sent is stored.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from heliograph import failpoints
from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.lanes import Flight, LaneState, Settlement
from heliograph.domain.delivery.outcomes import (
    CURED_BY_ADDRESS,
    CouldNotBegin,
    Delivered,
    HoldConnection,
    Outcome,
    PauseConnection,
    Refused,
    ValidationFailed,
    delivers_at_all,
    effect_on_connection,
    may_have_left,
)
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.delivery.slots import may_settle
from heliograph.engine.counters import OutcomeKey, ProcessCounters
from heliograph.engine.worker.attempt_record import exchange_of, micros
from heliograph.engine.worker.config_view import ConfigView, is_stale
from heliograph.engine.worker.connection_log import ConnectionLog
from heliograph.engine.worker.inflight_journal import InflightJournal
from heliograph.engine.worker.shared_lanes import FinishedLane, SharedLanes
from heliograph.engine.worker.slot_ownership import Ownership
from heliograph.store import configuration_versions
from heliograph.store.connection_states import Learned, learn
from heliograph.store.database import Database
from heliograph.store.queue.action_rows import StoredAction
from heliograph.store.queue.lane_reads import StoredLane, ask_actions, ask_lanes
from heliograph.store.queue.outcome_store import Settled, StoredExchange, advance_begun, store
from heliograph.store.queue.slot_leases import ask_fence

log = structlog.get_logger(__name__)

MOST_AT_ONCE: Final = 500
"""Lanes per batch."""
MOST_AT_ONCE_ALONE: Final = 128
"""Lanes per batch on SQLite, where nothing is sent while a batch is settled."""
MOST_MICROS = 2**31 - 1
"""The largest duration that an attempt's column can store: 35 minutes. Only an attempt during which the process was suspended takes longer."""


@dataclass(slots=True)
class WorkerCounts:
    """Counts since this worker started, for status."""

    delivered: int = 0
    failed: int = 0
    discarded: int = 0
    batches: int = 0
    last_error: str = ""


@dataclass(slots=True)
class Completer:
    """Owns the writing connection; `view` reads on it too."""

    db: Database
    view: ConfigView
    ownership: Ownership
    memory: SharedLanes
    journal: InflightJournal
    counts: WorkerCounts = field(default_factory=WorkerCounts)
    counters: ProcessCounters = field(default_factory=ProcessCounters)
    connection_log: ConnectionLog = field(default_factory=ConnectionLog)
    _failures: dict[int, int] = field(default_factory=dict)
    """Consecutive failures as stored; a connection that is absent was not written yet."""
    _delivering: set[int] = field(default_factory=set)
    """Connections that are stored as delivering."""

    def take(self) -> list[FinishedLane]:
        """The finished lanes, at most a batch."""
        batch: list[FinishedLane] = []
        while self.memory.landed and len(batch) < self._most_at_once:
            batch.append(self.memory.landed.popleft())
        return batch

    @property
    def has_a_batch(self) -> bool:
        """True if a full batch is waiting."""
        return len(self.memory.landed) >= self._most_at_once

    @property
    def _most_at_once(self) -> int:
        return MOST_AT_ONCE if self.db.is_shared else MOST_AT_ONCE_ALONE

    def prepare(self, batch: Sequence[FinishedLane]) -> None:
        """Prepares the exchanges to store, before the transaction begins. Never on the reading thread: responses are searched for secrets,
        which takes a millisecond for a long one."""
        for landed in batch:
            if landed.outcome is not None and landed.exchange is None:
                landed.exchange = self._exchange(landed, landed.outcome)

    def settle(self, batch: Sequence[FinishedLane]) -> bool:
        """Commits a batch, then frees its lanes and cells. True if one of the lanes has more to send.

        On an error nothing is freed, and the batch can be settled again.
        """
        self.prepare(batch)
        ready = self.commit(batch)
        self.free(batch)
        return ready

    def commit(self, batch: Sequence[FinishedLane]) -> bool:
        """Commits a prepared batch in one transaction. Inside `db.admitted()` it is durable only when that block ends: call `free` after
        that."""
        with self.db.transaction(together=True):
            return self._settle(batch)

    def free(self, batch: Sequence[FinishedLane]) -> None:
        """Frees the lanes and cells of a settled batch."""
        failpoints.reach(failpoints.Instant.OUTCOMES_COMMITTED)
        for landed in batch:
            if landed.cell is not None:
                self.journal.clear(landed.cell)
            self.memory.drop(landed.taken)
        self.counts.batches += 1
        tried = [(key, landed) for landed in batch if (key := _outcome_key(landed.outcome)) is not None]
        took = (micros(max(0.0, landed.ended - landed.began)) for _key, landed in tried if landed.result is not None)
        self.counters.settled((key for key, _landed in tried), took, len(batch))

    def _settle(self, batch: Sequence[FinishedLane]) -> bool:
        outcomes = [landed.outcome for landed in batch]
        accounts = {landed.taken.stored.account for landed, outcome in zip(batch, outcomes, strict=True) if _may_be_cured(outcome)}
        if accounts:  # a fix is saved before or after this batch, never during it (D7)
            configuration_versions.lock_shared(self.db, accounts)
        ids = [landed.taken.stored.lane.id for landed in batch]
        epochs_of = ask_fence(self.db, {landed.taken.stored.slot for landed in batch})
        lanes_of = ask_lanes(self.db, ids)
        actions_of = ask_actions(self.db, ids, also=[landed.taken.action.id for landed in batch if landed.taken.action])
        now = self.db.now()  # the three questions above are sent but not waited for; this one waits
        epochs, lanes, actions = epochs_of(), lanes_of(), actions_of()
        are_ours = [may_settle(landed.taken.epoch, epochs.get(landed.taken.stored.slot)) for landed in batch]
        if accounts:
            self.view.refresh(self.db)
        settled: list[Settled] = []
        discarded: list[tuple[int, int]] = []
        effects: dict[int, list[tuple[int, Outcome]]] = {}
        for landed, outcome, is_mine in zip(batch, outcomes, are_ours, strict=True):
            stored = lanes.get(landed.taken.stored.lane.id)
            if stored is None:
                continue
            action = landed.taken.action
            if not is_mine:
                if outcome is not None and action is not None and may_have_left(outcome):
                    discarded.append((stored.lane.id, action.version))
                continue
            if outcome is not None:
                effects.setdefault(stored.connection, []).append((stored.account, outcome))
            settled.append(self._settle_lane(landed, outcome, stored, actions[stored.lane.id], now))
        store(self.db, settled, now)
        if discarded:
            advance_begun(self.db, discarded)
            self.counts.discarded += len(discarded)
            log.warning("outcomes_discarded", outcomes=len(discarded), why="their slots now belong to another worker")
        self._learn(effects, now)
        failpoints.reach(failpoints.Instant.OUTCOMES_WRITTEN)
        return any(each.settlement.lane.state is LaneState.READY for each in settled)

    def _settle_lane(
        self, landed: FinishedLane, outcome: Outcome | None, stored: StoredLane, actions: Sequence[StoredAction], now: int
    ) -> Settled:
        taken = landed.taken
        if landed.gone is not None:
            return Settled(rules.end(taken.does, stored.lane, actions, landed.gone, now), stored, actions)
        if outcome is None or taken.action is None:
            return Settled(rules.settle(taken.does, stored.lane, actions, None, now, taken.policy), stored, actions)
        if isinstance(outcome, (Refused, CouldNotBegin)) and _may_be_cured(outcome):
            today = self.view.used(taken.action.account, taken.action.flow, taken.action.destination)
            unreached = isinstance(outcome, Refused) and outcome.cause in CURED_BY_ADDRESS
            outcome = replace(outcome, stale=is_stale(landed.used, today, of_connection=unreached))
        settlement: Settlement = rules.settle(
            taken.does,
            stored.lane,
            actions,
            Flight(taken.action, outcome),
            now,
            taken.policy,
            jitter=random.uniform(-1, 1),  # noqa: S311 -- spreads retries, guards nothing
        )
        if isinstance(outcome, Delivered):
            self.counts.delivered += 1
        elif isinstance(outcome, Refused):
            self.counts.failed += 1
        message = outcome.message if isinstance(outcome, (Refused, CouldNotBegin)) else ""
        exchange = landed.exchange if settlement.attempt is not None else None
        return Settled(settlement, stored, actions, exchange, exchange.message if exchange else message)

    def _exchange(self, landed: FinishedLane, outcome: Outcome) -> StoredExchange:
        return exchange_of(
            outcome,
            landed.ready,
            landed.result,
            at=self.memory.db_time(landed.began),
            took=min(micros(max(0.0, landed.ended - landed.began)), MOST_MICROS),
            connection=landed.taken.stored.connection,
            versions=str(landed.used) if landed.used else "",
            reason=landed.reason,
        )

    # What a connection learns.

    def forget(self) -> None:
        """Forgets failure counts after slots were won or lost, because another worker may have updated the table."""
        self._failures.clear()
        self._delivering.clear()

    def _learn(self, effects: dict[int, list[tuple[int, Outcome]]], now: int) -> None:
        """Stores Retry-After, 410 and consecutive failures, so that the connection's next owner knows them (C8)."""
        for connection, outcomes in sorted(effects.items()):
            failures, reached = 0, False
            for _, outcome in outcomes:
                if isinstance(outcome, Refused) and not outcome.reached:
                    failures += 1
                elif isinstance(outcome, Delivered) or (isinstance(outcome, Refused) and outcome.status is not None):
                    failures, reached = 0, True
            connection_effects = [effect_on_connection(outcome, now) for _, outcome in outcomes]
            held_until = max((effect.until for effect in connection_effects if isinstance(effect, HoldConnection)), default=None)
            paused_by_410 = any(isinstance(effect, PauseConnection) for effect in connection_effects)
            attempts = [outcome for _, outcome in outcomes]
            self.connection_log.note(connection, outcomes[0][0], attempts, held_until=held_until, is_gone=paused_by_410, now=now)
            delivers = delivers_at_all(attempts)
            is_as_stored = not (reached and self._failures.get(connection, 1)) and (delivers is None or connection in self._delivering)
            if delivers is not False and not failures and held_until is None and not paused_by_410 and is_as_stored:
                continue
            self._failures[connection] = failures if reached else self._failures.get(connection, 0) + failures
            (self._delivering.add if delivers else self._delivering.discard)(connection)
            learn(self.db, Learned(connection, outcomes[0][0], failures, reached, held_until, paused_by_410, delivers, now))


def _outcome_key(outcome: Outcome | None) -> OutcomeKey | None:
    """How `/metrics` counts an outcome; None for what was no attempt."""
    match outcome:
        case Delivered():
            return _DELIVERED
        case Refused(category=category):
            return "failed", category.value
        case ValidationFailed():
            return "validation", Category.VALIDATION.value
        case _:
            return None


_DELIVERED: OutcomeKey = ("delivered", "")


def _may_be_cured(outcome: Outcome | None) -> bool:
    """Whether something that was saved during the attempt can cure it."""
    return isinstance(outcome, CouldNotBegin) or (
        isinstance(outcome, Refused) and (outcome.category is Category.CONFIG or outcome.cause in CURED_BY_ADDRESS)
    )
