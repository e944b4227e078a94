"""Files of watched folders that were imported, or could not be: they go with the content of their time, and with a person whom they name (S7, O4, B7).

Files that wait in the folder itself are not touched: they are the platform's, and are still to be imported.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final
from urllib.parse import quote

import structlog
from django.db import DatabaseError as DjangoDatabaseError
from django.db import close_old_connections, connections, transaction

from heliograph.domain.errors import HeliographError
from heliograph.domain.registration.erasure import PersonWords
from heliograph.domain.retention import Terms
from heliograph.domain.source.watched_folder import Subfolder, taken_at
from heliograph.registrations.erasures.kept_files import names_person
from heliograph.sources.folder_place import FolderPlace, FolderUnusable, base_folder
from heliograph.store import driver_errors, retention_record, source_reads
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros
from heliograph.store.restored_copy import unreleased_copy

log = structlog.get_logger(__name__)

FIRST: Final = 90.0
EVERY: Final = 3600.0
"""Seconds until the first look for old files, and between looks."""
AT_ONCE: Final = 5
"""Files that are searched for a person in one transaction."""


def care(stop: threading.Event, base: Path, terms: Terms) -> None:
    """Removes old files until `stop` is set. Any number of processes may do so."""
    wait = FIRST
    while not stop.wait(wait):
        wait = EVERY
        try:
            close_old_connections()
            remove_old_files(of_django(connections["default"]), base, terms)
        except driver_errors.operational(DjangoDatabaseError, OSError, HeliographError):
            log.exception("old_folder_files_not_removed")
        finally:
            connections.close_all()


def remove_old_files(db: Database, base: Path, terms: Terms) -> int:
    """Removes files from before the cut for content, of all accounts whose terms are in force. Returns their number."""
    removed = 0
    for account in retention_record.accounts(db):
        if unreleased_copy(db, account) is not None:  # the files are those of the original, too
            continue
        with transaction.atomic():
            in_force = terms.shortened(*retention_record.own_terms(db, account))
            cut = retention_record.cuts_in_force(db, account, in_force, db.now()).content
        for source in source_reads.folders_of_account(db, account) if cut else ():
            try:
                with FolderPlace.existing(base, source) as place:
                    removed += 0 if place is None else _remove_before(place, cut)
            except (FolderUnusable, OSError) as error:
                log.warning("folder_not_tidied", source=str(source), message=str(error)[:200])  # the page of the source says so, too
    if removed:
        log.info("old_folder_files_removed", files=removed)
    return removed


def _remove_before(place: FolderPlace, cut: int) -> int:
    names = [
        (subfolder, name)
        for subfolder in Subfolder
        for name in place.ended_files(subfolder)
        if (taken := taken_at(name)) is not None and taken < from_micros(cut)
    ]
    for subfolder, name in names:
        place.remove(subfolder, name)
    return len(names)


def erase_next(account: int, words: PersonWords, after: str) -> tuple[int, str | None]:
    """Deletes those of the next files that name a person. Returns how many it deleted, and the place of the last one that was read; None once all
    are read. Raises FolderUnusable.

    after: the place of the last one that was read before; "" for none
    """
    base = base_folder()
    if base is None:
        return 0, None
    deleted, read, last = 0, 0, after
    for source in source_reads.folders_of_account(of_django(connections["default"]), account):
        with FolderPlace.existing(base, source) as place:
            if place is None:
                continue
            files = [
                (f"{source:012}/{subfolder}/{quote(name, errors='surrogateescape')}", subfolder, name)
                for subfolder in Subfolder
                for name in place.ended_files(subfolder)
            ]
            for at, subfolder, name in sorted(files):
                if at <= after:
                    continue
                if read == AT_ONCE:
                    return deleted, last
                try:
                    with place.opened_ended(subfolder, name) as file:
                        is_named = words.are_in(name) or names_person(file, words)
                    if is_named:
                        place.remove(subfolder, name)
                        deleted += 1
                except OSError as error:
                    raise FolderUnusable(
                        "A file of source-%(source)s cannot be searched or deleted: %(reason)s.",
                        source=str(source),
                        reason=str(error.strerror),
                    ) from None
                read, last = read + 1, at
    return deleted, None
