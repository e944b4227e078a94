"""Repairs gaps of the ledger, each by what its source or queue can do already, and has sources compared now (S9)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.deliveries import delivery_operations
from heliograph.domain.errors import HeliographError
from heliograph.domain.source.key_sweep import sweeps_needed
from heliograph.domain.source.ledger_rules import Repair
from heliograph.domain.source.source_progress import SourceProgress
from heliograph.domain.source.source_states import SourceState
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.folder_place import FolderPlace, FolderUnusable, base_folder
from heliograph.sources.ledger_gaps import Gap, PlaceInFile
from heliograph.sources.list_request import description_of
from heliograph.sources.models import Source
from heliograph.sources.services.source_mappings import run_again
from heliograph.sources.services.sources import KIND, ask_for_reading, lock_source
from heliograph.sources.source_ledger import is_read, ledger_of
from heliograph.store import ledger_reads, refused_rows
from heliograph.store.django_database import read_database
from heliograph.store.refused_rows import REFUSED_FILE, WHOLE_FILE
from heliograph.store.source_reads import DELETED_THERE


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of a repair."""

    begun: int = 0
    """Gaps whose repair has begun. A source or a worker ends it."""
    not_begun: int = 0
    """Gaps that end by themselves, and messages that cannot be submitted."""
    refused: str = ""
    """Why a source repairs nothing now; "" if all do."""


def repair(account: int, gaps: Iterable[Gap], *, by: str) -> Repaired:
    """Begins the repair of gaps. Call it outside of a transaction."""
    by_way: dict[tuple[int, Repair], list[Gap]] = {}
    for gap in gaps:
        by_way.setdefault((gap.source or 0, gap.verdict.repair), []).append(gap)
    begun = not_begun = 0
    refused = ""
    for (source, way), group in sorted(by_way.items()):
        match way:
            case Repair.NONE:
                not_begun += len(group)
            case Repair.RETRY:
                done = _submit(account, [gap.key for gap in group])
                begun, not_begun = begun + done, not_begun + len(group) - done
            case _:
                try:
                    with saving(account, by=by) as transaction:
                        _repair_source(transaction, source, way, group)
                    begun += len(group)
                except Invalid as error:
                    refused = next(iter(error.fields.values()))[0]
    return Repaired(begun, not_begun, refused)


def _submit(account: int, keys: Sequence[str]) -> int:
    at_once = delivery_operations.AT_ONCE
    parts = [keys[begin : begin + at_once] for begin in range(0, len(keys), at_once)]
    return sum(len(delivery_operations.submit(account, part).done) for part in parts)


def leave_out(account: int, gaps: Iterable[Gap], *, by: str) -> int:
    """Leaves refused rows of watched folders out of the ledger. Returns their number; other gaps stay. Call it outside of a transaction."""
    rows: dict[int, list[int]] = {}
    for gap in gaps:
        if gap.place_in_file is not None and gap.source is not None:
            rows.setdefault(gap.source, []).append(gap.place[2])
    left_out = 0
    for source, ids in sorted(rows.items()):
        with saving(account, by=by) as transaction:
            row = lock_source(source)
            count = refused_rows.leave_out(transaction.db, source, ids)
            if count:
                transaction.note(Deed.CHANGED, KIND, row, {}, {"refused rows that are left out": count})
            left_out += count
    return left_out


def _repair_source(transaction: SetupTransaction, source: int, way: Repair, gaps: Sequence[Gap]) -> None:
    """Begins the repair of gaps of one source. Raises NotThere, Invalid."""
    if way is Repair.RUN_AGAIN:
        run_again(transaction, source, sorted({gap.call for gap in gaps if gap.call is not None}))
        return
    row = lock_source(source)
    if way is Repair.IMPORT_AGAIN:
        count = _put_back(row, {gap.place_in_file for gap in gaps if gap.place_in_file is not None})
        transaction.note(Deed.CHANGED, KIND, row, {}, {"files that are imported again": count})
        return
    _check_reads(row)
    items = sorted({gap.item for gap in gaps if gap.item is not None})
    progress = _progress_of(row)
    if way is Repair.READ:
        ledger_reads.forget_digests(transaction.db, row.pk, items)
        _save(transaction, row, _read_all(row, progress), {"registrations that are read again": len(gaps)})
        return
    needed = DELETED_THERE if progress.missing else _sweeps_needed(row)
    ledger_reads.count_as_missing(transaction.db, row.pk, items, needed)
    _save(transaction, row, replace(progress, is_removing=True), {"registrations that may become inactive": len(gaps)})


def _put_back(row: Source, places: Collection[PlaceInFile]) -> int:
    """Puts files back into the watched folder: those with refused rows, and those that could not be imported. Returns their number. Raises
    Invalid."""
    base = base_folder()
    names = sorted({place.kept_as if place.line == WHOLE_FILE else f"{place.kept_as}{REFUSED_FILE}" for place in places})
    if row.state != SourceState.ON:
        raise Invalid({"source": [_("It is not on. Resume it first, then its files are imported.")]})
    if base is None:
        raise Invalid({"source": [_("Whoever runs Heliograph has set up no place for watched folders.")]})
    try:
        with FolderPlace.existing(base, row.pk) as place:
            count = 0 if place is None else sum(place.put_back(name) for name in names)
    except FolderUnusable as error:
        raise Invalid({"source": [error.sentence]}) from None
    except OSError as error:
        raise Invalid({"source": [str(error)]}) from None
    if not count:
        raise Invalid(
            {"source": [_("The file with the refused rows no longer exists. Put the corrected rows into the folder as a new file.")]}
        )
    return count


def compare_now(transaction: SetupTransaction, id: int) -> Source:
    """Has all keys of a source that is read compared as soon as its reader is free. Raises NotThere, Invalid."""
    row = lock_source(id)
    _check_reads(row)
    _save(transaction, row, _read_all(row, _progress_of(row)), {"compared": "now"})
    return row


def compare_event(account: int, event: str, *, by: str) -> int:
    """Has all sources of an event compared that are read and on. Call it outside of a transaction. Returns their number.

    event: the code of the event
    """
    with read_database() as db:
        rows = ledger_of(db, account).rows
    sources = {row.source.pk for row in rows if row.event == event and is_read(row.source) and row.source.state == SourceState.ON}
    for source in sorted(sources):
        with saving(account, by=by) as transaction:
            compare_now(transaction, source)
    return len(sources)


def _check_reads(row: Source) -> None:
    if not is_read(row):
        raise Invalid({"source": [_("It only calls, so there is nothing to read. Its calls are always compared with what was recorded.")]})
    if row.state != SourceState.ON:
        raise Invalid({"source": [_("It is not on. Resume it first, then it is read.")]})


def _read_all(row: Source, progress: SourceProgress) -> SourceProgress:
    """The progress with which the whole list is read next: by a sweep, or from its beginning if it has no sweeps."""
    try:
        has_sweeps = description_of(row.settings).sweep
    except HeliographError:
        has_sweeps = True
    if has_sweeps:
        return replace(progress, swept_at=progress.swept_at and 1)
    return replace(progress, mark=None)


def _sweeps_needed(row: Source) -> int:
    try:
        return sweeps_needed(description_of(row.settings))
    except HeliographError:
        return DELETED_THERE


def _progress_of(row: Source) -> SourceProgress:
    return SourceProgress.from_body(json.loads(row.cursor or "{}"))


def _save(transaction: SetupTransaction, row: Source, progress: SourceProgress, after: dict[str, Any]) -> None:
    row.cursor = json.dumps(progress.to_body())
    ask_for_reading(transaction, row)
    row.save(update_fields=["cursor", "due_at", "asked_at"])
    transaction.note(Deed.CHANGED, KIND, row, {}, after)
