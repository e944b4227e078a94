"""Statements of the readers of sources: what is due, what is known of each item, and where a reading stands (docs/design/sources.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.domain.source.doorbell import COALESCE
from heliograph.domain.source.list_page import KEYLESS
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.store.database import Database
from heliograph.store.stored_calls import CALL_STORED, DELETIONS, FILE, pack_body

PAGE: Final = 1
"""The kind of a call that is a page of a list (`sources.models.CallKind`)."""
RECORDS: Final = 2
"""The kind of a call that holds records which a program printed."""
DELETED_THERE: Final = 32_000
"""The `missing` of an item that the list itself calls deleted: it needs no more sweeps and no request."""
_IS_ON: Final = f"state = {SourceState.ON.value} AND deleted_at IS NULL"


@dataclass(frozen=True, slots=True)
class DueSource:
    """A source that is due to be read."""

    id: int
    account: int
    name: str
    platform: str


@dataclass(frozen=True, slots=True)
class ReadSource:
    """What reading needs of a source that is on."""

    id: int
    account: int
    settings: str
    """JSON."""
    mapping: str
    """JSON."""
    version: int
    cursor: str
    """JSON."""
    due_at: int
    failures: int
    platform: str
    asked_at: int | None = None
    """When a person last asked for a reading."""

    def is_asked_since(self, began: int) -> bool:
        """Whether a person asked for a reading after one began: that one may lack what the person saw at the platform."""
        return self.asked_at is not None and self.asked_at >= began


@dataclass(frozen=True, slots=True)
class ItemRow:
    """What is known of an item."""

    key: str
    digest: bytes
    modified: int | None
    documents: str
    """JSON: [event, code] of each of its registrations."""
    missing: int = 0
    sent_modified: int | None = None
    """The earliest `modified` of these registrations (microseconds); None if the mapping fills none."""
    sessions: str = "[]"
    """JSON: [event, code, session] of each of its session registrations."""
    found_at: int | None = None
    """When a reading found the change, if no doorbell had announced it."""


@dataclass(frozen=True, slots=True)
class MissingItem:
    """An item that sweeps did not see."""

    id: int
    key: str
    missing: int
    documents: str
    sessions: str
    """JSON: [event, code, session] of each of its session registrations."""


def due_sources(db: Database, now: int) -> list[DueSource]:
    """The sources that are on and due, or whose doorbell rang, those that wait longest first; without watched folders, which have a thread of their
    own."""
    rows = db.all(
        f"SELECT id, account_id, name, platform FROM source s WHERE {_IS_ON} AND platform <> 'folder' AND (due_at <= :now OR (failures = 0 AND"
        " due_at IS NOT NULL AND EXISTS (SELECT 1 FROM source_ring r WHERE r.source_id = s.id AND r.at <= :rung))) ORDER BY due_at, id",
        {"now": now, "rung": now - COALESCE},
    )
    return [DueSource(*row) for row in rows]


def sources_of(db: Database, platform: str) -> list[int]:
    """The sources of a platform that are on."""
    return [id for (id,) in db.all(f"SELECT id FROM source WHERE {_IS_ON} AND platform = :platform ORDER BY id", {"platform": platform})]


def folders_of_account(db: Database, account: int) -> list[int]:
    """The account's sources that watch a folder, on or not, and those that were removed: their files are still there."""
    rows = db.all("SELECT id FROM source WHERE account_id = :account AND platform = 'folder' ORDER BY id", {"account": account})
    return [id for (id,) in rows]


def reader_job(db: Database, source: int) -> int | None:
    """The job that reads the source; None before the first reading."""
    rows = db.all("SELECT reader_job FROM source WHERE id = :source", {"source": source})
    return rows[0][0] if rows else None


def set_reader_job(db: Database, source: int, job: int) -> None:
    """Notes the job that reads the source from now on."""
    db.run("UPDATE source SET reader_job = :job WHERE id = :source", {"source": source, "job": job})


def read_source_to_read(db: Database, source: int, *, lock: bool = False) -> ReadSource | None:
    """The source, if it is on.

    lock: locks its row until the transaction ends; who records its calls holds it too
    """
    rows = db.all(
        "SELECT id, account_id, settings, mapping, version, cursor, COALESCE(due_at, 0), failures, platform, asked_at"
        f" FROM source WHERE id = :source AND {_IS_ON}{db.for_update if lock else ''}",
        {"source": source},
    )
    return ReadSource(*rows[0]) if rows else None


def known_digests(db: Database, source: int, keys: Sequence[str]) -> dict[str, bytes]:
    """The digests of these items as they were read last; without those that were set inactive, which count as new if they come back."""
    rows = db.all(
        f"SELECT key, digest FROM source_item WHERE source_id = :source AND gone = 0 AND {db.member('key', 'keys')}",
        {"source": source, "keys": list(keys)},
    )
    return {key: bytes(digest) for key, digest in rows}


def stored_documents(db: Database, source: int, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What items became when they were read last, by key: registrations and session registrations, as JSON. Without those that were set inactive."""
    rows = db.all(
        f"SELECT key, documents, COALESCE(sessions, '[]') FROM source_item WHERE source_id = :source AND gone = 0 AND {db.member('key', 'keys')}",
        {"source": source, "keys": list(keys)},
    )
    return {key: (documents, sessions) for key, documents, sessions in rows}


def registrations_here(db: Database, account: int, codes: Sequence[str]) -> set[tuple[str, str]]:
    """The registrations of the account that have one of these codes: the event's code and their own."""
    rows = db.all(
        "SELECT e.code, r.code FROM registration r JOIN event e ON e.id = r.event_id"
        f" WHERE r.event_id IN (SELECT id FROM event WHERE account_id = :account) AND {db.member('r.code', 'codes')}",
        {"account": account, "codes": list(codes)},
    )
    return {(str(event), str(code)) for event, code in rows}


def drop_items(db: Database, source: int, keys: Sequence[str]) -> None:
    """Forgets items."""
    db.run(f"DELETE FROM source_item WHERE source_id = :source AND {db.member('key', 'keys')}", {"source": source, "keys": list(keys)})


def save_items(db: Database, source: ReadSource, rows: Iterable[ItemRow], sweep: int) -> None:
    """Notes items as they were read. sweep: the number of the newest sweep"""
    db.many(
        "INSERT INTO source_item (account_id, source_id, key, digest, modified, sweep, missing, gone, documents, sent_modified, sessions, found_at)"
        " VALUES (:account, :source, :key, :digest, :modified, :sweep, :missing, 0, :documents, :sent_modified, :sessions, :found_at)"
        " ON CONFLICT (source_id, key) DO UPDATE SET digest = EXCLUDED.digest, modified = EXCLUDED.modified, sweep = EXCLUDED.sweep,"
        " missing = EXCLUDED.missing, gone = 0, documents = EXCLUDED.documents, sent_modified = EXCLUDED.sent_modified,"
        " sessions = EXCLUDED.sessions, found_at = COALESCE(EXCLUDED.found_at, source_item.found_at)",
        [
            {
                "account": source.account,
                "source": source.id,
                "key": row.key,
                "digest": row.digest,
                "modified": row.modified,
                "sweep": sweep,
                "missing": row.missing,
                "documents": row.documents,
                "sent_modified": row.sent_modified,
                "sessions": row.sessions,
                "found_at": row.found_at,
            }
            for row in rows
        ],
    )


_INSERT_PAGE: Final = (
    "INSERT INTO source_call (account_id, source_id, at, kind, headers, body, state)"
    f" VALUES (:account, :source, :now, {PAGE}, :headers, :body, {CallState.STORED.value}) RETURNING id"
)


def store_page(db: Database, source: ReadSource, body: bytes, headers: str, now: int) -> int:
    """Stores a page as it came, to be recorded. Returns its id."""
    params = {"account": source.account, "source": source.id, "now": now, "headers": headers, "body": pack_body(body)}
    return int(db.all(_INSERT_PAGE, params)[0][0])


def store_sample(db: Database, account: int, source: int, body: bytes, now: int) -> None:
    """Stores a page of a source that is not switched on, for its mapping."""
    db.run(_INSERT_PAGE, {"account": account, "source": source, "now": now, "headers": "{}", "body": pack_body(body)})


def store_deletions(db: Database, source: ReadSource, body: bytes, counts: tuple[int, int, int], now: int) -> None:
    """Stores what was noticed as deleted and recorded so. counts: documents, changed, refused"""
    db.run(
        "INSERT INTO source_call (account_id, source_id, at, kind, headers, body, state, documents, changed, refused, done_at, source_version)"
        f" VALUES (:account, :source, :now, {DELETIONS}, '{{}}', :body, {CallState.RECORDED.value}, :documents, :changed, :refused, :now, :version)",
        {
            "account": source.account,
            "source": source.id,
            "now": now,
            "body": pack_body(body),
            "documents": counts[0],
            "changed": counts[1],
            "refused": counts[2],
            "version": source.version,
        },
    )


def store_records(db: Database, account: int, source: int, body: bytes, headers: str, now: int) -> int:
    """Stores records that a program printed, to be recorded. Returns the id of the call."""
    rows = db.all(
        "INSERT INTO source_call (account_id, source_id, at, kind, headers, body, state)"
        f" VALUES (:account, :source, :now, {RECORDS}, :headers, :body, {CallState.STORED.value}) RETURNING id",
        {"account": account, "source": source, "now": now, "headers": headers, "body": pack_body(body)},
    )
    return int(rows[0][0])


def store_file(db: Database, source: ReadSource, about: str, standing: CallState, counts: tuple[int, int, int], now: int) -> None:
    """Stores that a file of a folder was imported, or could not be. about: JSON; counts: rows, changed registrations, refused rows"""
    db.run(
        "INSERT INTO source_call (account_id, source_id, at, kind, headers, state, documents, changed, refused, done_at, source_version)"
        f" VALUES (:account, :source, :now, {FILE}, :about, :state, :documents, :changed, :refused, :now, :version)",
        {
            "account": source.account,
            "source": source.id,
            "now": now,
            "about": about,
            "state": standing.value,
            "documents": counts[0],
            "changed": counts[1],
            "refused": counts[2],
            "version": source.version,
        },
    )


def stay_quiet(db: Database, source: int, call: int) -> None:
    """Flows do not see the source's calls up to this one (P9)."""
    db.run("UPDATE source SET quiet_until = :call WHERE id = :source", {"source": source, "call": call})


def has_stored_calls(db: Database, source: int) -> bool:
    """Whether calls of the source wait to be recorded."""
    return bool(db.all(f"SELECT 1 FROM source_call WHERE source_id = :source AND {CALL_STORED} LIMIT 1", {"source": source}))


def save_progress(db: Database, source: int, cursor: str, due_at: int, read_at: int) -> None:
    """Saves where reading stands after an answer that could be read: what failed before is over."""
    db.run(
        "UPDATE source SET cursor = :cursor, due_at = :due_at, last_read_at = :read_at, failures = 0, failing_since = NULL, failure = ''"
        " WHERE id = :source",
        {"source": source, "cursor": cursor, "due_at": due_at, "read_at": read_at},
    )


def save_cursor(db: Database, source: int, cursor: str) -> None:
    """Saves where a run stands that is not over."""
    db.run("UPDATE source SET cursor = :cursor WHERE id = :source", {"source": source, "cursor": cursor})


def save_folder(db: Database, source: int, cursor: str, read_at: int) -> None:
    """Saves where the import of a folder's files stands."""
    db.run(
        "UPDATE source SET cursor = :cursor, last_read_at = :read_at WHERE id = :source",
        {"source": source, "cursor": cursor, "read_at": read_at},
    )


def end_failure(db: Database, source: int) -> None:
    """Notes that what failed before is over."""
    db.run("UPDATE source SET failures = 0, failing_since = NULL, failure = '', due_at = NULL WHERE id = :source", {"source": source})


def postpone(db: Database, source: int, due_at: int) -> None:
    """Sets when the source is read next."""
    db.run("UPDATE source SET due_at = :due_at WHERE id = :source", {"source": source, "due_at": due_at})


def save_failure(db: Database, source: int, failure: str, due_at: int, now: int) -> None:
    """Notes that reading failed. failure: JSON"""
    db.run(
        "UPDATE source SET failures = failures + 1, failing_since = COALESCE(failing_since, :now), failure = :failure, due_at = :due_at"
        " WHERE id = :source",
        {"source": source, "failure": failure, "due_at": due_at, "now": now},
    )


def count_missing(db: Database, source: int, sweep: int, needed: int) -> tuple[int, int]:
    """Counts the sweep that is over for the items that it did not see. Returns how many are missing long enough, and how many are known.

    needed: sweeps in a row that must miss an item
    """
    db.run(
        "UPDATE source_item SET missing = missing + 1 WHERE source_id = :source AND gone = 0 AND sweep < :sweep"
        f" AND missing < {DELETED_THERE - 1} AND NOT key LIKE '{KEYLESS}%'",
        {"source": source, "sweep": sweep},
    )
    ((missing,),) = db.all(
        "SELECT COUNT(*) FROM source_item WHERE source_id = :source AND gone = 0 AND missing > 0 AND missing >= :needed",
        {"source": source, "needed": needed},
    )
    ((known,),) = db.all("SELECT COUNT(*) FROM source_item WHERE source_id = :source AND gone = 0", {"source": source})
    return int(missing), int(known)


def note_missing(db: Database, source: int, key: str, missing: int) -> bool:
    """Notes that an item is said to be deleted: it is asked for once more. Returns whether the item was known."""
    rows = db.run(
        "UPDATE source_item SET missing = :missing WHERE source_id = :source AND key = :key AND gone = 0",
        {"source": source, "key": key, "missing": missing},
    )
    return rows > 0


def missing_items(db: Database, source: int, needed: int, most: int) -> list[MissingItem]:
    """The next items that are missing long enough."""
    rows = db.all(
        "SELECT id, key, missing, documents, COALESCE(sessions, '[]') FROM source_item WHERE source_id = :source AND gone = 0 AND missing > 0 AND missing >= :needed"
        " ORDER BY id LIMIT :most",
        {"source": source, "needed": needed, "most": most},
    )
    return [MissingItem(*row) for row in rows]


def settle_missing(db: Database, items: Iterable[int], *, gone: bool) -> None:
    """Notes that items are gone, or that they are there after all."""
    db.run(f"UPDATE source_item SET missing = 0, gone = :gone WHERE {db.member('id', 'items')}", {"gone": int(gone), "items": list(items)})


def check_deleted_again(db: Database, source: int) -> int:
    """Has items that were set inactive set inactive once more, unless they are read again before. Returns their number."""
    return db.run(
        f"UPDATE source_item SET gone = 0, missing = {DELETED_THERE}, digest = :none WHERE source_id = :source AND gone = 1",
        {"source": source, "none": b""},
    )


def forgive_missing(db: Database, source: int) -> None:
    """Counts all missing items as there: the next sweeps decide anew."""
    db.run("UPDATE source_item SET missing = 0 WHERE source_id = :source AND gone = 0 AND missing > 0", {"source": source})


def count_items_as_changed(db: Database, source: int) -> None:
    """Has the next reading take every item as changed: what they become is another thing now."""
    db.run("UPDATE source_item SET digest = :none WHERE source_id = :source", {"source": source, "none": b""})


def forget_items(db: Database, source: int) -> None:
    """Forgets what was read: everything counts as new at the next reading."""
    db.run("DELETE FROM source_item WHERE source_id = :source", {"source": source})
