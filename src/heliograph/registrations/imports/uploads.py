"""Files uploaded for import, on their way through the wizard: upload, columns, dry run, import (I1, I4).

Each is in its own folder below the data folder, with a note of the choices so far. The account's id is part of the path, so nobody can find
another account's upload by its name.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import shutil
import threading
import time
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django_scopes import scope

from heliograph.accounts.models import Account
from heliograph.domain.sentence_template import gettext_noop
from heliograph.jobs import control
from heliograph.jobs.models import ENDED, Job, JobState
from heliograph.registrations.imports import columns as columns_module
from heliograph.registrations.imports.columns import Column, Known, check_together, guess_unchecked
from heliograph.registrations.imports.file_reader import Format
from heliograph.registrations.imports.import_errors import FileUnreadable, ImportFileError
from heliograph.registrations.imports.missing_setup import Lack
from heliograph.registrations.imports.preparation import KIND, UploadDraft, Wishes, load_known, parameters, start
from heliograph.registrations.imports.reader_process import Beginning, read_beginning
from heliograph.registrations.imports.reader_slots import ReadingBusy, UploadReading, reserved
from heliograph.registrations.imports.row_mapper import Mapper
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.store.config_cache import Committed
from heliograph.store.django_database import of_django

log = structlog.get_logger(__name__)

HOUR: Final = 3600.0
KEPT: Final = 7 * 24 * 3600  # seconds after which an upload is removed, unless an open job needs it
MOST_KEPT: Final = 2 << 30
"""Bytes of an account's uploads; when another one arrives, the oldest that no open job needs are removed."""
_ID: Final = re.compile(r"[0-9a-f]{32}")
_REMEMBERED: Final = 50  # newest imports that are searched for one with the same columns


class NoUpload(ImportFileError):
    """There is no such upload; it may have been removed after a week. Upload the file again."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in the wizard."""

    id: str
    account: int
    name: str
    by: str
    event: str = ""
    """The event of rows that name none."""
    form: Mapping[str, Any] | None = None
    """The format, from `Format.as_json`."""
    columns: Sequence[Mapping[str, Any]] | None = None
    """The chosen columns; None before a choice."""
    checked: int | None = None
    """The job of its dry run."""
    done: int | None = None
    """The job of its import."""

    @property
    def path(self) -> Path:
        """The file itself."""
        return _folder(self.account, self.id) / "file" / self.name


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file with its format, its columns as guessed or chosen, and its first rows."""

    form: Format
    names: Sequence[str]
    sample: Sequence[Sequence[str]]
    columns: Sequence[Column]
    known: Known


def keep(account: int, name: str, chunks: Iterable[bytes], *, event: str, by: str) -> Upload:
    """Stores a file and inspects it. Raises ImportFileError if it is not a table, ReadingBusy while another is being read; then nothing is
    stored."""
    upload = Upload(uuid.uuid4().hex, account, safe_name(name), by, event)
    try:
        with reserved(account, UploadReading(upload.id, upload.name, by)) as beat:
            forget_old(account)
            upload.path.parent.mkdir(parents=True, mode=0o700)
            with upload.path.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
            save(upload)  # so that its page can say that it is being read
            upload = _begin(upload, read_beginning(upload.path, beat=beat))
        save(upload)
    except OSError as error:
        forget(upload)
        raise FileUnreadable(gettext_noop("The file cannot be kept here: %(reason)s."), reason=str(error.strerror)) from None
    except BaseException:
        forget(upload)
        raise
    return upload


def find(account: int, id: str) -> Upload:
    """The account's upload. Raises NoUpload."""
    if not _ID.fullmatch(id):
        raise NoUpload
    try:
        upload = Upload(**json.loads((_folder(account, id) / "upload.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise NoUpload from None
    if not upload.path.is_file():
        raise NoUpload
    return upload


def save(upload: Upload) -> None:
    """Stores the choices so far."""
    note = _folder(upload.account, upload.id) / "upload.json"
    part = note.with_suffix(".part")
    part.write_text(json.dumps(asdict(upload)), "utf-8")
    part.replace(note)


def read_otherwise(upload: Upload, *, encoding: str, separator: str, sheet_name: str) -> Upload:
    """Reads the file with a person's settings; chosen columns are dropped. Raises ImportFileError, ReadingBusy."""
    with reserved(upload.account, UploadReading(upload.id, upload.name, upload.by)) as beat:
        beginning = read_beginning(upload.path, encoding=encoding, separator=separator, sheet=sheet_name, beat=beat)
        updated = replace(_begin(upload, beginning), columns=None, checked=None)
    save(updated)
    return updated


def sheet(upload: Upload) -> Sheet:
    """The file with its columns: the chosen ones, else the columns of an earlier import with the same names, else guesses.

    Raises ImportFileError, ReadingBusy.
    """
    beginning = _beginning(upload)
    form, names, sample = Format.from_json(beginning.form), list(beginning.names), beginning.sample
    db = of_django(connections["default"])
    known = load_known(db, Committed(db), upload.account)
    if form.is_documents:
        return Sheet(form, names, sample, (), known)
    if upload.columns is not None:
        return Sheet(form, names, sample, columns_module.from_json(upload.columns), known)
    with scope(account=upload.account):
        jobs = list(Job.objects.filter(kind=KIND).order_by("-pk").values_list("parameters", flat=True)[:_REMEMBERED])
    earlier = columns_module.from_json(next((p["columns"] for p in jobs if p["names"] == names and not p["dry_run"]), ()))
    # A doubt about the order of dates is dropped, because it is about the file of that import.
    given = {column.name: replace(column, doubt="") if column.why in ("given", "name") else column for column in earlier}
    return Sheet(form, names, sample, guess_unchecked(names, sample, known, columns_module.Given(given)), known)


def _begin(upload: Upload, beginning: Beginning) -> Upload:
    """Stores the beginning of the file beside it. Pages read this beginning, never the file."""
    part = _folder(upload.account, upload.id) / "beginning.part"
    part.write_text(json.dumps(asdict(beginning)), "utf-8")
    part.replace(part.with_suffix(".json"))
    return replace(upload, form=beginning.form)


def _beginning(upload: Upload) -> Beginning:
    """The stored beginning; read again if a process was killed before it was stored."""
    try:
        stored = Beginning(**json.loads((_folder(upload.account, upload.id) / "beginning.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        stored = None
    if stored is not None and stored.form == upload.form:
        return stored
    with reserved(upload.account, UploadReading(upload.id, upload.name, upload.by)) as beat:
        form = Format.from_json(upload.form or {})
        settings = {"encoding": form.encoding, "separator": form.separator, "sheet": form.sheet} if upload.form else {}
        beginning = read_beginning(upload.path, **settings, beat=beat)
        save(_begin(upload, beginning))
    return beginning


def choose(upload: Upload, sheet: Sheet, targets: Sequence[str]) -> Upload:
    """Stores the target of each column, in their order. Date orders and separators are guessed for it. Raises ColumnsError."""
    given = {}
    for column, target in zip(sheet.columns, targets, strict=True):
        if target == column.target:
            given[column.name] = replace(column, why="given", doubt="")
        elif target:  # its dates and lists are guessed again for the new target
            given[column.name] = Column(column.name, columns_module.checked_target(target), why="name")
    columns = guess_unchecked(sheet.names, sheet.sample, sheet.known, columns_module.Given(given, only=True))
    check_together(columns)
    Mapper(columns, sheet.known, upload.event)
    chosen = replace(upload, columns=columns_module.as_json(columns), checked=None)
    save(chosen)
    return chosen


def creatable(lack: Lack, *, administers: bool) -> bool:
    """True if this person may create it: custom profile fields and their options belong to the account, so only an Administrator may (P1)."""
    return administers or bool(lack.event)


def check(upload: Upload, choice: SetupChoice) -> Upload:
    """Starts a dry run, replacing one of the same upload. Raises ReadingBusy while one of another upload of the account is running."""
    parameters = job_parameters(upload, Wishes(dry_run=True, choice=choice))
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=upload.account)  # if two start at once, the second one finds the first
        with scope(account=upload.account):  # waiting or running; paused ones block nobody
            dry_runs = Job.objects.filter(kind=KIND, state__in=(JobState.QUEUED, JobState.RUNNING), parameters__dry_run=True)
            jobs = list(dry_runs.order_by("pk"))
        for job in jobs:
            if job.parameters.get("upload") != upload.id:
                raise ReadingBusy(UploadReading(str(job.parameters.get("upload", "")), str(job.parameters["name"]), job.created_by, job.pk))
            with contextlib.suppress(control.NotPossible):  # it has just ended
                control.cancel(job.pk, upload.account)
        begun = start(upload.account, parameters, by=upload.by)
    checked = replace(upload, checked=begun.pk)
    save(checked)
    return checked


def import_(upload: Upload, choice: SetupChoice, *, quiet: bool, by: str) -> Job:
    """Starts the import. An earlier import that neither failed nor was cancelled is returned instead, so that a second click imports nothing
    twice. Raises NoUpload."""
    with _alone(upload):
        begun = find(upload.account, upload.id).done
        with scope(account=upload.account):
            before: Job | None = (
                Job.objects.filter(pk=begun).exclude(state__in=[JobState.FAILED, JobState.CANCELLED]).first() if begun else None
            )
        if before is not None:
            return before
        job = start(upload.account, job_parameters(upload, Wishes(quiet=quiet, choice=choice)), by=by)
        save(replace(upload, done=job.pk))
        return job


@contextlib.contextmanager
def _alone(upload: Upload) -> Iterator[None]:
    """Holds the upload's lock: one thread at a time, of all processes with this folder."""
    try:
        lock = (_folder(upload.account, upload.id) / "lock").open("wb")
    except OSError:
        raise NoUpload from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def job_parameters(upload: Upload, wishes: Wishes) -> dict[str, Any]:
    """The parameters of a job that reads the file. They need the whole file, for its digest."""
    form = Format.from_json(upload.form or {})
    names = list(sheet(upload).names) if form.is_documents else [str(c["name"]) for c in upload.columns or ()]
    draft = UploadDraft(upload.path, form, names, columns_module.from_json(upload.columns or ()), upload.event)
    return parameters(draft, wishes) | {"upload": upload.id}


def forget_old(account: int) -> None:
    """Removes uploads that nobody touched for a week, and the oldest beyond `MOST_KEPT` bytes, except those that an open job reads."""
    folder = _root(account)
    if not folder.is_dir():
        return
    with scope(account=account):
        needed = {
            str(parameters.get("upload", ""))
            for parameters in Job.objects.filter(kind=KIND).exclude(state__in=ENDED).values_list("parameters", flat=True)
        }
    sizes = []
    for upload in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process is removing it
            sizes.append((upload.stat().st_mtime, sum(file.stat().st_size for file in (upload / "file").iterdir()), upload))
    total_bytes = 0
    for touched, size, upload in sorted(sizes, reverse=True):
        total_bytes += size
        if upload.name not in needed and (touched < time.time() - KEPT or total_bytes > MOST_KEPT):
            shutil.rmtree(upload, ignore_errors=True)


def care(stop: threading.Event) -> None:
    """Removes old uploads of every account once an hour, until it is stopped. Otherwise uploads would stay in accounts that upload nothing more."""
    folder = _root(0).parent
    while not stop.is_set():
        try:
            for place in sorted(folder.iterdir()) if folder.is_dir() else ():
                forget_old(int(place.name))
        except (OSError, ValueError, DatabaseError):
            log.exception("old_uploads_not_removed")
        finally:
            connections["default"].close()
        stop.wait(HOUR)


def forget(upload: Upload) -> None:
    """Removes a file that no job reads."""
    shutil.rmtree(_folder(upload.account, upload.id), ignore_errors=True)


def _root(account: int) -> Path:
    return Path(settings.HELIOGRAPH.data) / "imports" / "uploads" / str(int(account))


def _folder(account: int, id: str) -> Path:
    return _root(account) / id


def safe_name(name: str) -> str:
    """The file's name without signs that lead to another folder or are not allowed in a name.

    The name is shown in messages, and its extension decides how the file is read.
    """
    plain = "".join(
        sign
        for sign in unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
        if sign.isprintable() and sign not in '<>:"|?*'
    )
    stem, dot, suffix = plain.strip(" .").rpartition(".")
    stem, suffix = (stem, suffix) if dot else (suffix, "")
    # The limit of folders is 255 bytes; 60 letters of any script and an extension are shorter.
    return f"{stem.encode()[:200].decode(errors='ignore')[:60].strip() or 'file'}{dot}{suffix.encode()[:20].decode(errors='ignore')[:10]}"
