"""Saves which event of Certain a source reads: the list and the mapping that follow from it (S5)."""

from __future__ import annotations

import json

from heliograph.domain.source.certain import CERTAIN, CertainEvent, list_of, mapping_of
from heliograph.domain.source.rest_list import RestListError
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.models import Source
from heliograph.sources.services.list_readings import save_list
from heliograph.sources.services.source_mappings import save_mapping
from heliograph.sources.services.sources import lock_source
from heliograph.sources.stored_mapping import stored_mapping


def certain_event(source: Source) -> CertainEvent | None:
    """The event that a source reads; None before it was said."""
    body = json.loads(source.settings or "{}").get(CERTAIN)
    return CertainEvent.from_body(body) if body else None


def save_event(transaction: SetupTransaction, id: int, event: CertainEvent) -> Source:
    """Saves the event and the list that is read of it; and the mapping, if there is none yet. If its items may be others now, everything is read
    once more. Raises NotThere, Invalid."""
    row = lock_source(id)
    if row.platform != CERTAIN:
        raise NotThere("This source does not read from Certain.")
    try:
        description = list_of(event)
    except RestListError as error:
        raise Invalid({"server" if error.place == "address" else error.place: [error.sentence]}) from None
    row.settings = json.dumps(json.loads(row.settings or "{}") | {CERTAIN: event.to_body()}, ensure_ascii=False)
    row.save(update_fields=["settings"])
    row = save_list(transaction, id, description)
    if not stored_mapping(row).rows:
        row = save_mapping(transaction, id, mapping_of(event.event_here or event.event, event.part))
    return row
