"""The job "mark-test": an event leaves Planning or Testing (P9).

First the job marks the event's registrations as Test, quietly and in chunks. The event is still in Testing then, so no Live flow ever treats one
of them as live. The last step changes the event's status. Registrations that arrive during the job are Test from their creation on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import connections
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.sentence_template import Sentence
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES, StandardProperty
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import ChunkResult, JobError, JobKind
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.setup.affected_flows import live_flows
from heliograph.setup.services.events import MarksFirst, save_event
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid, SetupError
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

KIND: Final = "mark-test"
CHUNK: Final = 500
OPEN: Final = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING, JobState.FAILED)
MARKING, SWITCHING = "marking", "switching"


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, Marking)


def leaves_test(config: AccountConfig, event: EventConfig, status: int) -> bool:
    """True if this status takes the event out of Planning and Testing."""
    return config.is_test_event(event.state.status) and not config.is_test_event(status)


def unmarked(db: Database, account: int, event: int) -> int:
    """Counts the event's registrations that are not Test yet."""
    ((count,),) = db.all(
        "SELECT count(*) FROM registration WHERE account_id = :account AND event_id = :event AND version > 0 AND erased_at IS NULL AND NOT is_test",
        {"account": account, "event": event},
    )
    return int(count)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What leaving Planning or Testing does: how many registrations are marked Test first, and what Live flows do afterwards."""

    unmarked: int
    takes: Sequence[Flow]
    """The Live flows that act on the event's live registrations then."""
    leaves_out: Sequence[Flow]
    """The Live flows whose filters exclude the event."""


def leaving(db: Database, config: AccountConfig, event: EventConfig, status: int) -> Leaving:
    """What would happen if the event got this status. Raises Invalid for a status by which it does not leave."""
    _check_leaves(config, event, status)
    takes, leaves_out = live_flows(event, replace(event.state, status=status), config)
    return Leaving(unmarked(db, event.account, event.id), takes, leaves_out)


def _check_leaves(config: AccountConfig, event: EventConfig, status: int) -> None:
    if status not in config.event_statuses:
        raise Invalid({"status": [_("There is no event status %(id)s.") % {"id": status}]})
    if not leaves_test(config, event, status):
        raise Invalid({"status": [_("The event does not leave Planning or Testing by it.")]})


def start(account: int, event: int, status: int, *, by: str) -> Job:
    """Starts the job that takes an event out of Testing, or returns the running one.

    Both happen in one transaction of the set-up: if two people start the job at once, the second one gets the first one's job.

    status: the id of the event's next status.
    Raises NotThere, and Invalid for a status that does not take the event out of Testing.
    """
    with saving(account, by=by, events=[event]) as transaction:
        config = transaction.provider.account(account)
        _check_leaves(config, transaction.provider.event(event), status)
        running = under_way(account, event)
        if running is not None:
            return running
        return control.create(
            KIND, account, {"event": event, "status": status, "by": by, "of": unmarked(transaction.db, account, event)}, by=by
        )


def under_way(account: int, event: int) -> Job | None:
    """The current job that takes an event out of Testing; also a failed one that can be resumed."""
    with scope(account=account):
        job: Job | None = Job.objects.filter(kind=KIND, parameters__event=event, state__in=OPEN).order_by("-id").first()
    return job


@dataclass(frozen=True, slots=True)
class Chunk:
    """The codes of the registrations to mark next. Without any, the job changes the status."""

    codes: Sequence[str]


class Marking:
    """One run of the job."""

    def __init__(self, job: Job) -> None:
        self._account: int = job.account_id
        self._event, self._status, self._by = int(job.parameters["event"]), int(job.parameters["status"]), str(job.parameters["by"])
        self._total, self._done = int(job.parameters["of"]), int(job.done)

    def read(self) -> Chunk:
        """Reads the next registrations that are not Test, by code."""
        rows = of_django(connections["default"]).all(
            f"SELECT code FROM registration WHERE account_id = :account AND event_id = :event AND version > 0 AND erased_at IS NULL AND NOT is_test ORDER BY code LIMIT {CHUNK}",
            {"account": self._account, "event": self._event},
        )
        return Chunk([code for (code,) in rows])

    def write(self, db: Database, chunk: Chunk) -> ChunkResult:
        """Marks them, or, when none is left, changes the status."""
        return self._mark(db, chunk.codes) if chunk.codes else self._switch()

    def _mark(self, db: Database, codes: Sequence[str]) -> ChunkResult:
        provider = Committed(db)
        test = {STANDARD_PROPERTY_NAMES[StandardProperty.TEST]: True}
        event = provider.event(self._event).code
        items = [
            RecordItem(self._account, {"event": event, "code": code, "properties": test}, self._by, quiet=True, by_hand=True)
            for code in codes
        ]
        results = record(db, items, provider)
        refused = [p for result in results if result.outcome is ItemOutcome.REFUSED for p in result.problems]
        if refused:
            raise JobError("A registration could not be marked: %(reason)s", reason=Sentence(refused[0].reason))
        self._done += len(codes)
        return ChunkResult({}, self._done, max(self._total, self._done), {"marked": self._done}, phase=MARKING)

    def _switch(self) -> ChunkResult:
        counts = {"marked": self._done}
        try:
            with saving(self._account, by=self._by, events=[self._event]) as transaction:
                save_event(transaction, replace(transaction.provider.event(self._event).state, status=self._status), self._event)
        except MarksFirst:  # since the last chunk, somebody has cleared Test or sent a registration without it
            return ChunkResult({}, self._done, max(self._total, self._done), counts, phase=MARKING)
        except SetupError as error:
            raise JobError(error.sentence) from error
        return ChunkResult({}, self._done, self._done, counts, phase=SWITCHING, finished=True)

    def close(self) -> None:
        """Does nothing: no files are open."""


def progress(job: Job) -> dict[str, Any]:
    """The progress of the job, for the page: done of total, in per cent, and the rest."""
    total = int(job.total or job.parameters["of"])
    return {"n": job.done, "of": total, "percent": min(100, job.done * 100 // total) if total else 100, "left": job.time_left}
