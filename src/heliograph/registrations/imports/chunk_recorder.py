"""Records a chunk of an import, or of the lines of a request, even if the database refuses one of its items."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DatabaseError, transaction

from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import record
from heliograph.store import driver_errors
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database


def record_chunk(db: Database, items: Sequence[RecordItem], *, endpoint: str = "") -> list[ItemResult]:
    """Calls record() in a savepoint. A chunk that the database refuses is halved until only the offending row is refused, not its neighbours."""
    if not items:
        return []
    try:
        with transaction.atomic():
            return record(db, items, Committed(db), endpoint=endpoint)
    except driver_errors.refusals(DatabaseError) as error:
        if not any(isinstance(each, driver_errors.refusals()) for each in (error, error.__cause__)):
            raise
        if len(items) == 1:
            return [ItemResult(ItemOutcome.REFUSED)]
        middle = len(items) // 2
        return [*record_chunk(db, items[:middle], endpoint=endpoint), *record_chunk(db, items[middle:], endpoint=endpoint)]
