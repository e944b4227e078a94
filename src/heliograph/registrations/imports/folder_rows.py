"""What the import of a file of a watched folder notes for the ledger: what it recorded, and which rows were refused (S7, S9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.sentence_template import Sentence
from heliograph.domain.setup.name_index import code_of
from heliograph.domain.source.call_documents import CallProblem, sent_modified
from heliograph.jobs.models import Job
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.source_calls import write_problems
from heliograph.registrations.imports.import_errors import RowProblem
from heliograph.registrations.imports.refusal_file import RefusedRow
from heliograph.store import refused_rows
from heliograph.store.database import Database
from heliograph.store.refused_rows import Address, FolderFile, RefusedRowFacts
from heliograph.store.stored_calls import note_registrations

PARAMETER: Final = "folder"
"""The parameter of a job that says which file of which source it imports."""
_LONGEST: Final = 200
"""Characters of a code; one that is longer is none."""


def file_of(job: Job) -> FolderFile | None:
    """The file of a watched folder that a job imports; None for another import."""
    about = job.parameters.get(PARAMETER)
    if about is None or job.parameters["dry_run"]:
        return None
    return FolderFile(job.account_id, int(about["source"]), str(about["file"]), str(about["kept_as"]), job.pk)


def note(db: Database, file: FolderFile, items: Sequence[RecordItem], results: Sequence[ItemResult], refused: Sequence[RefusedRow]) -> None:
    """Notes what became of a chunk, in its transaction.

    items, results: what record() was given, and its answers
    refused: all refused rows of the chunk
    """
    recorded = [(item, result) for item, result in zip(items, results, strict=True) if result.outcome is not ItemOutcome.REFUSED]
    note_registrations(db, file.account, file.source, [result.registration for _, result in recorded])
    refused_rows.forget_addresses(db, file.source, [_address(item.document) for item, _ in recorded])
    if refused:
        refused_rows.note_refused(db, file, [_facts(row) for row in refused], db.now())


def _facts(row: RefusedRow) -> RefusedRowFacts:
    return RefusedRowFacts(
        row.line, _address(row.document), sent_modified(row.document), write_problems([_problem(each) for each in row.problems])
    )


def _problem(problem: RowProblem) -> CallProblem:
    """The problem without its value, which may be a person's."""

    def masked(text: str) -> str:
        return "…" if problem.value and text == problem.value else text

    reason = problem.reason.with_texts(masked) if isinstance(problem.reason, Sentence) else problem.reason
    return CallProblem(reason, path=problem.column)


def _address(document: Mapping[str, Any]) -> Address:
    """The event and the registration that a row names, as they are stored."""
    event, code = (_code(document.get(name)) for name in ("event", "code"))
    return event, code if event else ""


def _code(value: object) -> str:
    code = code_of(value) if isinstance(value, str) else ""
    return code if len(code) <= _LONGEST and code.isprintable() else ""
