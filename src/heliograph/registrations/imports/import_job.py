"""The job "import": reads the file twice, first to find the set-up that it needs, then to record it (I1, I2, I4).

    scan     every row once: what is missing, codes used twice, the number of rows; only notes are stored
    decide   creates what was chosen (in a dry run: simulates it)
    record   100 rows per transaction through record(), with the file position in the same transaction; a dry run compares instead

So a kill at any moment loses and duplicates nothing: committed rows are not read again, uncommitted ones are.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError as DjangoDatabaseError
from django.db import connections
from django_scopes import scopes_disabled

from heliograph.domain.registration.document import address
from heliograph.domain.registration.document_values import DocumentProblem, DocumentRefused
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.sentence_template import body_of, gettext_noop
from heliograph.domain.setup.name_index import code_of
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import ChunkResult, JobError, JobKind
from heliograph.recording.items import RecordItem
from heliograph.recording.json_documents import NoDocument, read_document
from heliograph.recording.record import prepare
from heliograph.registrations.imports import folder_rows, import_dry_run, preparation, setup_creation
from heliograph.registrations.imports.census import Census
from heliograph.registrations.imports.chunk_recorder import record_chunk
from heliograph.registrations.imports.columns import from_json, with_date_orders
from heliograph.registrations.imports.empty_cells import prune
from heliograph.registrations.imports.file_reader import Format, open_rows
from heliograph.registrations.imports.import_errors import RowProblem
from heliograph.registrations.imports.missing_setup import EVENTS, lacking
from heliograph.registrations.imports.name_corrections import NameCorrections
from heliograph.registrations.imports.notes import Notes
from heliograph.registrations.imports.property_names import PropertyNames
from heliograph.registrations.imports.refusal_file import RefusedRow, write_report
from heliograph.registrations.imports.row_mapper import Mapper
from heliograph.registrations.imports.row_problems import no_email, no_event, of_problem, unknown_event, used_before
from heliograph.registrations.imports.rows import FileRow, FileRows
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.registrations.imports.values import DateOrder, is_email
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

SCAN_CHUNK: Final = 5_000
CHUNK: Final = 100
SCANNING, CHECKING, RECORDING = "scanning", "checking", "importing"
_RECORD_CURSOR: Final[dict[str, Any]] = {"phase": "record", "place": None, "last": 0}
"""The cursor where the second reading begins."""
_LACKS_KEPT: Final = 1_000  # missing things that the job's result lists


def kind() -> JobKind:
    """The kind of job, for wiring."""
    return JobKind(preparation.KIND, ImportRun, preparation.is_here)


def folder_of(job: int) -> Path:
    """The folder of a job's notes and report."""
    return Path(settings.HELIOGRAPH.data) / "imports" / str(job)


@dataclass(slots=True)
class Scanned:
    """A chunk of the first reading."""

    ended: bool


@dataclass(slots=True)
class Ready:
    """A chunk of the second reading: items with their rows, and rows already refused."""

    items: list[tuple[FileRow, RecordItem]] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    # in a dry run: the result for each item
    compared: list[import_dry_run.ComparedItem] = field(default_factory=list)
    rows: int = 0
    ended: bool = False


class ImportRun:
    """One run of the job, from its cursor on."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._parameters: Mapping[str, Any] = job.parameters
        if not preparation.is_here(job):
            raise JobError(
                "%(file)s is missing or has changed since the import began. Put it back and resume the job, or import it again.",
                file=self._parameters["file"],
            )
        self._format = Format.from_json(self._parameters["form"])
        self._columns = from_json(self._parameters["columns"])
        self._corrections = NameCorrections(SetupChoice.from_json(self._parameters["choice"]).corrections)
        self._counts = Counter(job.counts)
        # in a dry run: on how many changes each flow (by its id as text) would act, how many changes flows would judge, and how many of their
        # decisions would wait for a tag
        self._acts: Counter[str] = Counter(job.cursor.get("acts") or {})
        self._judged = int(job.cursor.get("judged", 0))
        self._waits = int(job.cursor.get("waits", 0))
        self._result: dict[str, Any] = dict(job.result)
        self._folder = folder_rows.file_of(job)
        self._finished = False
        self._scan_is_over = False  # true between the decision and the second reading
        self._notes = Notes(folder_of(job.pk))
        self._rows: FileRows | None = None
        try:
            self._open(job.cursor)
        except BaseException:
            self.close()
            raise

    def _open(self, cursor: Mapping[str, Any]) -> None:
        state = self._notes.scan_state()
        self._census = Census.from_json(state["census"]) if state else Census()
        if cursor.get("phase") != "record":
            self._phase = "scan"
            self._scanned: int = state["rows"] if state else 0
            self._blank: int = state["blank"] if state else 0
            place, codes = (state["place"] if state else None), None
        else:
            if state is None:
                raise JobError(
                    gettext_noop(
                        "The notes of this import are gone. Start the import again; what is recorded already will be found unchanged."
                    )
                )
            self._phase, self._last_line = "record", int(cursor["last"])
            self._columns = with_date_orders(self._columns, self._census.dates)
            self._notes.forget_after(self._last_line)
            place, codes = cursor["place"], self._census.events
        db = of_django(connections["default"])
        self._known = preparation.load_known(db, Committed(db), self._job.account_id, codes)
        if self._phase == "record" and self._parameters["dry_run"]:
            lacks = [lack for lack in lacking(self._census, self._known) if setup_creation.possible(lack)]
            chosen = SetupChoice.from_json(self._parameters["choice"]).select_lacks(lacks)
            self._known = setup_creation.imagine(self._known, chosen, self._date_order)
        self._events = {e.code: e for e in self._known.events}
        self._properties = PropertyNames(self._known.events, self._census.property_names())
        self._mapper = None if self._format.is_documents else Mapper(self._columns, self._known, self._parameters["event"])
        self._rows = open_rows(Path(self._parameters["file"]), self._format, place)
        self._iterator: Iterator[FileRow] = iter(self._rows)

    def close(self) -> None:
        """Closes the file and the notes. The notes of a job that is done are deleted; its report stays."""
        if self._rows is not None:
            self._rows.close()
        was_committed = False
        if self._finished:
            with contextlib.suppress(DjangoDatabaseError), scopes_disabled():
                was_committed = Job.objects.filter(pk=self._job.pk, state=JobState.DONE).exists()
        if was_committed:
            self._notes.forget()
        else:
            self._notes.close()

    # --- the runner's two steps

    def read(self) -> Scanned | Ready:
        """The next chunk."""
        if self._scan_is_over:  # the created set-up is committed by now, so the second reading begins
            assert self._rows is not None
            self._rows.close()
            self._open(_RECORD_CURSOR)
            self._scan_is_over = False
        return self._scan() if self._phase == "scan" else self._prepare()

    def write(self, db: Database, chunk: Scanned | Ready) -> ChunkResult:
        """Ends a chunk. A scanned chunk returns its progress; the last one decides what is created. A prepared chunk is recorded, or in a dry
        run counted.
        """
        if isinstance(chunk, Ready):
            return self._record(db, chunk)
        if not chunk.ended:
            assert self._rows is not None
            total = self._rows.total
            if total is None and (offset := self._rows.cursor["offset"]):  # estimated from the position in the file
                total = round(self._scanned * max(self._parameters["size"] / offset, 1))
            return ChunkResult({"phase": "scan"}, self._scanned, total, {"rows": self._scanned}, phase=SCANNING)
        return self._decide()

    # --- scan

    def _scan(self) -> Scanned:
        assert self._rows is not None
        codes = []
        row_count = 0
        for row in itertools.islice(self._iterator, SCAN_CHUNK):
            row_count += 1
            if row.problem is not None:
                continue
            document = self._document(row)[0]
            if document is None:
                continue
            self._census.add(document, self._mapper.facts(row.cells) if self._mapper else {})
            if self._mapper:
                self._census.add_dates(self._mapper.dates(row.cells))
            event, code = (code_of(v) if isinstance(v, str) else "" for v in (document.get("event"), document.get("code")))
            if event and code:
                codes.append((event, code, row.line, row.number))
        self._scanned += row_count
        state = {
            "rows": self._scanned,
            "blank": self._blank + self._rows.blank,
            "place": self._rows.cursor,
            "census": self._census.as_json(),
        }
        self._notes.note_scan(codes, state)
        return Scanned(ended=row_count < SCAN_CHUNK)

    # --- decide

    @property
    def _date_order(self) -> DateOrder:
        return next((c.date for c in self._columns if c.target == "event.start"), DateOrder.DAY_FIRST)

    def _decide(self) -> ChunkResult:
        """The first reading has ended: reports what is missing, and creates or simulates it, or stops the import to ask."""
        self._columns = with_date_orders(self._columns, self._census.dates)
        db = of_django(connections["default"])
        self._known = preparation.load_known(db, Committed(db), self._job.account_id, self._census.events)
        lacks = [lack for lack in lacking(self._census, self._known) if setup_creation.possible(lack)]
        choice = SetupChoice.from_json(self._parameters["choice"])
        chosen = choice.select_lacks(lacks)
        picked = {(x.kind, x.event, x.parent, x.name) for x in chosen}
        self._result |= {
            "rows": self._scanned,
            "blank": self._blank + (self._rows.blank if self._rows else 0),
            "lacks": [{**x.as_json(), "created": (x.kind, x.event, x.parent, x.name) in picked} for x in lacks[:_LACKS_KEPT]],
            "doubt_sentences": [body_of(x.doubt) for x in lacks[:_LACKS_KEPT]],
            "lacks_more": max(0, len(lacks) - _LACKS_KEPT),
            "more_events": self._census.more_events,
        }
        counts = {"rows": self._scanned}
        if self._parameters["ask"] and lacks and choice.is_empty and not self._parameters["dry_run"]:
            self._finished = True
            return ChunkResult(
                {"phase": "asked"}, 0, self._scanned, counts, self._result | {"stopped": "lacks"}, phase=SCANNING, finished=True
            )
        if not self._parameters["dry_run"]:
            by, quiet = f"import:{self._job.pk}", bool(self._parameters["quiet"])
            created = setup_creation.create(self._job.account_id, chosen, self._known, by=by, quiet=quiet, order=self._date_order)
            self._result |= {"created": [*map(str, created)], "created_sentences": [*map(body_of, created)]}
        else:
            made = [lack.event for lack in chosen if lack.kind == EVENTS]
            imagined = setup_creation.imagine(self._known, chosen, self._date_order)
            self._acts.update(str(flow) for flow in import_dry_run.acts_on_new_events(made, imagined))
            self._judged += len(made)
        self._scan_is_over, self._counts = True, Counter(counts)
        return ChunkResult(_RECORD_CURSOR | self._flow_counts, 0, self._scanned, counts, self._result, phase=self._phase_word)

    @property
    def _flow_counts(self) -> dict[str, Any]:
        """The dry run's counts of flows: how many changes they would judge, on how many of them each flow would act, and how many decisions would
        wait for a tag."""
        return {"judged": self._judged, "acts": dict(self._acts), "waits": self._waits}

    @property
    def _phase_word(self) -> str:
        return CHECKING if self._parameters["dry_run"] else RECORDING

    # --- record

    def _document(self, row: FileRow) -> tuple[dict[str, Any] | None, list[RowProblem]]:
        """The row as a document, or None if it cannot be one, with the row's problems."""
        document, problems = self._mapper.document(row) if self._mapper is not None else self._read_document(row)
        if document is not None:
            self._properties.settle(document)
            self._corrections.apply(document)
        return document, problems

    def _read_document(self, row: FileRow) -> tuple[dict[str, Any] | None, list[RowProblem]]:
        try:
            document = read_document(row.cells[0].encode("utf-8", "surrogatepass"))
        except NoDocument as error:
            return None, [RowProblem("", row.cells[0][:100], error.sentence, ('{"event": "…", "code": "…"}',))]
        except DocumentRefused as refused:
            return None, [self._address_problem(p) for p in refused.problems]
        if self._parameters["event"]:
            document.setdefault("event", self._parameters["event"])
        return document, []

    def _prepare(self) -> Ready:
        rows = list(itertools.islice(self._iterator, CHUNK))
        ready = Ready(rows=len(rows), ended=len(rows) < CHUNK)
        before = self._notes.used_before(rows[0].line, rows[-1].line) if rows else {}
        for row in rows:
            if row.problem is not None:
                ready.refused.append(RefusedRow.from_row(row, [row.problem]))
                continue
            item, problems = self._item(row)
            if row.line in before:
                problems.append(used_before(self._column("code"), item.document.get("code") if item else "", *before[row.line]))
            if problems or item is None:
                ready.refused.append(RefusedRow.from_row(row, problems, item.document if item else None))
            else:
                ready.items.append((row, item))
        if self._parameters["dry_run"]:
            ready.compared = import_dry_run.compare(self._job.account_id, [item for _, item in ready.items], self._known)
        return ready

    def _item(self, row: FileRow) -> tuple[RecordItem | None, list[RowProblem]]:
        document, problems = self._document(row)
        if document is None:
            return None, problems
        item = RecordItem(self._job.account_id, document, by=f"import:{self._job.pk}", quiet=bool(self._parameters["quiet"]))
        try:
            event_code, code = address(document)
        except DocumentRefused as refused:
            return item, [*problems, *(self._address_problem(p) for p in refused.problems)]
        event = self._events.get(event_code)
        if event is None:
            return item, [*problems, unknown_event(self._column("event"), event_code, self._event_codes)]
        if self._mapper is not None:
            prune(document, event)
        if (email := _email(document)) and not is_email(email):
            problems.append(no_email(self._column("profile.email"), email))
        prepared = prepare(item, code, self._known.account, event)
        return item, [*problems, *(of_problem(p, self._column, self._known.account, event) for p in prepared.problems)]

    @functools.cached_property
    def _event_codes(self) -> list[str]:
        """Codes of events that a row could have named."""
        db = of_django(connections["default"])
        rows = db.all("SELECT code FROM event WHERE account_id = :account ORDER BY id DESC LIMIT 50", {"account": self._job.account_id})
        return list(dict.fromkeys([*self._events, *(code for (code,) in rows)]))

    def _address_problem(self, problem: DocumentProblem) -> RowProblem:
        if problem.field == "event" and not problem.value:
            return no_event(self._column("event"), self._event_codes)
        return of_problem(problem, self._column, self._known.account, None)

    def _column(self, place: str) -> str:
        return self._mapper.column_of(place) if self._mapper else place

    def _record(self, db: Database, ready: Ready) -> ChunkResult:
        assert self._rows is not None
        counts = Counter(self._counts)
        refused = list(ready.refused)
        if self._parameters["dry_run"]:
            self._notes.note_compared(import_dry_run.listed_rows(ready.items, ready.compared, counts))
            counts.update(str(compared.outcome) for compared in ready.compared if compared.outcome is not ItemOutcome.REFUSED)
            refused += [
                RefusedRow.from_row(row, [of_problem(compared.problem, self._column, self._known.account, None)])
                for (row, _), compared in zip(ready.items, ready.compared, strict=True)
                if compared.problem is not None
            ]
            counts["cleared"] += sum(compared.cleared for compared in ready.compared)
            counts["rows_cleared"] += sum(1 for compared in ready.compared if compared.cleared)
            self._acts.update(str(flow) for compared in ready.compared for flow in compared.acts)
            self._judged += sum(compared.changes for compared in ready.compared)
            self._waits += sum(compared.waits for compared in ready.compared)
        else:
            results = record_chunk(db, [item for _, item in ready.items])
            for (row, item), result in zip(ready.items, results, strict=True):
                if result.outcome is not ItemOutcome.REFUSED:
                    counts[str(result.outcome)] += 1
                    continue
                # record() refuses a valid row, with problems, if the set-up has changed since; without, if the database refuses the data.
                problems = [of_problem(problem, self._column, self._known.account, None) for problem in result.problems]
                refused.append(
                    RefusedRow.from_row(
                        row, problems or [RowProblem("", "", gettext_noop("The database refused this row."), ())], item.document
                    )
                )
            if self._folder is not None:
                folder_rows.note(db, self._folder, [item for _, item in ready.items], results, refused)
        counts["refused"] += len(refused)
        counts["done"] += ready.rows
        if refused:
            self._notes.refuse(refused)
        last_line = max(self._last_line, self._rows.line)
        job_result = None
        if ready.ended:
            path = folder_of(self._job.pk) / "refused.csv"
            summary = write_report(path, self._parameters["names"], self._notes.refused(), sparse=bool(self._format.columns))
            if not counts["refused"]:
                path.unlink()
            report = str(path) if counts["refused"] else ""
            job_result = self._result | self._flow_counts | {"refused": summary.as_json(), "report": report}
            if self._parameters["dry_run"]:
                job_result |= {"compared": [asdict(row) for row in self._notes.compared()]}
            self._finished = True
        self._counts, self._last_line = counts, last_line
        cursor = {"phase": "record", "place": self._rows.cursor, "last": last_line} | self._flow_counts
        return ChunkResult(
            cursor, counts["done"], self._scanned_rows, dict(counts), job_result, phase=self._phase_word, finished=ready.ended
        )

    @property
    def _scanned_rows(self) -> int:
        return int(self._result.get("rows", 0))


def _email(document: Mapping[str, Any]) -> str:
    profile = document.get("profile")
    email = profile.get("email") if isinstance(profile, Mapping) else None
    return email if isinstance(email, str) else ""
