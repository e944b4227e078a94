"""The job that runs an operator's program for a source: one row for each source, which waits again whenever the source is due (S6).

    read     the next records that the program printed, up to a STATE or the bound of a batch, outside of any transaction
    write    those that are new as a call, what is known of each record, and the STATE that follows them, in one transaction

So a kill repeats the records after the last stored STATE, and loses none. Records that were stored already are recognized by key and content.
`recording.source_calls` records the stored calls.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from django.db import connections
from django_scopes import scopes_disabled

from heliograph.accounts.models import Account
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.sentence_template import with_sentence
from heliograph.domain.source.list_page import ListItem
from heliograph.domain.source.platforms import COMMAND
from heliograph.domain.source.read_failure import wait_after
from heliograph.domain.source.singer import SingerBatch, SingerReader
from heliograph.domain.source.source_times import SECOND
from heliograph.jobs.models import Job
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.sources.commands_file import command_of
from heliograph.sources.item_documents import item_documents, read_mapping
from heliograph.sources.models import Source
from heliograph.sources.program_run import ProgramRun
from heliograph.store import source_reads
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.source_reads import ReadSource

KIND: Final = "run command"
LOOK: Final = 2.0
"""Seconds that a chunk waits for the program: so often the job shows that it lives, and notices that it shall stop."""
MINUTE: Final = 60 * SECOND
DEFAULT_EVERY: Final = 60


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(KIND, CommandRun)


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """What a source says of its program."""

    name: str
    """In the file of commands."""
    every: int = DEFAULT_EVERY
    """Minutes between the end of a run and the next one."""

    @classmethod
    def from_body(cls, value: object) -> CommandSettings:
        """Reads the settings. Raises BodyError."""
        body = Body(value)
        name = body.text("name", longest=60)
        if not name:
            raise BodyError("name", "expected the name of a command")
        return cls(name, body.number("every", least=1, most=10_080) or DEFAULT_EVERY)

    def to_body(self) -> dict[str, Any]:
        """The settings as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CommandProgress:
    """What the column cursor of a command source holds."""

    state: Mapping[str, Any] | None = None
    """The last STATE whose records are all stored."""
    is_filled: bool = False
    """A run has ended well: what later ones bring are changes, on which flows act."""
    passed: int = 0
    """Records that were new or changed since then."""

    @classmethod
    def from_text(cls, text: str) -> CommandProgress:
        """Reads a saved progress. One that cannot be read begins anew: what is known already is not stored again."""
        stored = json.loads(text or "{}")
        value = stored if isinstance(stored, dict) else {}
        state = value.get("state")
        passed = value.get("passed", 0)
        return cls(state if isinstance(state, dict) else None, value.get("filled") is True, passed if isinstance(passed, int) else 0)

    def to_text(self) -> str:
        """The progress as JSON."""
        return json.dumps({"state": self.state, "filled": self.is_filled, "passed": self.passed})


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run did, as the page of the source shows it."""

    records: int = 0
    """Printed."""
    news: int = 0
    """Of these, new or changed."""
    log: str = ""
    """The end of what it logged, without secrets."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the program brought."""

    source: ReadSource | None
    """The source as it was when the run began; None if it is not on."""
    batches: tuple[SingerBatch, ...] = ()
    is_over: bool = False
    failure: str = ""


@dataclass(slots=True)
class _Run:
    source: ReadSource
    program: ProgramRun
    every: int
    began: int
    """Our time before it was started."""
    reader: SingerReader = field(default_factory=SingerReader)
    cursor: str = "{}"
    """As this run saved it last."""


class CommandRun:
    """One run of the job, which is one run of the program. Its cursor holds nothing: where it stands is in the source's row."""

    def __init__(self, job: Job) -> None:
        self._id, self._done = int(job.parameters["source"]), job.done
        self._run: _Run | None = None
        self._facts = RunFacts()

    # --- reading

    def read(self) -> Chunk:
        """What the program printed next."""
        if self._run is None:
            db = of_django(connections["default"])
            now = db.now()
            source = source_reads.read_source_to_read(db, self._id)
            if source is None or source.due_at > now:
                return Chunk(None)
            try:
                self._run = self._begin(source, now)
            except HeliographError as error:
                return Chunk(source, is_over=True, failure=error.sentence)
        run = self._run
        batches: list[SingerBatch] = []
        try:
            for piece in run.program.read(LOOK):
                for batch in run.reader.feed(piece):  # those before a line that cannot be used count
                    batches.append(batch)  # noqa: PERF402
                if batches:
                    break
            is_over = run.program.is_over  # asked once: it may end at any time
            if is_over:
                batches += run.reader.end()
                run.program.check_end()
        except HeliographError as error:
            return Chunk(run.source, (*batches, *run.reader.so_far()), is_over=True, failure=error.sentence)
        return Chunk(run.source, tuple(batches), is_over=is_over)

    def _begin(self, source: ReadSource, now: int) -> _Run:
        settings = command_settings(source.settings)
        with scopes_disabled():
            account = Account.objects.get(pk=source.account).code
        state = CommandProgress.from_text(source.cursor).state
        program = ProgramRun(command_of(settings.name, account), state, source.id)
        return _Run(source, program, settings.every, now, cursor=source.cursor)

    # --- writing

    def write(self, db: Database, chunk: Chunk) -> ChunkResult:
        """Stores what is new, with the state that follows it."""
        source = None if chunk.source is None else source_reads.read_source_to_read(db, self._id, lock=True)
        if chunk.source is None:
            return ChunkResult({}, self._done, finished=True)
        if source is None or source.version != chunk.source.version:
            return self._result(is_over=True)  # paused, removed, or another program was chosen
        if self._run is not None and source.cursor != self._run.cursor:
            return self._result(is_over=True)  # its progress was set back
        now = db.now()
        progress = CommandProgress.from_text(source.cursor)
        for batch in chunk.batches:
            progress = self._store(db, source, progress, batch, now)
        if chunk.is_over and not chunk.failure:
            progress = replace(progress, is_filled=True)
        text = progress.to_text() if chunk.batches or chunk.is_over else source.cursor
        is_asked = self._run is not None and source.is_asked_since(self._run.began)
        if chunk.failure:
            source_reads.save_cursor(db, source.id, text)
            due = now if is_asked else now + wait_after(source.failures + 1, jitter=random.uniform(-1, 1))  # noqa: S311
            source_reads.save_failure(db, source.id, json.dumps(with_sentence("words", chunk.failure)), due, now)
        elif chunk.is_over:
            assert self._run is not None
            source_reads.save_progress(db, source.id, text, now if is_asked else now + self._run.every * MINUTE, now)
        elif chunk.batches:
            source_reads.save_cursor(db, source.id, text)
        if self._run is not None:
            self._run.cursor = text
        return self._result(is_over=chunk.is_over)

    def _store(self, db: Database, source: ReadSource, progress: CommandProgress, batch: SingerBatch, now: int) -> CommandProgress:
        """Stores the records of a batch that are new. Of two with one key in it the last one is what is known then."""
        known = source_reads.known_digests(db, source.id, sorted({record.key for record in batch.records}))
        news = []
        for record in batch.records:
            if known.get(record.key) != record.digest:
                news.append(record)
                known[record.key] = record.digest
        if news:
            body = json.dumps([record.entry for record in news], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
            call = source_reads.store_records(db, source.account, source.id, body, json.dumps({"line": batch.lines}), now)
            if not progress.is_filled:
                source_reads.stay_quiet(db, source.id, call)
            items = {record.key: ListItem(record.key, None, record.digest, is_deleted=False, value=record.entry) for record in news}
            rows = item_documents(read_mapping(source.mapping), list(items.values()), {}, (), now).rows
            source_reads.save_items(db, source, rows, 0)
        self._done += len(news)
        self._facts = replace(self._facts, records=self._facts.records + len(batch.records), news=self._facts.news + len(news))
        passed = progress.passed + (len(news) if progress.is_filled else 0)
        return replace(progress, state=progress.state if batch.state is None else batch.state, passed=passed)

    def _result(self, *, is_over: bool) -> ChunkResult:
        if not is_over:
            return ChunkResult({}, self._done)
        log = "" if self._run is None else self._run.program.log
        return ChunkResult({}, self._done, result=asdict(replace(self._facts, log=log)), finished=True)

    def close(self) -> None:
        """Kills the program if it still runs."""
        if self._run is not None:
            self._run.program.close()
            self._run = None


def command_settings(settings: str) -> CommandSettings:
    """The settings of a source. Raises HeliographError if no command is chosen."""
    stored = json.loads(settings or "{}")
    try:
        return CommandSettings.from_body(stored["command"])
    except (KeyError, TypeError, BodyError):
        raise HeliographError("No command is chosen. Choose one on the page of the source.") from None


def last_run(source: Source) -> RunFacts | None:
    """The last run of a command source; None if there was none."""
    if source.reader_job is None or source.platform != COMMAND:
        return None
    job: Job | None = Job.objects.filter(pk=source.reader_job).first()
    facts = {} if job is None else job.result
    return RunFacts(int(facts["records"]), int(facts["news"]), str(facts["log"])) if "records" in facts else None
