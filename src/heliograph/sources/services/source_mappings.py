"""Saves the mapping of a source, switches the source on by it, and runs its calls again (S2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.domain.mapping.row import FixedText
from heliograph.domain.source.call_mapping import CallMapping, CallRow
from heliograph.domain.source.platforms import FOLDER
from heliograph.domain.source.source_progress import SourceProgress
from heliograph.domain.source.source_states import SourceState
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.folder_columns import reading_of
from heliograph.sources.models import Source
from heliograph.sources.services.sources import KIND, ask_for_reading, lock_source
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.store import source_reads, stored_calls
from heliograph.store.instants import from_micros


class KeptCalls(StrEnum):
    """What becomes of the calls that came before a source was switched on."""

    QUIET = "quiet"
    """They are recorded, and no flow acts on them (P9)."""
    ACT = "act"
    LEAVE = "leave"
    """They are not recorded."""


class SavedMeanwhile(Invalid):
    """Somebody else saved the source in the meantime."""


def save_mapping(transaction: SetupTransaction, id: int, mapping: CallMapping, *, seen: int | None = None) -> Source:
    """Saves the mapping. If the source is on, what waits for a corrected mapping runs again. Raises NotThere, SavedMeanwhile, Invalid.

    seen: the source's version that the mapping was made from; None: whatever is there is replaced
    """
    row = lock_source(id)
    if seen is not None and row.version != seen:
        raise SavedMeanwhile({"mapping": [_("Somebody else saved this source in the meantime.")]})
    if row.state != SourceState.DRAFT:
        _check_complete(row, mapping)
    return _save(transaction, row, mapping, Deed.CHANGED, _audited(row))


def switch_on(transaction: SetupTransaction, id: int, mapping: CallMapping, earlier_calls: KeptCalls, *, seen: int | None = None) -> Source:
    """Saves the mapping and switches the source on. Raises NotThere, SavedMeanwhile, Invalid.

    earlier_calls: what becomes of the calls that are stored
    """
    row = lock_source(id)
    if seen is not None and row.version != seen:
        raise SavedMeanwhile({"mapping": [_("Somebody else saved this source in the meantime.")]})
    _check_complete(row, mapping)
    before = _audited(row)
    if earlier_calls is KeptCalls.LEAVE:
        stored_calls.leave_out(transaction.db, row.pk)
    elif earlier_calls is KeptCalls.QUIET:
        row.quiet_until = stored_calls.newest_stored(transaction.db, row.pk)[1] or None
    row.state, row.paused, row.paused_by = SourceState.ON, None, ""
    row.switched_on = row.switched_on or from_micros(transaction.db.now())
    return _save(transaction, row, mapping, Deed.SWITCHED_ON, before)


def run_again(transaction: SetupTransaction, id: int, calls: Iterable[int] | None = None) -> int:
    """Sets calls back, so that they are recorded by the mapping as it is now. Returns their number. Raises NotThere, Invalid.

    calls: their ids; None: all that wait
    """
    row = lock_source(id)
    if row.state == SourceState.DRAFT:
        raise Invalid({"source": [_("It is not switched on yet, so none of its calls is recorded.")]})
    count = set_calls_back(transaction, row, calls)
    if count:
        row.save()
        transaction.note(Deed.CHANGED, KIND, row, {}, {"calls that run again": count})
    return count


def set_calls_back(transaction: SetupTransaction, row: Source, calls: Iterable[int] | None = None) -> int:
    """Has calls of a locked source recorded once more. Returns their number. The caller saves the row.

    calls: their ids; None: all that wait
    What was read or deleted since then comes after them once more, so that none of them undoes it.
    """
    count = stored_calls.set_back(transaction.db, row.pk, calls)
    if count and stored_mapping(row).needs_registration:
        source_reads.count_items_as_changed(transaction.db, row.pk)
        ask_for_reading(transaction, row)
    if count and source_reads.check_deleted_again(transaction.db, row.pk):
        progress = SourceProgress.from_body(json.loads(row.cursor or "{}"))
        row.cursor = json.dumps(replace(progress, is_removing=True).to_body())
        ask_for_reading(transaction, row)
    return count


def _check_complete(row: Source, mapping: CallMapping) -> None:
    if row.platform == FOLDER:
        if reading_of(row.settings) is None:
            raise Invalid({"folder": [_("No reading of the columns is remembered yet. Choose it first.")]})
        return
    if mapping.lacks:
        field, *others = mapping.lacks
        text = _("Nothing fills %(field)s yet, and each registration needs both.") % {"field": field}
        if others:
            text = _("Nothing fills %(field)s and %(other)s yet, and each registration needs both.") % {"field": field, "other": others[0]}
        raise Invalid({"mapping": [text]})


def _save(transaction: SetupTransaction, row: Source, mapping: CallMapping, operation: Deed, before: dict[str, Any]) -> Source:
    row.mapping = json.dumps(mapping.to_body(), ensure_ascii=False)
    row.version += 1
    row.changed = from_micros(transaction.db.now())
    if row.state == SourceState.ON:
        set_calls_back(transaction, row)
    row.save()
    transaction.note(operation, KIND, row, before, _audited(row))
    return row


def _audited(row: Source) -> dict[str, Any]:
    """The source's state and mapping as an audit entry names them: what fills each field."""
    mapping = stored_mapping(row)
    only = f"{mapping.only_field}: {', '.join(mapping.only_values)}" if mapping.only_field else ""
    filled = {each.target: _filled_by(each) for each in mapping.rows if each.row.parts}
    return {"state": SourceState(row.state).name.lower(), "each": mapping.each, "only": only, **filled}


def _filled_by(row: CallRow) -> str:
    words = [f"“{part.text}”" if isinstance(part, FixedText) else part.key for part in row.row.parts]
    maps = [f"{old} = {new}" for source in row.row.sources if source.value_map for old, new in source.value_map.entries]
    return " ".join([*words, *([f"({', '.join(maps)})"] if maps else [])])
