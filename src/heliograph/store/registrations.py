"""Rows of registrations and session registrations, and the idempotency keys (docs/design/recording.md, steps 0, 2 and 4).

Only `recording` writes by this: nothing else writes a registration. Retention forgets old keys.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from heliograph.domain.registration.change import RegistrationState
from heliograph.domain.registration.person_name import person_name
from heliograph.store.database import Database
from heliograph.store.instants import to_micros
from heliograph.store.numbers import DrawnNumbers


@dataclass(slots=True)
class RegistrationRow:
    """A locked registration. serial is None if it is new: `write_rows` inserts its row."""

    id: int
    event: int
    code: str
    serial: int | None
    version: int
    sent_modified: int | None
    state: str
    account: int = 0
    """Set only for a registration that is to be created."""
    is_erased: bool = False
    """Its person was erased (B7): nothing is recorded for it any more."""


def claim_keys(db: Database, claims: Sequence[tuple[int, str, str, str]], wait_ms: int = 0) -> set[tuple[int, str, str]]:
    """Claims (account, endpoint, key, hash), sorted by the caller. Returns those that are now ours.

    Waits for a transaction that holds the same key; on PostgreSQL no longer than wait_ms, if that is not 0 (the driver then raises
    LockNotAvailable). On SQLite, which has no other writer now, reading is enough: `store_results` writes our keys once.
    """
    insert = "INSERT INTO idempotency (account_id, endpoint, key, request_hash, at)"
    if db.vendor == "postgresql":
        if wait_ms:
            db.run(f"SET LOCAL lock_timeout = {int(wait_ms)}")
        rows = db.all(
            f"{insert} SELECT a, e, k, h, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM unnest(:a::bigint[], :e::text[], :k::text[], :h::text[]) WITH ORDINALITY t(a, e, k, h, o) ORDER BY o"
            " ON CONFLICT DO NOTHING RETURNING account_id, endpoint, key",
            _columns(("a", "e", "k", "h"), claims),
        )
        if wait_ms:
            db.run("SET LOCAL lock_timeout TO DEFAULT")
        return {(a, e, k) for a, e, k in rows}
    keys = {(a, e, k) for a, e, k, _ in claims}
    return keys - stored_results(db, sorted(keys)).keys()


def stored_results(db: Database, keys: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str, str], tuple[str, str | None]]:
    """(account, endpoint, key) -> (hash of the document, result; None while the first request runs)."""
    results: dict[tuple[int, str, str], tuple[str, str | None]] = {}
    groups: dict[tuple[int, str], list[str]] = {}
    for account, endpoint, key in keys:
        groups.setdefault((account, endpoint), []).append(key)
    for (account, endpoint), names in groups.items():
        rows = db.all(
            f"SELECT key, request_hash, answer FROM idempotency WHERE account_id = :a AND endpoint = :e AND {db.member('key', 'keys')}",
            {"a": account, "e": endpoint, "keys": names},
        )
        results |= {(account, endpoint, key): (hash, result) for key, hash, result in rows}
    return results


def store_results(db: Database, results: Iterable[tuple[tuple[int, str, str], str, str]]) -> None:
    """Stores the results of claimed keys: (key, hash of the document, result)."""
    rows: list[dict[str, object]] = [{"a": a, "e": e, "k": k, "h": hash, "answer": text} for (a, e, k), hash, text in results]
    if not rows:
        return
    if db.vendor == "postgresql":
        db.many("UPDATE idempotency SET answer = :answer WHERE account_id = :a AND endpoint = :e AND key = :k", rows)
    else:
        now = db.now()
        for row in rows:
            row["now"] = now
        db.many(
            "INSERT INTO idempotency (account_id, endpoint, key, request_hash, answer, at) VALUES (:a, :e, :k, :h, :answer, :now)",
            rows,
        )


def remove_old_keys(db: Database, before: int, limit: int) -> int:
    """Deletes the oldest keys that were claimed before an instant (microseconds), at most `limit`. Returns their number. In the caller's
    transaction."""
    return db.run(
        "DELETE FROM idempotency WHERE (account_id, endpoint, key) IN"
        " (SELECT account_id, endpoint, key FROM idempotency WHERE at < :before ORDER BY at LIMIT :limit)",
        {"before": before, "limit": limit},
    )


def free_keys(db: Database, keys: Iterable[tuple[int, str, str]]) -> None:
    """Deletes the keys of refused requests (I3)."""
    rows = [{"a": a, "e": e, "k": k} for a, e, k in keys]
    if rows and db.vendor == "postgresql":
        db.many("DELETE FROM idempotency WHERE account_id = :a AND endpoint = :e AND key = :k", rows)


def locked_rows(db: Database, keys: Sequence[tuple[int, str, int]]) -> dict[tuple[int, str], RegistrationRow]:
    """Locks the existing registrations among these (event, code, account), in the given (sorted) order, and draws ids for the new ones.
    Returns all by (event, code)."""
    if db.vendor == "sqlite":
        rows = db.all(
            f"SELECT {_ROW} FROM json_each(:keys) t JOIN registration r ON r.event_id = t.value ->> 0 AND r.code = t.value ->> 1",
            {"keys": [(e, c) for e, c, _ in keys]},
        )
        existing = {(row[1], row[2]): _existing(row) for row in rows}
        new = [w for w in keys if (w[0], w[1]) not in existing]
        ids = db.draw({"subject_id": len(new)})["subject_id"]
        return existing | {(e, c): _new(id, e, c, a) for id, (e, c, a) in zip(ids, new, strict=True)}
    columns = _columns(("e", "c", "a"), keys)
    # A nested loop takes the lists as they are sorted, so everybody locks in one order.
    rows = db.all(
        f"SELECT t.e, t.c, t.a, CASE WHEN r.id IS NULL THEN nextval('subject_id_seq') END, r.*"
        " FROM unnest(:e::bigint[], :c::text[], :a::bigint[]) t(e, c, a) LEFT JOIN LATERAL"
        f" (SELECT {_ROW} FROM registration r WHERE r.event_id = t.e AND r.code = t.c{db.for_update}) r ON true",
        columns,
    )
    return {(e, c): _existing(row) if new is None else _new(new, e, c, a) for e, c, a, new, *row in rows}


_ROW = "r.id, r.event_id, r.code, r.serial, r.version, r.sent_modified, r.state, r.erased_at"


def _existing(row: Sequence[Any]) -> RegistrationRow:
    """A registration from a row of _ROW."""
    id, event, code, serial, version, sent_modified, state, erased_at = row
    return RegistrationRow(id, event, code, serial, version, sent_modified, state, is_erased=erased_at is not None)


def _new(id: int, event: int, code: str, account: int) -> RegistrationRow:
    return RegistrationRow(id, event, code, None, 0, None, "", account)


@dataclass(frozen=True, slots=True)
class Written:
    """A registration to store."""

    row: RegistrationRow
    state: RegistrationState
    text: str


def last_change(db: Database) -> int:
    """The id of the newest change of any account."""
    if db.vendor == "postgresql":
        ((last,),) = db.all("SELECT last_value FROM change_id_seq")
    else:
        ((last,),) = db.all("SELECT last FROM sequence WHERE name = 'change_id'")
    return int(last)


def write_rows(db: Database, written: Sequence[Written], numbers: DrawnNumbers) -> Callable[[], bool]:
    """Stores new states, and the columns that lists use. A new row gets its serial here.

    The result says whether all new rows were made; not, if another transaction made one of these registrations after `locked_rows`.
    """
    new = [w for w in written if w.row.serial is None]
    for each, serial in zip(new, numbers.take("registration_serial", len(new)), strict=True):
        each.row.serial = serial
    created = [_columns_of(w) | {"account": w.row.account, "event": w.row.event, "code": w.row.code} for w in new]
    made = db.ask_many(_CREATED, created) if new else list
    ids = {w.row.id for w in new}
    known = [_columns_of(w) for w in written if w.row.id not in ids]
    if known:
        db.many(
            "UPDATE registration SET serial = :serial, version = :version, sent_modified = :sent, state = :state, status_id = :status, attendee_type_id = :type,"
            " is_active = :active, is_test = :test, name = :name, organization = :organization, search = :search, created = :created, modified = :modified WHERE id = :id",
            known,
        )
    return lambda: len(made()) == len(new)


_CREATED = (
    "INSERT INTO registration (id, account_id, event_id, code, serial, version, sent_modified, state, status_id, attendee_type_id, is_active, is_test, name,"
    " organization, search, created, modified) VALUES (:id, :account, :event, :code, :serial, :version, :sent, :state, :status, :type, :active, :test, :name,"
    " :organization, :search, :created, :modified) ON CONFLICT (event_id, code) DO NOTHING RETURNING id"
)


def _columns_of(written: Written) -> dict[str, object]:
    state, profile = written.state, written.state.profile
    return {
        "id": written.row.id,
        "serial": written.row.serial,
        "version": written.row.version,
        "sent": written.row.sent_modified,
        "state": written.text,
        "status": state.status,
        "type": state.attendee_type,
        "active": state.active,
        "test": state.is_test,
        "name": person_name(profile),
        "organization": profile.get("organization", ""),
        "search": search_text(state),
        "created": to_micros(state.created),
        "modified": to_micros(state.modified),
    }


SEARCHED: Final = 300
"""Searchable characters of a name; folding can turn a single letter into eighteen."""
_ACCENTS = re.compile("[\u0300-\u036f]+")


def folded(text: str) -> str:
    """Text as search compares it: compatibility forms unified, case folded, accents of Latin, Greek and Cyrillic removed.

    Marks that are letters in their own right stay (vowels in Hindi or Thai, voicing marks of Japanese kana).
    """
    if text.isascii():
        return text.casefold()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", apart))


MOST_OF_A_CODE = 20
"""Registrations of one code, in as many events, that are looked for."""


def ids_of_code(db: Database, account: int, text: str) -> list[int]:
    """The registrations with this code, ignoring case, the last changed first."""
    code = text.strip()
    if not code or "\0" in code:
        return []
    rows = db.all(
        "SELECT id FROM registration WHERE account_id = :account AND code IN (:code, :upper, :lower) AND version > 0"
        # The sign keeps SQLite from walking through all of the account's registrations in this order.
        f" ORDER BY +modified DESC, id DESC LIMIT {MOST_OF_A_CODE}",
        {"account": account, "code": code, "upper": code.upper(), "lower": code.lower()},
    )
    return [id for (id,) in rows]


def search_text(state: RegistrationState) -> str:
    """The words that search looks through: code, names, e-mail, organization. Short, because an index holds them and every change rewrites
    them."""
    profile = state.profile
    parts = (
        state.code,
        *(profile.get(k, "") for k in ("first_name", "middle_name", "last_name", "badge_name", "email", "organization", "external_key")),
    )
    return folded("\n".join(part[:SEARCHED] for part in parts if part))[: 8 * SEARCHED]


@dataclass(frozen=True, slots=True)
class ErasableRow:
    """A registration that is to be erased, locked."""

    id: int
    event: int
    code: str
    state: str


def lock_erasable(db: Database, account: int, registration: int) -> ErasableRow | None:
    """Locks a registration of the account; None if there is none, or it is erased already."""
    rows = db.all(
        "SELECT id, event_id, code, state FROM registration"
        f" WHERE id = :id AND account_id = :account AND version > 0 AND erased_at IS NULL{db.for_update}",
        {"id": registration, "account": account},
    )
    return ErasableRow(*rows[0]) if rows else None


def empty_row(db: Database, registration: int, code: str, state: str, now: int) -> int:
    """Empties a locked registration whose person is erased, and removes its session registrations. Returns the number of these.

    code, state: what is stored in place of the old ones
    """
    db.run(
        "UPDATE registration SET code = :code, state = :state, is_active = :no, name = '', organization = '', search = '', sent_modified = NULL,"
        " erased_at = :now WHERE id = :id",
        {"id": registration, "code": code, "state": state, "no": False, "now": now},
    )
    return db.run("DELETE FROM session_registration WHERE registration_id = :id", {"id": registration})


def touch_sent(db: Database, rows: Iterable[tuple[int, int]]) -> None:
    """Stores a newer `modified` from a sender that changed nothing: (registration, microseconds)."""
    params = [{"id": id, "sent": sent} for id, sent in rows]
    if params:
        db.many("UPDATE registration SET sent_modified = :sent WHERE id = :id", params)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session registration to store."""

    id: int
    account: int
    registration: int
    session: int
    status: int
    version: int


def session_rows(db: Database, registrations: Sequence[int]) -> dict[tuple[int, int], SessionRow]:
    """(registration, session) -> row, for locked registrations."""
    rows = db.all(
        "SELECT id, account_id, registration_id, session_id, status_id, version FROM session_registration"
        f" WHERE {db.member('registration_id', 'ids')}",
        {"ids": list(registrations)},
    )
    return {(row[2], row[3]): SessionRow(*row) for row in rows}


def write_sessions(db: Database, rows: Sequence[SessionRow], now: int) -> None:
    """Stores new (version 1) and changed session registrations. If a row changed twice, the last state wins."""
    if rows:
        db.many(
            "INSERT INTO session_registration (id, account_id, registration_id, session_id, status_id, version, created, modified)"
            " VALUES (:id, :account, :registration, :session, :status, :version, :now, :now)"
            " ON CONFLICT (registration_id, session_id) DO UPDATE SET status_id = excluded.status_id, version = excluded.version, modified = excluded.modified",
            [
                {
                    "id": row.id,
                    "account": row.account,
                    "registration": row.registration,
                    "session": row.session,
                    "status": row.status,
                    "version": row.version,
                    "now": now,
                }
                for row in rows
            ],
        )


def _columns(names: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, list[object]]:
    """Turns rows into one list per column, for unnest."""
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}
