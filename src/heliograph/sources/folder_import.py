"""The import of the files of a watched folder, one after another (S7).

    take     the oldest complete file is copied; its columns are compared with the remembered reading; its import is created
    wait     the import runs as a job like any other
    settle   the import has ended: what it did is noted as a call of the source
    move     the report is written, and the file is moved to done/ or failed/

Each step ends with one transaction that saves where the folder stands, and begins again from there after a kill. Of several processes that look
at one folder the first one to save wins, and what another one did is dropped. A file whose move was lost is moved later, without a second import.
Only a file that is replaced or written to during its import is imported once more, as another file: then what is the same changes nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from django.db import connections, transaction
from django.utils.translation import gettext_noop
from django_scopes import scope, scopes_disabled

from heliograph.domain.errors import TooMuchWork
from heliograph.domain.sentence_template import Sentence, with_sentence
from heliograph.domain.source.call_documents import CallProblem
from heliograph.domain.source.source_states import CallState
from heliograph.domain.source.watched_folder import FileFacts, FolderProgress, Subfolder, TakenFile, shown_name
from heliograph.jobs.models import Job, JobState
from heliograph.recording.source_calls import write_problems
from heliograph.registrations.imports import folder_rows, import_job, preparation, uploads
from heliograph.registrations.imports.columns import ColumnsError, as_json
from heliograph.registrations.imports.import_errors import FileUnreadable, ImportFileError
from heliograph.registrations.imports.preparation import Wishes
from heliograph.registrations.imports.reader_slots import ReadingBusy
from heliograph.registrations.imports.uploads import Upload
from heliograph.sources.folder_columns import FolderReading, reading_of
from heliograph.sources.folder_place import FileChanged, FolderPlace, FolderUnusable
from heliograph.store import refused_rows, source_reads
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros
from heliograph.store.refused_rows import REFUSED_FILE, FolderFile, RefusedRowFacts
from heliograph.store.source_reads import ReadSource

BLOCK: Final = 1 << 20
MILLISECOND: Final = 1_000
MINUTE: Final = 60_000_000
REPORT_WAITS: Final = 10 * MINUTE
"""After the end of an import, how long its refused rows are waited for if they lie on another machine."""
OVER: Final = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
REFIT: Final = (
    "Give its columns the names that the other files have, or import this file by hand once and remember its columns on the page of the source;"
    " then put it into the folder again."
)


@dataclass(frozen=True, slots=True)
class FileReport:
    """What an import did, as it stands beside the file."""

    file: TakenFile
    job: Job | None
    left_out: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The name of the file in its subfolder."""
        return kept_name(self.file)

    def text(self, refused: str) -> str:
        """The report. refused: the name of the file with the refused rows, "" if there is none"""
        lines = [f"File: {shown_name(self.file.name)}", f"Taken: {self.file.stamp} UTC"]
        if self.file.words:
            lines.append(f"Not imported: {self.file.words}")
        if self.job is not None:
            counts, words = self.job.counts, {"created": "Created", "updated": "Changed", "unchanged": "Unchanged"}
            words |= {"stale": "Older than what is recorded", "erased": "Of erased people", "refused": "Refused"}
            lines += [f"Import: {self.job.pk}", f"Rows: {counts.get('rows', 0)}"]
            lines += [f"{word}: {counts[name]}" for name, word in words.items() if counts.get(name)]
        if refused:
            lines.append(f"Refused rows, each with its line and reason: {refused}. Correct them there, and put that file into the folder.")
        if self.left_out:
            lines.append(f"Columns that are not imported: {', '.join(map(shown_name, self.left_out))}")
        return "\n".join(lines) + "\n"


def kept_name(file: TakenFile) -> str:
    """The name of a file in its subfolder."""
    return f"{file.stamp}_{uploads.safe_name(shown_name(file.name))}"


class FolderImport:
    """The next step in one source's folder. place: the opened folder"""

    def __init__(self, source: ReadSource, place: FolderPlace) -> None:
        self._source, self._place = source, place
        self._progress = FolderProgress.from_body(json.loads(source.cursor or "{}"))

    def advance(self, complete: Iterable[tuple[str, FileFacts]]) -> bool:
        """The next step. True if it was done, and another one may follow at once. Raises FolderUnusable.

        complete: the complete files, the oldest first; those that are gone meanwhile are passed over
        """
        file = self._progress.file
        if file is None:
            try:
                return any(self._take(name, facts) for name, facts in complete)
            except (ReadingBusy, TooMuchWork):
                return False  # the next look
        if file.subfolder is None:
            return self._settle(file)
        return self._move(file)

    # --- take

    def _take(self, name: str, facts: FileFacts) -> bool:
        db = of_django(connections["default"])
        at = from_micros(db.now())
        file = TakenFile(name, facts, f"{at:%Y%m%d-%H%M%S}-{at.microsecond // MILLISECOND:03}")
        reading = reading_of(self._source.settings)
        if reading is None:
            raise FolderUnusable(gettext_noop("No reading of the columns is remembered. Choose it on the page of the source."))
        if facts.size > uploads.MOST_KEPT:
            return self._refuse(
                file, Sentence("It is larger than %(most)s GB. Split it, and put the parts into the folder.", most=uploads.MOST_KEPT >> 30)
            )
        try:
            upload = self._copied(file, reading)
        except FileChanged:
            return False
        except ReadingBusy:
            raise
        except PermissionError:
            return self._refuse(
                file, gettext_noop("Heliograph may not read it. Give it the right to, and put the file into the folder again.")
            )
        except ColumnsError as error:
            return self._refuse(file, Sentence("%(error)s %(refit)s", error=error.sentence, refit=Sentence(REFIT)))
        except FileUnreadable as error:
            raise FolderUnusable(error.sentence) from None
        except ImportFileError as error:
            return self._refuse(file, error.sentence)
        about = {"source": self._source.id, "file": shown_name(file.name), "kept_as": kept_name(file)}
        parameters = uploads.job_parameters(upload, Wishes()) | {folder_rows.PARAMETER: about}
        try:
            with self._saving() as save, scopes_disabled():
                job = preparation.start(self._source.account, parameters, by=f"source:{self._source.id}")
                save(self._progress.taken(replace(file, job=job.pk)))
        except _SavedMeanwhile:
            uploads.forget(upload)
            return False
        except BaseException:
            uploads.forget(upload)
            raise
        return True

    def _copied(self, file: TakenFile, reading: FolderReading) -> Upload:
        """The file's copy, ready to be imported."""
        account, upload = self._source.account, None
        try:
            with self._place.opened(file.name, file.facts) as content:
                blocks = _blocks(content, file.facts.size)
                upload = uploads.keep(account, shown_name(file.name), blocks, event=reading.event, by=f"source:{self._source.id}")
            with scope(account=account):
                upload = replace(upload, columns=as_json(reading.fitted(uploads.sheet(upload))))
            uploads.save(upload)
        except BaseException:
            if upload is not None:
                uploads.forget(upload)
            raise
        return upload

    def _refuse(self, file: TakenFile, words: str) -> bool:
        """Notes that a file cannot be imported."""
        with contextlib.suppress(_SavedMeanwhile), self._saving() as save:
            self._note(replace(file, words=words), None)
            self._note_whole(file, words)
            save(self._progress.taken(file).ended(Subfolder.FAILED, words))
            return True
        return False

    # --- settle

    def _settle(self, file: TakenFile) -> bool:
        """Notes what became of an import that has ended."""
        job = self._job(file)
        if job is not None and job.state not in OVER:
            return False
        words, is_whole = "", job is not None and job.state == JobState.DONE
        if job is None:
            words = gettext_noop("Its import is not there any more. Put the file into the folder again.")
        elif job.state == JobState.CANCELLED:
            words = gettext_noop("Its import was stopped. What it had recorded stays; put the file into the folder again for the rest.")
        elif job.state == JobState.FAILED:
            words = Sentence(
                "Its import failed: %(error)s What it had recorded stays; put the file into the folder again for the rest.",
                error=Sentence(job.error_sentence),
            )
        elif job.counts.get("refused") and job.counts["refused"] == job.counts.get("done"):
            words = gettext_noop("Each of its rows was refused. The report names the reasons.")
        with contextlib.suppress(_SavedMeanwhile), self._saving() as save:
            self._note(replace(file, words=words), job)
            if is_whole:
                refused_rows.forget_replaced(of_django(connections["default"]), self._source.id, shown_name(file.name), file.job or 0)
            else:
                self._note_whole(file, words)
            save(self._progress.ended(Subfolder.FAILED if words else Subfolder.DONE, words))
            return True
        return False

    def _note(self, file: TakenFile, job: Job | None) -> None:
        """Notes the file as a call of the source."""
        counts = {} if job is None else job.counts
        changed = int(counts.get("created", 0)) + int(counts.get("updated", 0))
        db = of_django(connections["default"])
        about = {"file": shown_name(file.name), "job": file.job, **with_sentence("words", file.words)}
        refused = int(counts.get("refused", 0))
        state = CallState.RECORDED if int(counts.get("done", 0)) > refused else CallState.NOTHING
        source_reads.store_file(db, self._source, json.dumps(about), state, (int(counts.get("done", 0)), changed, refused), db.now())

    def _note_whole(self, file: TakenFile, words: str) -> None:
        """Notes that rows of a file may not be here, so that the ledger names it. words: why"""
        db = of_django(connections["default"])
        folder_file = FolderFile(self._source.account, self._source.id, shown_name(file.name), kept_name(file), file.job or 0)
        refused_rows.forget_replaced(db, self._source.id, folder_file.name, folder_file.job)
        problem = write_problems([CallProblem(words)])
        refused_rows.note_refused(db, folder_file, [RefusedRowFacts(refused_rows.WHOLE_FILE, ("", ""), None, problem)], db.now())

    # --- move

    def _move(self, file: TakenFile) -> bool:
        """Writes the report and moves the file. Repeated after a kill, it does the same once more."""
        assert file.subfolder is not None
        job = self._job(file)
        rows = _refused_rows(job)
        if rows is None:
            return False
        left_out = () if job is None else tuple(column["name"] for column in job.parameters["columns"] if not column["target"])
        report = FileReport(file, job, left_out)
        refused = f"{report.base}{REFUSED_FILE}" if rows else ""
        try:
            if rows:
                self._place.write(file.subfolder, refused, rows)
            self._place.write(file.subfolder, f"{report.base}.report.txt", report.text(refused).encode("utf-8", "replace"))
            self._place.move(file.name, file.facts, file.subfolder, report.base)
        except OSError as error:
            raise FolderUnusable(
                "“%(file)s” cannot be moved to %(subfolder)s: %(reason)s. Whoever runs Heliograph can put this right: Heliograph must be allowed to write to the folder.",
                file=shown_name(file.name),
                subfolder=file.subfolder,
                reason=str(error.strerror),
            ) from None
        with contextlib.suppress(_SavedMeanwhile), self._saving() as save:
            save(self._progress.moved())
            return True
        return False

    def _job(self, file: TakenFile) -> Job | None:
        with scopes_disabled():
            job: Job | None = Job.objects.filter(pk=file.job or 0, account=self._source.account).first()
        return job

    # --- saving

    @contextlib.contextmanager
    def _saving(self) -> Iterator[Callable[[FolderProgress], None]]:
        """The transaction of a step. Raises _SavedMeanwhile if another process was first, or the source is no longer on."""
        with transaction.atomic():
            db = of_django(connections["default"])
            source = source_reads.read_source_to_read(db, self._source.id, lock=True)
            if source is None or source.cursor != self._source.cursor or source.version != self._source.version:
                raise _SavedMeanwhile

            def save(progress: FolderProgress) -> None:
                source_reads.save_folder(db, self._source.id, json.dumps(progress.to_body()), db.now())

            yield save


class _SavedMeanwhile(Exception):
    """Somebody saved the source, or another process took the step."""


def _blocks(content: BinaryIO, size: int) -> Iterator[bytes]:
    """What the file has, and no more than its size when it was looked at: someone who keeps writing cannot fill the disk."""
    left = size
    while left > 0 and (block := content.read(min(BLOCK, left))):
        left -= len(block)
        yield block


def _refused_rows(job: Job | None) -> bytes | None:
    """The file of the refused rows, b"" if there is none. None if another machine has it, and will write the report."""
    report = str(job.result.get("report", "")) if job is not None and job.state == JobState.DONE else ""
    if job is None or not report:
        return b""
    path = import_job.folder_of(job.pk) / "refused.csv"
    try:
        return path.read_bytes()
    except OSError:
        now: Any = from_micros(of_django(connections["default"]).now())
        is_waited_for = job.finished is not None and (now - job.finished).total_seconds() * 1_000_000 < REPORT_WAITS
        return None if is_waited_for else b""
