"""Saves what is read from a pretix (S4)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from heliograph.accounts.audit import Deed
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.mapping.row import MappingError
from heliograph.domain.source.pretix import PRETIX, PretixSettings
from heliograph.domain.source.pretix_list import list_of, mapping_of
from heliograph.domain.source.rest_list import RestListError
from heliograph.domain.source.source_progress import SourceProgress
from heliograph.domain.source.source_states import SourceState
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.models import Source
from heliograph.sources.services.list_readings import items_may_differ
from heliograph.sources.services.source_mappings import set_calls_back
from heliograph.sources.services.sources import KIND, ask_for_reading, lock_source
from heliograph.store import source_reads
from heliograph.store.instants import from_micros


def pretix_settings(source: Source) -> PretixSettings | None:
    """What a source reads from pretix; None before it was said. Raises BodyError if a newer release said it."""
    settings = json.loads(source.settings or "{}")
    return PretixSettings.from_body(settings[PRETIX]) if PRETIX in settings else None


def save_pretix(transaction: SetupTransaction, id: int, settings: PretixSettings) -> Source:
    """Saves what a source reads from pretix, and the mapping that follows from it. Everything is read once more, without flows acting on it, if
    other orders may be meant now or the mapping is another one. Raises NotThere, Invalid."""
    row = lock_source(id)
    if row.platform != PRETIX:
        raise NotThere("This source is not a pretix.")
    try:
        description, mapping = list_of(settings).to_body(), json.dumps(mapping_of(settings).to_body(), ensure_ascii=False)
    except (RestListError, MappingError) as error:
        raise Invalid({"pretix": [error.sentence]}) from None
    stored = json.loads(row.settings or "{}")
    before, body = stored.get(PRETIX), settings.to_body()
    if before == body and row.mapping == mapping:
        return row
    now: Any = from_micros(transaction.db.now())
    if before is not None and _reads_others(before, description):
        row.cursor = "{}"
        source_reads.forget_items(transaction.db, row.pk)
    elif row.mapping != mapping:
        progress = SourceProgress.from_body(json.loads(row.cursor or "{}"))
        row.cursor = json.dumps(replace(progress, mark=None, reading=None, is_filled=False).to_body())
        source_reads.count_items_as_changed(transaction.db, row.pk)
    row.settings, row.mapping = json.dumps(stored | {PRETIX: body}, ensure_ascii=False), mapping
    row.version += 1
    row.changed = now
    ask_for_reading(transaction, row)
    if row.state == SourceState.ON:
        set_calls_back(transaction, row)
    row.save()
    transaction.note(Deed.CHANGED, KIND, row, {PRETIX: before}, {PRETIX: body})
    return row


def _reads_others(before: object, description: dict[str, Any]) -> bool:
    try:
        return items_may_differ(list_of(PretixSettings.from_body(before)).to_body(), description)
    except (BodyError, RestListError):
        return True
