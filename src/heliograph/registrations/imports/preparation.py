"""Prepares an import, for pages and command alike: the file's format, the meaning of its columns, and the job's parameters."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.db import connections

from heliograph.domain.sentence_template import gettext_noop
from heliograph.domain.snapshot import ConfigProvider
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.recording.record import event_ids
from heliograph.registrations.imports import columns as columns_module
from heliograph.registrations.imports.columns import SAMPLE, Column, Given, Known, guess
from heliograph.registrations.imports.file_reader import Format, look, open_rows
from heliograph.registrations.imports.import_errors import FileUnreadable
from heliograph.registrations.imports.row_mapper import Mapper
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

KIND: Final = "import"
_MOST_EVENTS: Final = 500  # newest events of an account whose names are used to guess columns


@dataclass(frozen=True, slots=True)
class FileSettings:
    """A person's settings for a file; an empty one is guessed."""

    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    event: str = ""
    columns: Given | None = None


@dataclass(frozen=True, slots=True)
class UploadDraft:
    """A file whose format and columns are known, before its import."""

    path: Path
    form: Format
    names: Sequence[str]
    columns: Sequence[Column]
    """Empty for documents."""
    event: str
    """The event of rows that name none."""
    sample: Sequence[Sequence[str]] = field(default=(), repr=False)
    """The cells of its first rows."""

    @property
    def left_out(self) -> list[Column]:
        """Columns that are not imported."""
        return [c for c in self.columns if not c.target]

    @property
    def doubts(self) -> list[Column]:
        """Columns that a person should look at."""
        return [c for c in self.columns if c.doubt]


@dataclass(frozen=True, slots=True)
class Wishes:
    """How an import is to be done."""

    dry_run: bool = False
    """Nothing is stored."""
    quiet: bool = False
    """Changes are recorded without sending."""
    choice: SetupChoice = field(default_factory=SetupChoice)
    """Which missing things are created."""
    ask: bool = False
    """Stop before recording if something is missing and nothing was chosen."""


def draft(path: Path, account: int, settings: FileSettings) -> UploadDraft:
    """Reads a file's format and guesses its columns. Raises ImportFileError."""
    path = path.absolute()
    form = look(path, encoding=settings.encoding, separator=settings.separator, sheet=settings.sheet)
    event = settings.event or (settings.columns.event if settings.columns else "")
    rows = open_rows(path, form)
    try:
        sample = [row.cells for row in itertools.islice(rows, SAMPLE) if row.problem is None]
        names = rows.names
    finally:
        rows.close()
    if form.is_documents:
        return UploadDraft(path, form, names, (), event, sample)
    db = of_django(connections["default"])
    known = load_known(db, Committed(db), account)
    columns = guess(names, sample, known, settings.columns)
    Mapper(columns, known, event)  # raises for columns that cannot make a document
    return UploadDraft(path, form, names, columns, event, sample)


def load_known(db: Database, provider: ConfigProvider, account: int, codes: Iterable[str] | None = None) -> Known:
    """The configuration of the account and of its events with these codes; without codes, of its newest events."""
    if codes is None:
        rows = db.all(
            "SELECT id FROM event WHERE account_id = :account ORDER BY id DESC LIMIT :most", {"account": account, "most": _MOST_EVENTS}
        )
        ids = sorted(id for (id,) in rows)
    else:
        ids = sorted(event_ids(db, {(account, code) for code in codes}).values())
    return Known(provider.account(account), [provider.event(id) for id in ids])


def parameters(upload: UploadDraft, wishes: Wishes) -> dict[str, Any]:
    """The parameters of the import's job."""
    stat = upload.path.stat()
    return {
        "file": str(upload.path),
        "name": upload.path.name,
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "digest": digest(upload.path),
        "form": upload.form.as_json(),
        "names": list(upload.names),
        "columns": columns_module.as_json(upload.columns),
        "event": upload.event,
        "dry_run": wishes.dry_run,
        "quiet": wishes.quiet,
        "choice": wishes.choice.as_json(),
        "ask": wishes.ask,
    }


def start(account: int, job_parameters: dict[str, Any], *, by: str, owner: str = "") -> Job:
    """Creates the job."""
    return control.create(KIND, account, job_parameters, by=by, owner=owner)


_SAME: Final = ("digest", "form", "event", "dry_run", "quiet", "choice")
_SAME_COLUMN: Final = ("name", "target", "split", "date")  # without `why`, which changes once the import has created what it names


def unfinished(account: int, job_parameters: dict[str, Any]) -> list[Job]:
    """Unended jobs with the same file and options, newest first. A command that is started again continues the first of them."""
    rows = Job.objects.filter(
        account_id=account, kind=KIND, state__in=(JobState.RUNNING, JobState.QUEUED, JobState.PAUSED, JobState.FAILED)
    ).order_by("-id")[:50]
    return [job for job in rows if _does_the_same(job.parameters, job_parameters)]


def follow(job: Job, job_parameters: dict[str, Any]) -> None:
    """Updates where a job reads its file. The file has the same bytes, but may have been moved or touched."""
    job.parameters |= {name: job_parameters[name] for name in ("file", "size", "mtime_ns")}
    job.save(update_fields=["parameters"])


def _does_the_same(existing: Mapping[str, Any], requested: Mapping[str, Any]) -> bool:
    def columns(parameters: Mapping[str, Any]) -> list[list[Any]]:
        return [[column.get(name) for name in _SAME_COLUMN] for column in parameters.get("columns", ())]

    return all(existing.get(name) == requested[name] for name in _SAME) and columns(existing) == columns(requested)


def digest(path: Path) -> str:
    """SHA-256 of a file. Raises FileUnreadable."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileUnreadable(gettext_noop("%(file)s cannot be read: %(reason)s."), file=str(path), reason=str(error.strerror)) from None


def is_here(job: Job) -> bool:
    """Whether the job's file lies on this machine, with the same bytes; a file that was only touched is the same."""
    path = Path(job.parameters["file"])
    try:
        stat = path.stat()
    except OSError:
        return False
    if stat.st_size != job.parameters["size"]:
        return False
    touched = bool(stat.st_mtime_ns != job.parameters["mtime_ns"])
    return not touched or bool(_digest_at(path, stat.st_ino, stat.st_mtime_ns) == job.parameters["digest"])


@lru_cache(maxsize=16)
def _digest_at(path: Path, _inode: int, _mtime_ns: int) -> str:
    """The digest of a file, "" if it cannot be read. Cached until the file is touched, because runners ask for it repeatedly."""
    try:
        return digest(path)
    except FileUnreadable:
        return ""
