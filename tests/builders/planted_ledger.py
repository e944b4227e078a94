"""A source with gaps, as pages show them: what a reader would have written is planted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heliograph.store.database import Database

MISSING = ("HALL-1", "HALL-2")
BY = "user:1"


def plant(store: Database, account: int, event: str, *, name: str = "Hall plan") -> int:
    """A source that lists two registrations that are not here, one that is, and no longer lists one that is. Returns its id.

    event: the code of an event with at least two registrations
    """
    from heliograph.domain.source.source_states import SourceState
    from heliograph.sources.models import Source, SourceItem
    from heliograph.store.instants import from_micros

    now = store.now()
    described = {"list": {"address": "https://platform.example/items", "items": "items", "key": "id"}}
    source = Source(account_id=account, name=name, platform="rest", state=SourceState.ON, created=now, created_by=BY, changed=now)
    source.settings, source.cursor, source.last_read_at = json.dumps(described), '{"filled": true}', from_micros(now)
    source.save()
    here = store.all(
        "SELECT r.code FROM registration r JOIN event e ON e.id = r.event_id WHERE e.account_id = :account AND e.code = :event AND r.is_active"
        " ORDER BY r.id LIMIT 2",
        {"account": account, "event": event},
    )
    for number, code in enumerate([*MISSING, *(code for (code,) in here)]):
        SourceItem(
            account_id=account,
            source=source,
            key=code,
            digest=b"d",
            documents=json.dumps([[event, code]]),
            missing=2 if number == 3 else 0,
        ).save()
    return int(source.pk)
