"""Which registrations and sessions the items of a list became, and which of them an item no longer has (S3, S4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from heliograph.domain.mapping.row import MappingError
from heliograph.domain.source.call_documents import documents_of, sent_modified
from heliograph.domain.source.call_mapping import CODE, EVENT, SESSIONS, CallMapping
from heliograph.domain.source.list_page import ListItem
from heliograph.store.database import Database
from heliograph.store.source_reads import DELETED_THERE, ItemRow, registrations_here

type Became = tuple[str, ...]
"""Event and code of a registration; with the code of a session a session registration."""
LOST: Final = "~"
"""The first character of the key of what an item no longer has: it is set inactive like an item that was deleted."""


@dataclass(frozen=True, slots=True)
class ItemDocuments:
    """What is kept of items that are new or changed."""

    rows: list[ItemRow]
    regained: list[str] = field(default_factory=list)
    """Keys of what was lost before, and is there again."""
    has_lost: bool = False


def item_documents(
    mapping: CallMapping, items: Sequence[ListItem], stored: Mapping[str, tuple[str, str]], unannounced: Collection[str], now: int
) -> ItemDocuments:
    """The rows of items.

    stored: what they became when they were read last, by key: registrations, and session registrations
    unannounced: the keys of those whose change no doorbell announced
    A place that moves to another order, or an add-on that is exchanged for another one, is no longer in its item, and nobody says so. That is
    certain only of a platform whose items are read whole (`CallMapping.shape`).
    """
    rows: list[ItemRow] = []
    lost: list[Became] = []
    regained: list[str] = []
    for item in items:
        became, sent, is_certain = _became(mapping, item.value)
        before = [each for text in stored.get(item.key, ()) for each in read_became(text)]
        if mapping.shape is not None and before:
            if is_certain:
                lost += [each for each in before if each not in became]
            else:
                became = list(dict.fromkeys([*before, *became]))
        regained += [_lost_key(each) for each in became] if mapping.shape is not None else []
        found_at = now if item.key in unannounced else None
        missing = DELETED_THERE if item.is_deleted else 0
        rows.append(ItemRow(item.key, item.digest, item.modified, _write(became, 2), missing, sent, _write(became, 3), found_at))
    again = set(regained)
    gone = {key: each for each in lost if (key := _lost_key(each)) not in again}
    rows += [ItemRow(key, b"", None, _write([each], 2), DELETED_THERE, sessions=_write([each], 3)) for key, each in gone.items()]
    return ItemDocuments(rows, regained, bool(gone))


def recordable_items(db: Database, account: int, mapping: CallMapping, items: Sequence[ListItem]) -> list[ListItem]:
    """The items that can be recorded now. One that only says something of a registration waits until another source has brought that: it is not
    noted, so the next reading finds it as new."""
    if not mapping.needs_registration:
        return list(items)
    registrations: dict[str, set[tuple[str, str]]] = {}
    for item in items:
        documents = documents_of(mapping, [item.value]).documents
        registrations[item.key] = {(str(document[EVENT]), str(document[CODE])) for document in documents}
    codes = sorted({code for each in registrations.values() for _, code in each})
    here = registrations_here(db, account, codes)
    return [item for item in items if registrations[item.key] <= here]


def deletion_documents(became: Sequence[Became]) -> list[dict[str, Any]]:
    """The last documents of what is gone: a registration becomes inactive; a session of one that stays is cancelled.

    They have no `modified`: the platform gave none, and our own time would make its next change stale where its clock is behind ours (I2).
    """
    registrations = {each for each in became if len(each) == 2}
    documents: list[dict[str, Any]] = [{"event": event, "code": code, "active": False} for event, code in sorted(registrations)]
    for each in became:
        if len(each) == 3 and each[:2] not in registrations:
            event, code, session = each
            documents.append({"event": event, "code": code, "sessions": [{"code": session, "status": "Cancelled"}]})
    return documents


def read_mapping(text: str) -> CallMapping:
    """A source's mapping; an empty one of a newer release."""
    try:
        return CallMapping.from_body(json.loads(text or "{}"))
    except (MappingError, ValueError):
        return CallMapping()


def read_became(text: str) -> list[Became]:
    """What the column `documents` or `sessions` of an item holds."""
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [tuple(map(str, each)) for each in value if isinstance(each, list)] if isinstance(value, list) else []


def _became(mapping: CallMapping, value: object) -> tuple[list[Became], int | None, bool]:
    """What an item becomes; the earliest `modified` of that, if the mapping fills it; and whether that is all: not, if something of it waits for a
    corrected mapping."""
    call = documents_of(mapping, [value])
    became: list[Became] = []
    for registration in call.registrations:
        event, code = registration.document.get(EVENT), registration.document.get(CODE)
        if event and code:
            if not mapping.needs_registration:
                became.append((str(event), str(code)))
            sessions = registration.document.get(SESSIONS)
            if mapping.shape is not None and isinstance(sessions, list):
                became += [(str(event), str(code), str(session["code"])) for session in sessions]
    times = [time for each in call.registrations if (time := sent_modified(each.document)) is not None]
    return list(dict.fromkeys(became)), min(times, default=None), not call.problems


def _write(became: Sequence[Became], length: int) -> str:
    """Those that have so many members, as JSON."""
    return json.dumps([list(each) for each in became if len(each) == length], ensure_ascii=False)


def _lost_key(became: Became) -> str:
    return LOST + hashlib.blake2b(json.dumps(became).encode(), digest_size=16).hexdigest()
