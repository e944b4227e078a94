"""The job "erase-person": erases one person everywhere (B7; docs/design/erasure.md).

    gather   the words by which texts are searched, sealed into the cursor: after this nothing could tell them any more
    rows     each registration: emptied, its deliveries ended, the content of its changes removed
    calls    what live sources brought
    texts    jobs, the audit, answers: what quotes the person
    answers  idempotency keys
    files    uploads, reports, exports
    folders  files elsewhere, such as those of watched folders

Each chunk commits with its cursor, so a kill loses nothing and repeats nothing. The last chunk drops the words.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django_scopes import scope

from heliograph.accounts.vault import vault
from heliograph.domain.errors import HeliographError
from heliograph.domain.registration.erasure import ErasedPart, PersonWords
from heliograph.domain.sentence_template import Sentence
from heliograph.jobs.models import ENDED, Job, JobState
from heliograph.jobs.registry import ChunkResult, JobError, JobKind
from heliograph.recording.emptied_registration import empty_registration
from heliograph.registrations.erasures import kept_files, quoted_texts
from heliograph.registrations.erasures.person import words_of
from heliograph.registrations.erasures.quoted_texts import AnswerPlace, TextPlace
from heliograph.registrations.imports import preparation
from heliograph.store import deleted_rows, erasures
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.erased_calls import erase_calls
from heliograph.store.queue.erased_deliveries import erase_chunk, erase_downloads
from heliograph.store.secrets import SecretPlace

KIND: Final = "erase-person"
GATHERING, ROWS, CALLS, TEXTS, ANSWERS, FILES, FOLDERS = "gathering", "rows", "calls", "texts", "answers", "files", "folders"
FILES_AT_ONCE: Final = 5


type EraseElsewhere = Callable[[int, PersonWords, str], tuple[int, str | None]]
"""Deletes the next files of an account that name a person: (account, words, place after which to go on). Returns how many, and the place of the last
one that was read; None once all are. Raises HeliographError."""


def kind(erase_elsewhere: EraseElsewhere | None = None) -> JobKind:
    """The kind of job, for wiring. erase_elsewhere: for files that are not in the data folder"""
    return JobKind(KIND, lambda job: ErasingPerson(job, erase_elsewhere))


class ErasingPerson:
    """One run of the job."""

    def __init__(self, job: Job, erase_elsewhere: EraseElsewhere | None) -> None:
        self._job, self._erase_elsewhere = job, erase_elsewhere
        self._account: int = job.account_id
        self._erasure = int(job.parameters["erasure"])
        self._registrations = [int(id) for id in job.parameters["registrations"]]
        self._counts = Counter({name: int(n) for name, n in job.counts.items()})
        self._cursor: dict[str, Any] = dict(job.cursor) or {"phase": GATHERING}
        self._done = int(job.done)
        self._words: PersonWords | None = None
        self._is_done = False

    @property
    def _place(self) -> SecretPlace:
        return SecretPlace(self._account, "erasure", self._erasure, "words")

    def read(self) -> PersonWords:
        """The person's words: from the registrations before the first chunk, then from the cursor."""
        if self._words is None:
            if self._cursor["phase"] == GATHERING:
                self._words = words_of(of_django(connections["default"]), self._account, self._registrations)
            else:
                self._words = PersonWords.from_json(json.loads(vault().open(self._place, self._cursor["words"].encode("ascii"))))
        return self._words

    def write(self, db: Database, chunk: PersonWords) -> ChunkResult:
        """Does the next part of the phase."""
        cursor, counts = dict(self._cursor), Counter(self._counts)
        phase = str(cursor["phase"])
        deleted_rows.begin_overwriting(db)
        if phase == GATHERING:
            deleted_rows.overwrite_searched(db, True)
            words = vault().seal(self._place, json.dumps(chunk.as_json())).decode("ascii")
            cursor = {"phase": ROWS, "words": words, "at": 0, "after": 0}
        elif phase == ROWS:
            self._erase_rows(db, cursor, counts)
        elif phase == CALLS:
            changed, last = erase_calls(db, self._account, chunk, int(cursor["after"]))
            counts[ErasedPart.CALLS] += changed
            cursor |= {"phase": TEXTS} if last is None else {"after": last}
        elif phase == TEXTS:
            deleted_rows.overwrite_searched(db, False)
            self._check_open_jobs()
            changed, place = quoted_texts.erase_texts(db, self._account, chunk, TextPlace(**cursor.pop("place", {})))
            counts[ErasedPart.TEXTS] += changed
            cursor |= {"place": asdict(place)} if place else {"phase": ANSWERS}
        elif phase == ANSWERS:
            registrations = frozenset(self._registrations)
            gone, next_answers = quoted_texts.erase_answers(db, self._account, registrations, chunk, AnswerPlace(**cursor.pop("place", {})))
            counts[ErasedPart.ANSWERS] += gone
            cursor |= {"place": asdict(next_answers)} if next_answers else {"phase": FILES, "at": 0}
        elif phase == FILES:
            self._erase_files(db, chunk, cursor, counts)
        else:
            return self._erase_folders(db, chunk, cursor, counts)
        erasures.note_counts(db, self._erasure, counts, ended=False)
        return self._next(cursor, counts)

    def _erase_rows(self, db: Database, cursor: dict[str, Any], counts: Counter[str]) -> None:
        """Erases the next changes of the registration at the cursor; with the first of them the registration itself."""
        registration, after = self._registrations[cursor["at"]], int(cursor["after"])
        if not after:
            emptied = empty_registration(db, self._account, registration)
            if emptied is not None:
                counts[ErasedPart.REGISTRATIONS] += 1
                counts[ErasedPart.SESSIONS] += emptied.sessions + emptied.answers
            counts[ErasedPart.TEXTS] += erase_downloads(db, self._account, registration)
            erasures.decide(db, self._account, [registration], erasures.Decision.ERASED, str(self._job.parameters["by"]))
        erased = erase_chunk(db, self._account, registration, after)
        counts.update(erased.counts)
        if erased.last is not None:
            cursor["after"] = erased.last
        elif cursor["at"] + 1 < len(self._registrations):
            cursor |= {"at": cursor["at"] + 1, "after": 0}
        else:
            cursor |= {"phase": CALLS, "after": 0}

    def _erase_files(self, db: Database, words: PersonWords, cursor: dict[str, Any], counts: Counter[str]) -> None:
        """Deletes the next files of the data folder that name the person."""
        if not cursor["at"]:
            counts[ErasedPart.TEXTS] += quoted_texts.erase_forms(db, self._account) + quoted_texts.erase_sessions(words)
        with scope(account=self._account):
            imports = list(Job.objects.filter(kind=preparation.KIND).order_by("pk").values_list("pk", flat=True))
        places = kept_files.places(self._account, imports)
        next_places = places[cursor["at"] : cursor["at"] + FILES_AT_ONCE]
        gone = sum(kept_files.erase_place(place, words) for place in next_places)
        counts[ErasedPart.FILES] += gone
        if cursor["at"] + FILES_AT_ONCE >= len(places):
            cursor |= {"phase": FOLDERS, "file": ""}
        else:
            cursor["at"] += len(next_places) - gone

    def _erase_folders(self, db: Database, words: PersonWords, cursor: dict[str, Any], counts: Counter[str]) -> ChunkResult:
        """Deletes the next files elsewhere that name the person; with the last of them the job is done."""
        try:
            gone, last = (0, None) if self._erase_elsewhere is None else self._erase_elsewhere(self._account, words, str(cursor["file"]))
        except HeliographError as error:
            raise JobError(
                "%(error)s Everything else is erased; once that is put right, resume this job.", error=Sentence(error.sentence)
            ) from None
        counts[ErasedPart.FILES] += gone
        erasures.note_counts(db, self._erasure, counts, ended=last is None)
        return self._next({"phase": FOLDERS} if last is None else cursor | {"file": last}, counts, finished=last is None)

    def _next(self, cursor: Mapping[str, Any], counts: Counter[str], *, finished: bool = False) -> ChunkResult:
        self._cursor, self._counts, self._done, self._is_done = dict(cursor), counts, self._done + 1, finished
        return ChunkResult(cursor, self._done, None, dict(counts), phase=str(cursor["phase"]), finished=finished)

    def _check_open_jobs(self) -> None:
        """Raises JobError while another job might write the person into a file or a row that was searched already."""
        with scope(account=self._account):
            other = (
                Job.objects.exclude(state__in=[*ENDED, JobState.FAILED])
                .exclude(kind=KIND)
                .filter(is_paced=False, pk__lt=self._job.pk)
                .order_by("pk")
                .first()
            )
        if other is not None:
            raise JobError(
                "Job %(job)s (%(kind)s) began before this one and may still write the person into a file. The registrations are erased already; once that job has ended or is stopped, resume this one.",
                job=str(other.pk),
                kind=other.kind,
            )

    def close(self) -> None:
        """Ends the overwriting; after the last chunk, also of the database's log."""
        db = of_django(connections["default"])
        deleted_rows.end_overwriting(db)
        if self._is_done:
            deleted_rows.empty_log(db, settings.HELIOGRAPH.sqlite_file)
