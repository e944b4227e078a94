"""The thread beside pages that looks into watched folders (S7). Any number of processes may do so."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog
from django.db import DatabaseError as DjangoDatabaseError
from django.db import close_old_connections, connections, transaction

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import with_sentence
from heliograph.domain.source.platforms import FOLDER
from heliograph.domain.source.read_failure import wait_after
from heliograph.domain.source.watched_folder import FileFacts, complete_files
from heliograph.sources.folder_import import FolderImport
from heliograph.sources.folder_place import FolderPlace, FolderUnusable
from heliograph.store import driver_errors, source_reads
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.restored_copy import unreleased_copy
from heliograph.store.source_reads import ReadSource

log = structlog.get_logger(__name__)

EVERY: Final = 5.0
"""Seconds between two looks. A file that nobody wrote to in between is complete."""
STEPS: Final = 50
"""Steps in the folder of one source before the next source has its turn."""


def care(stop: threading.Event, base: Path) -> None:
    """Looks until `stop` is set."""
    watch = FolderWatch(base)
    try:
        while not stop.is_set():
            try:
                watch.look()
            except driver_errors.operational(DjangoDatabaseError, OSError, HeliographError):
                log.exception("folders_not_watched")
                connections.close_all()
            stop.wait(EVERY)
    finally:
        connections.close_all()


class FolderWatch:
    """What one process saw in the folders of all sources. Nothing of it is stored: after a start each file is looked at twice again."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._seen: dict[int, Mapping[str, FileFacts]] = {}  # by source

    def look(self) -> None:
        """Looks into the folder of each source that is on, and takes the steps that are possible."""
        close_old_connections()
        db = of_django(connections["default"])
        sources = source_reads.sources_of(db, FOLDER)
        self._seen = {id: files for id, files in self._seen.items() if id in sources}
        for id in sources:
            try:
                self._look_at(db, id)
            except driver_errors.operational(DjangoDatabaseError):
                raise
            except Exception:  # a bug of ours that one folder meets: the others are watched
                log.exception("folder_not_watched", source=id)

    def _look_at(self, db: Database, id: int) -> None:
        source = source_reads.read_source_to_read(db, id)
        if source is None or source.due_at > db.now() or unreleased_copy(db, source.account) is not None:
            return
        try:
            place = FolderPlace.open(self._base, id)
            try:
                self._take_steps(db, source, place)
            finally:
                place.close()
        except FolderUnusable as error:
            self._seen.pop(id, None)
            self._note_failure(source, error.sentence)
            return
        if source.failures:
            with transaction.atomic():
                source_reads.end_failure(db, id)

    def _take_steps(self, db: Database, first: ReadSource, place: FolderPlace) -> None:
        try:
            now = place.files()
        except OSError as error:
            raise FolderUnusable("The folder cannot be read: %(reason)s.", reason=str(error.strerror)) from None
        before, self._seen[first.id] = self._seen.get(first.id, {}), now
        complete = [(name, now[name]) for name in complete_files(now, before)]
        source: ReadSource | None = first
        for _step in range(STEPS):
            if source is None or not FolderImport(source, place).advance(complete):
                return
            source = source_reads.read_source_to_read(db, first.id)

    @staticmethod
    def _note_failure(before: ReadSource, words: str) -> None:
        """Notes why the folder cannot be used. before: the source as it was then; if it was saved since, the next look decides"""
        with transaction.atomic():
            db = of_django(connections["default"])
            source = source_reads.read_source_to_read(db, before.id, lock=True)
            if source is not None and source.version == before.version:
                now = db.now()
                source_reads.save_failure(
                    db, source.id, json.dumps(with_sentence("words", words)), now + wait_after(source.failures + 1), now
                )
