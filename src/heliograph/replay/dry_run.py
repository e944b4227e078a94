"""The job "replay-check": the dry run of a replay (Y1). It reads changes from the newest to the oldest and sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connections
from django.utils.translation import gettext_noop
from django_scopes import scopes_disabled

from heliograph.domain.delivery.replay import Candidate, ReplayRow, ReplayVerdict, takes_every
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.jobs.models import Job
from heliograph.jobs.registry import ChunkResult, JobError, JobKind
from heliograph.replay.models import PROBLEM_LENGTH, Replay
from heliograph.replay.request_comparison import COLUMNS, CandidateChange, ComparedLine, Comparison, destinations_of
from heliograph.replay.selection import Selection
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.where import Where

KIND: Final = "replay-check"
CHUNK: Final = 500
CHECKING: Final = "checking"
PROBLEMS: Final = 3
"""The number of problems that the result names, the most frequent ones."""
FLOW_GONE: Final = gettext_noop("The flow has been deleted.")
NOTHING_WATCHED: Final = gettext_noop("The flow does not say what it watches for.")


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, DryRun)


@dataclass(slots=True)
class CheckedChunk:
    """The lines that a chunk of changes adds and removes."""

    last: tuple[int, int] | None
    """Instant and id of the last change that was read; None if none was left."""
    read_changes: int
    """The number of changes that were read."""
    total: int
    """The number of changes of the whole dry run."""
    lines: list[tuple[int, ComparedLine]] = field(default_factory=list)
    """The new lines, each with the id of its destination."""
    gone: list[int] = field(default_factory=list)
    """The ids of stored lines that new ones replace."""
    counts: Counter[str] = field(default_factory=Counter)
    """By verdict: the number of new lines less that of replaced ones."""


class DryRun:
    """One run of the job. Its cursor is the instant and id of the last change that was read."""

    def __init__(self, job: Job) -> None:
        self._account = job.account_id
        self._replay = replay_of(job)
        self._cursor: Mapping[str, Any] = job.cursor
        self._done, self._total = int(job.done), job.total
        self._counts = Counter({name: int(n) for name, n in job.counts.items()})
        self._selection = Selection.from_json(self._replay.selection)
        db = of_django(connections["default"])
        config = Committed(db).account(self._account)
        self._version = config.version
        self._comparison = Comparison(db, self._account, flow_to_replay(config.flows, self._replay.flow_id))

    def read(self) -> CheckedChunk:
        """Reads the next changes and compares them."""
        db, flow = of_django(connections["default"]), self._comparison.flow
        assert flow.watch is not None
        where = self._selection.conditions(db, self._account, flow.watch.facets)
        if self._total is None:
            ((self._total,),) = db.all(f"SELECT count(*) FROM change c WHERE {where.sql}", where.params)
        if self._cursor:
            where &= Where("(c.at, c.id) < (:at, :id)", at=self._cursor["at"], id=self._cursor["id"])
        rows = db.all(
            f"SELECT {COLUMNS} FROM (SELECT c.* FROM change c WHERE {where.sql} ORDER BY c.at DESC, c.id DESC LIMIT {CHUNK}) c"
            " LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at ORDER BY c.at DESC, c.id DESC",
            where.params,
        )
        changes = [CandidateChange.from_row(row) for row in rows]
        last = (changes[-1].candidate.at, changes[-1].candidate.change) if changes else None
        chunk = CheckedChunk(last, len(changes), int(self._total))
        for destination in destinations_of(flow):
            self._check(db, changes, destination, chunk)
        return chunk

    def _check(self, db: Database, changes: Sequence[CandidateChange], destination: Destination, chunk: CheckedChunk) -> None:
        """Adds the lines of one destination: one line for each change, or one for each subject if only its latest matching change is sent."""
        every = takes_every(destination.does, every=self._selection.every)
        subjects = {each.candidate.subject for each in changes}
        stored = {} if every else stored_lines(db, self._replay.pk, destination.id, subjects)
        row_of_subject = {subject: row for subject, (_, row) in stored.items()}
        # Changes come newest first, so a subject's first one nearly always decides its line. Changes that cannot replace it are not compared.
        open_ = [each for each in changes if every or not _stands(row_of_subject.get(each.candidate.subject), each.candidate)]
        new_lines: dict[int, ComparedLine] = {}  # by change if each has a line, else by subject
        for compared in self._comparison.compare(open_, destination):
            subject = compared.row.candidate.subject
            if every:
                new_lines[compared.row.candidate.change] = compared
            elif subject not in row_of_subject or compared.row.beats(row_of_subject[subject]):
                row_of_subject[subject] = compared.row
                new_lines[subject] = compared
        for key, compared in new_lines.items():
            chunk.lines.append((destination.id, compared))
            chunk.counts[compared.row.verdict.value] += 1
            if not every and key in stored:
                id, before = stored[key]
                chunk.gone.append(id)
                chunk.counts[before.verdict.value] -= 1

    def write(self, db: Database, chunk: CheckedChunk) -> ChunkResult:
        """Stores the lines of a chunk."""
        if not self._cursor:
            db.run("UPDATE replay SET config_version = :version WHERE id = :id", {"version": self._version, "id": self._replay.pk})
        if chunk.gone:
            db.run(f"DELETE FROM replay_line WHERE {db.member('id', 'ids')}", {"ids": chunk.gone})
        store_lines(db, self._account, self._replay.pk, chunk.lines)
        self._counts.update(chunk.counts)
        self._done += chunk.read_changes
        ended = chunk.read_changes < CHUNK
        if chunk.last is not None:
            self._cursor = {"at": chunk.last[0], "id": chunk.last[1]}
        return ChunkResult(
            self._cursor,
            self._done,
            max(chunk.total, self._done),
            dict(self._counts),
            self._result(db) if ended else None,
            phase=CHECKING,
            finished=ended,
            rows=len(chunk.lines),
        )

    def _result(self, db: Database) -> dict[str, object]:
        params = {"replay": self._replay.pk}
        ((subjects,),) = db.all("SELECT count(DISTINCT subject_id) FROM replay_line WHERE replay_id = :replay", params)
        problems = db.all(
            "SELECT problem, count(*) FROM replay_line WHERE replay_id = :replay AND verdict = :fails AND problem <> ''"
            f" GROUP BY problem ORDER BY count(*) DESC, problem LIMIT {PROBLEMS}",
            params | {"fails": ReplayVerdict.WOULD_FAIL.code},
        )
        return {"subjects": subjects, "problems": [[text, n] for text, n in problems]}

    def close(self) -> None:
        """Does nothing: no files are open."""


def _stands(standing_row: ReplayRow | None, candidate: Candidate) -> bool:
    """True if a subject's line stays, because no verdict on this change could replace it."""
    return (
        standing_row is not None
        and standing_row.verdict is not ReplayVerdict.FILTERED
        and standing_row.candidate.version > candidate.version
    )


def replay_of(job: Job) -> Replay:
    """The replay that a job works on."""
    with scopes_disabled():
        replay: Replay = Replay.objects.get(pk=job.parameters["replay"], account=job.account_id)
    return replay


def flow_to_replay(flows: Mapping[int, Flow], id: int) -> Flow:
    """The flow as it is today. Raises JobError if it was deleted or watches for nothing."""
    flow = flows.get(id)
    if flow is None:
        raise JobError(FLOW_GONE)
    if flow.watch is None:
        raise JobError(NOTHING_WATCHED)
    return flow


def stored_lines(db: Database, replay: int, destination: int, subjects: set[int]) -> dict[int, tuple[int, ReplayRow]]:
    """The stored lines of these subjects at a destination, by subject: (id, row)."""
    rows = db.all(
        "SELECT id, subject_id, change_id, version, at, verdict FROM replay_line"
        f" WHERE replay_id = :replay AND destination_id = :destination AND {db.member('subject_id', 'subjects')}",
        {"replay": replay, "destination": destination, "subjects": sorted(subjects)},
    )
    return {
        subject: (id, ReplayRow(Candidate(change, subject, version, at), ReplayVerdict.of_code(verdict)))
        for id, subject, change, version, at, verdict in rows
    }


def store_lines(db: Database, account: int, replay: int, lines: Sequence[tuple[int, ComparedLine]]) -> None:
    """Stores lines: (id of the destination, line)."""
    db.many(
        "INSERT INTO replay_line (account_id, replay_id, destination_id, subject_id, registration_id, event_id, change_id, version, at, verdict, note, problem)"
        " VALUES (:account, :replay, :destination, :subject, :registration, :event, :change, :version, :at, :verdict, :note, :problem)",
        [
            {
                "account": account,
                "replay": replay,
                "destination": destination,
                "subject": compared.row.candidate.subject,
                "registration": compared.candidate_change.registration,
                "event": compared.candidate_change.event,
                "change": compared.row.candidate.change,
                "version": compared.row.candidate.version,
                "at": compared.row.candidate.at,
                "verdict": compared.row.verdict.code,
                "note": compared.row.note.value if compared.row.note else "",
                "problem": compared.row.why[:PROBLEM_LENGTH],
            }
            for destination, compared in lines
        ],
    )
