"""The job "set-status": sets one status on many registrations, each by its own change (I1, P10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connections
from django.utils.translation import gettext as _

from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.flow import Flow
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.sentence_template import with_sentence
from heliograph.jobs import control
from heliograph.jobs.models import Job
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import record
from heliograph.registrations.list import RegistrationFilter, RegistrationRow, Registrations, StatusCount
from heliograph.setup import affected_flows
from heliograph.setup.services.setup_save import acting
from heliograph.setup.setup_errors import Invalid
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django, read_database

KIND: Final = "set-status"
CHUNK: Final = 500
MOST_PICKED: Final = 1_000
MOST_REFUSED: Final = 1_000  # refused registrations that the job's result lists; the count covers all
SETTING: Final = "setting"
LATER, MEANWHILE = "later", "meanwhile"


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, SettingStatus)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which registrations get which status."""

    status: str
    picked: tuple[tuple[str, str], ...] = ()
    """Selected registrations as (event, code); if there are none, all that match the filters."""
    filters: RegistrationFilter = field(default_factory=RegistrationFilter)


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """The consequences of setting the status."""

    total: int
    already: int
    """Registrations that have the status."""
    events: int
    lacking: Sequence[tuple[str, int]]
    """Codes of events without this status, with their number of registrations."""
    flows: Sequence[Flow]
    """Live flows that may act."""

    @property
    def lacks(self) -> int:
        """Registrations that cannot have the status."""
        return sum(n for _, n in self.lacking)

    @property
    def changes(self) -> int:
        """Registrations that would change."""
        return self.total - self.already - self.lacks


def preview(db: Database, account: int, wish: Wish) -> BulkPreview:
    """Counts the consequences, by today's data and configuration."""
    registrations = Registrations(db, account)
    picked = [StatusCount(row.event, row.status, 1) for row in registrations.picked(wish.picked)]
    groups = picked if wish.picked else registrations.count_by_status(wish.filters)
    events = {event: registrations.provider.event(event) for event in {group.event for group in groups}}
    lacking: Counter[str] = Counter()
    already = 0
    for group in groups:
        event = events[group.event]
        if not any(s.name == wish.status for s in (*registrations.config.statuses.values(), *event.statuses.values())):
            lacking[event.code] += group.count
        elif group.status == wish.status:
            already += group.count
    able = [event for event in events.values() if event.code not in lacking]
    flows = affected_flows.on_status(able, wish.status, registrations.config)
    return BulkPreview(sum(group.count for group in groups), already, len(events), sorted(lacking.items()), flows)


class NothingToSet(HeliographError):
    """None of these registrations would get the status."""


def check(db: Database, account: int, wish: Wish) -> None:
    """Raises Invalid if the wish names an event that the account does not have."""
    if wish.filters.event is not None and not Registrations(db, account).has_event(wish.filters.event):
        raise Invalid({"filters.event": [_("This event does not exist.")]})


def total_of(account: int, wish: Wish) -> int:
    """The number of registrations of a wish. They are counted before the transaction of the job, which would otherwise hold up recording.

    Raises Invalid, and NothingToSet if none of them would change.
    """
    with read_database() as db:
        check(db, account, wish)
        expected = preview(db, account, wish)
    if not expected.changes:
        raise NothingToSet(
            _("None of these registrations would get the status: they have it already, or their events have no such status.")
        )
    return expected.total


def start(account: int, wish: Wish, total: int, *, by: str) -> Job:
    """Creates the job. If somebody else sets another status from now on, that one stays. Raises SavedSince, TooMuchWork."""
    with acting(account) as db:
        parameters = {
            "status": wish.status,
            "picked": [list(pair) for pair in wish.picked],
            "wanted": wish.filters.as_json(),
            "asked": db.now(),
            "total": total,
            "by": by,
        }
        return control.create(KIND, account, parameters, by=by)


class SettingStatus:
    """One run of the job. Its cursor is the id of the last registration, or the number of selected registrations already read."""

    def __init__(self, job: Job) -> None:
        self._account: int = job.account_id
        self._parameters: Mapping[str, Any] = job.parameters
        self._picked = [(str(event), str(code)) for event, code in self._parameters["picked"]]
        self._filters = RegistrationFilter.from_json(self._parameters["wanted"])
        self._last = int(job.cursor.get("last", 0))
        self._done = int(job.done)
        self._counts = Counter({name: int(n) for name, n in job.counts.items()})
        self._refused: list[dict[str, Any]] = list(job.result.get("refused", ()))

    def read(self) -> list[RegistrationRow]:
        """Reads the next registrations."""
        registrations = Registrations(of_django(connections["default"]), self._account)
        if self._picked:
            return registrations.picked(self._picked[self._last : self._last + CHUNK])
        return registrations.walk(self._filters, self._last, CHUNK)

    def write(self, db: Database, chunk: list[RegistrationRow]) -> ChunkResult:
        """Records the change of each registration."""
        status, asked_at = str(self._parameters["status"]), int(self._parameters["asked"])
        todo = []
        for row in chunk:
            if row.status == status:
                self._counts["already"] += 1
            elif row.status_modified > asked_at:
                self._refuse(row, LATER)
            else:
                todo.append(row)
        items = [
            RecordItem(
                self._account,
                {"event": row.event_code, "code": row.code, "status": status},
                str(self._parameters["by"]),
                by_hand=True,
                expected=row.version,
            )
            for row in todo
        ]
        for row, answer in zip(todo, record(db, items, Committed(db)) if items else [], strict=True):
            self._count(row, answer)
        self._done += len(chunk)
        # The next chunk begins after the last picked one, or after the last id that the walk has read.
        if self._picked:
            self._last += CHUNK
            ended = self._last >= len(self._picked)
        else:
            self._last = chunk[-1].id if chunk else self._last
            ended = len(chunk) < CHUNK
        cursor = {"last": self._last}
        total = max(int(self._parameters["total"]), self._done)
        return ChunkResult(cursor, self._done, total, dict(self._counts), {"refused": self._refused}, phase=SETTING, finished=ended)

    def _count(self, row: RegistrationRow, answer: ItemResult) -> None:
        if answer.outcome is ItemOutcome.UPDATED:
            self._counts["changed"] += 1
        elif answer.outcome is ItemOutcome.REFUSED:
            self._refuse(row, answer.problems[0].reason if answer.problems else "")
        elif answer.outcome is ItemOutcome.CONFLICT:
            self._refuse(row, MEANWHILE)
        else:
            self._counts["already"] += 1

    def _refuse(self, row: RegistrationRow, reason: str) -> None:
        self._counts["refused"] += 1
        if len(self._refused) < MOST_REFUSED:
            self._refused.append({"event": row.event_code, "code": row.code, "status": row.status, **with_sentence("reason", reason)})

    def close(self) -> None:
        """Does nothing: no files are open."""
