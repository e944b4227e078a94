"""Statements on the calls and pages that sources brought, for whoever records them (docs/design/sources.md).

A call is STORED until it is recorded. Whoever records calls of a source holds the lock of its row, so their order stays.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.store.database import Database, Row

CALL: Final = 0
"""The kind of a call that came to the source's address (`sources.models.CallKind`)."""
FILE: Final = 3
"""The kind of a call that is a file of a folder."""
DELETIONS: Final = 4
"""The kind of a call that notes what was deleted at the source. No mapping reads it."""
CALL_IS_MAPPED: Final = f"kind NOT IN ({FILE}, {DELETIONS})"
"""Is read by the mapping: neither a file of a folder nor what was deleted."""
_LEVEL: Final = 1
_ZLIB: Final = 0x78  # the first byte of what zlib writes, and of no JSON

CALL_STORED: Final = f"state = {CallState.STORED.value}"
"""Is to be recorded (source_call_stored)."""
CALL_WAITING: Final = f"state = {CallState.WAITING.value}"
"""Waits for a corrected mapping or set-up (source_call_waiting)."""


def pack_body(body: bytes) -> bytes:
    """The body of a call as it is stored."""
    return zlib.compress(body, _LEVEL)


def unpack_body(stored: bytes) -> bytes:
    """The body of a call as it came."""
    return zlib.decompress(stored) if stored[:1] == bytes((_ZLIB,)) else bytes(stored)


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """What recording needs of a source."""

    id: int
    account: int
    standing: SourceState
    mapping: str
    """JSON."""
    version: int
    quiet_until: int
    """Calls up to this id are recorded without flows (P9)."""
    platform: str = ""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call that is to be recorded."""

    id: int
    at: int
    headers: str
    """JSON."""
    body: bytes | None
    """As it came; None once it was removed."""
    is_call: bool = False
    """It came to the source's address; else it was read."""


@dataclass(frozen=True, slots=True)
class CallMark:
    """What became of a call."""

    id: int
    standing: CallState
    documents: int = 0
    changed: int = 0
    refused: int = 0
    problem: str = ""
    """JSON, "" if it does not wait."""


_SOURCE: Final = "SELECT id, account_id, state, mapping, version, COALESCE(quiet_until, 0), platform FROM source WHERE id = :source AND deleted_at IS NULL"


def read_source(db: Database, source: int) -> RecordedSource | None:
    """A source that is not removed."""
    return _one(db.all(_SOURCE, {"source": source}))


def lock_source(db: Database, source: int) -> RecordedSource | None:
    """The source, locked until the transaction ends; None if another process has it, or it is removed."""
    return _one(db.all(f"{_SOURCE}{f'{db.for_update} SKIP LOCKED' if db.for_update else ''}", {"source": source}))


def _one(rows: Sequence[Row]) -> RecordedSource | None:
    for id, account, standing, mapping, version, quiet_until, platform in rows:
        return RecordedSource(id, account, SourceState(standing), mapping, version, quiet_until, platform)
    return None


def sources_with_calls(db: Database) -> list[int]:
    """The sources that are switched on and have calls to record."""
    return [
        id
        for (id,) in db.all(
            f"SELECT s.id FROM source s WHERE s.state = {SourceState.ON.value} AND s.deleted_at IS NULL"
            f" AND EXISTS (SELECT 1 FROM source_call c WHERE c.source_id = s.id AND c.{CALL_STORED}) ORDER BY s.id"
        )
    ]


def stored_calls(db: Database, source: int, most: int) -> list[StoredCall]:
    """The next calls to record, in the order in which they came."""
    rows = db.all(
        f"SELECT id, at, headers, body, kind FROM source_call WHERE source_id = :source AND {CALL_STORED} ORDER BY id LIMIT :most",
        {"source": source, "most": most},
    )
    return [StoredCall(id, at, headers, None if body is None else unpack_body(body), kind == CALL) for id, at, headers, body, kind in rows]


def newest_calls(db: Database, source: int, most: int) -> list[StoredCall]:
    """The newest calls that are still kept as they came, newest first."""
    rows = db.all(
        f"SELECT id, at, headers, body FROM source_call WHERE source_id = :source AND body IS NOT NULL AND {CALL_IS_MAPPED}"
        " ORDER BY at DESC, id DESC LIMIT :most",
        {"source": source, "most": most},
    )
    return [StoredCall(id, at, headers, unpack_body(body)) for id, at, headers, body in rows]


def newest_stored(db: Database, source: int) -> tuple[int, int]:
    """How many calls are stored and not recorded, and the id of the newest of them, 0 for none."""
    ((count, newest),) = db.all(
        f"SELECT count(*), COALESCE(max(id), 0) FROM source_call WHERE source_id = :source AND {CALL_STORED}", {"source": source}
    )
    return count, newest


def still_stored(db: Database, source: int, calls: Iterable[int]) -> set[int]:
    """Those of these calls that nobody has recorded in the meantime."""
    ids = list(calls)
    rows = db.all(
        f"SELECT id FROM source_call WHERE source_id = :source AND {CALL_STORED} AND {db.member('id', 'calls')}",
        {"source": source, "calls": ids},
    )
    return {id for (id,) in rows}


def mark_calls(db: Database, marks: Sequence[CallMark], version: int, now: int) -> None:
    """Notes what became of calls. version: that of the source by which they were recorded."""
    db.many(
        "UPDATE source_call SET state = :state, documents = :documents, changed = :changed, refused = :refused, problem = :problem,"
        " done_at = :now, source_version = :version WHERE id = :id",
        [
            {
                "id": mark.id,
                "state": mark.standing.value,
                "documents": mark.documents,
                "changed": mark.changed,
                "refused": mark.refused,
                "problem": mark.problem,
                "now": now,
                "version": version,
            }
            for mark in marks
        ],
    )


def note_registrations(db: Database, account: int, source: int, registrations: Iterable[int | None]) -> None:
    """Notes which registrations a source has recorded; None for what was not."""
    ids = sorted({id for id in registrations if id is not None})
    db.many(
        "INSERT INTO source_registration (account_id, source_id, registration_id) VALUES (:account, :source, :registration)"
        " ON CONFLICT (source_id, registration_id) DO NOTHING",
        [{"account": account, "source": source, "registration": id} for id in ids],
    )


def set_back(db: Database, source: int, calls: Iterable[int] | None = None) -> int:
    """Sets calls back, to be recorded once more by the source's mapping as it is now. Returns their number.

    calls: their ids; None: all that wait
    """
    condition = CALL_WAITING if calls is None else f"state <> {CallState.STORED.value} AND {db.member('id', 'calls')}"
    return db.run(
        f"UPDATE source_call SET state = {CallState.STORED.value} WHERE source_id = :source AND body IS NOT NULL AND {CALL_IS_MAPPED} AND {condition}",
        {"source": source} | ({} if calls is None else {"calls": list(calls)}),
    )


def leave_out(db: Database, source: int) -> int:
    """Marks the stored calls as having nothing to record: those that came before the source was switched on. Returns their number."""
    return db.run(
        f"UPDATE source_call SET state = {CallState.NOTHING.value} WHERE source_id = :source AND {CALL_STORED}", {"source": source}
    )
