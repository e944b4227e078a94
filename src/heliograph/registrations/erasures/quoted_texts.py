"""Texts of all kinds that may quote a person: jobs, the audit, answers of connections, kept answers (B7).

Whatever belongs to a registration by its id is removed by that. These rows do not: each is read, and loses the texts in which the person's own
words stand. TABLES is the whole list, and tests/integration/test_personal_data.py knows every other table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from heliograph.domain.registration.erasure import PersonWords, without_person
from heliograph.store.database import Database
from heliograph.store.json_sql import stored_document

ROWS: Final = 500
"""Rows of one transaction."""


@dataclass(frozen=True, slots=True)
class QuotingTable:
    """A table with texts that may quote a person."""

    name: str
    key: str
    texts: Sequence[str] = ()
    documents: Sequence[str] = ()
    """Columns with JSON."""
    quotes: Sequence[str] = ()
    """Columns with JSON whose texts are quoted from registrations."""
    condition: str = ""
    """Rows that are left alone do not meet it."""

    @property
    def columns(self) -> Sequence[str]:
        return (*self.texts, *self.documents, *self.quotes)


TABLES: Final = (
    QuotingTable(
        "jobs_job",
        "id",
        ("error",),
        ("parameters",),
        ("cursor", "result"),
        " AND state IN ('done', 'failed', 'cancelled') AND kind <> 'erase-person'",
    ),
    QuotingTable("audit_entry", "id", ("name",), ("before", "after")),
    QuotingTable("connection_state", "connection_id", ("paused_why", "test_result")),
    QuotingTable("source", "id", ("failure",)),
    QuotingTable("replay", "id", ("reason",), ("selection",)),
    QuotingTable("oauth_access", "connection_id", ("failure",)),
)


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Where the search through the tables continues. key: the last row that was read."""

    table: int = 0
    key: int = 0


def erase_texts(db: Database, account: int, words: PersonWords, place: TextPlace) -> tuple[int, TextPlace | None]:
    """Erases the person from the next rows, in the caller's transaction. Returns how many rows it changed, and where to continue; None once all
    are read."""
    table = TABLES[place.table]
    rows = db.all(
        f"SELECT {table.key}, {', '.join(table.columns)} FROM {table.name} WHERE account_id = :account AND {table.key} > :after{table.condition}"
        f" ORDER BY {table.key} LIMIT {ROWS}{db.for_update}",
        {"account": account, "after": place.key},
    )
    changed = 0
    for key, *values in rows:
        new = _without(table, dict(zip(table.columns, values, strict=True)), words)
        if new:
            values_sql = [f"{name} = {f':{name}' if name in table.texts else stored_document(db, name)}" for name in new]
            db.run(f"UPDATE {table.name} SET {', '.join(values_sql)} WHERE {table.key} = :key", {**new, "key": key})
            changed += 1
    if len(rows) == ROWS:
        return changed, TextPlace(place.table, rows[-1][0])
    return changed, TextPlace(place.table + 1) if place.table + 1 < len(TABLES) else None


def _without(table: QuotingTable, row: Mapping[str, Any], words: PersonWords) -> dict[str, str]:
    """The columns of a row that quote the person, as they are stored without."""
    new: dict[str, str] = {}
    for name in table.texts:
        if row[name] and words.are_in(row[name]):
            new[name] = ""
    for name in (*table.documents, *table.quotes):
        stored = json.loads(row[name]) if isinstance(row[name], str) else row[name]
        if (without := without_person(stored, words, quotes=name in table.quotes)) is not stored:
            new[name] = json.dumps(without)
    return new


# ---- kept answers ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerPlace:
    """Where the search through the kept answers continues: after the row with this key."""

    endpoint: str = ""
    key: str = ""


def erase_answers(
    db: Database, account: int, registrations: frozenset[int], words: PersonWords, place: AnswerPlace
) -> tuple[int, AnswerPlace | None]:
    """Deletes the next idempotency keys whose answer is about the person or whose text names them, in the caller's transaction. Returns how many,
    and where to continue.

    A request with such a key that comes once more is done once more; what it may do then is what any sender may.
    """
    rows = db.all(
        "SELECT endpoint, key, answer FROM idempotency WHERE account_id = :account AND (endpoint, key) > (:endpoint, :key)"
        f" ORDER BY endpoint, key LIMIT {ROWS * 4}",
        {"account": account, "endpoint": place.endpoint, "key": place.key},
    )
    gone = [
        {"account": account, "endpoint": endpoint, "key": key}
        for endpoint, key, answer in rows
        if words.are_in(key) or (answer and (_is_about(answer, registrations) or words.are_in(answer)))
    ]
    if gone:
        db.many("DELETE FROM idempotency WHERE account_id = :account AND endpoint = :endpoint AND key = :key", gone)
    return len(gone), AnswerPlace(rows[-1][0], rows[-1][1]) if len(rows) == ROWS * 4 else None


def _is_about(answer: str, registrations: frozenset[int]) -> bool:
    """Whether a kept answer of `/ingest` or of the REST API is about one of these registrations."""
    stored = msgspec.json.decode(answer)
    if not isinstance(stored, Mapping):
        return False
    if stored.get("registration") in registrations:
        return True
    body = str(stored.get("body") or "")
    return body.startswith(("{", "[")) and _names_one(msgspec.json.decode(body), registrations)


def _names_one(value: object, registrations: frozenset[int]) -> bool:
    """Whether a JSON answer is one of these registrations, or refers to one. The API writes ids as texts."""
    if isinstance(value, list):
        return any(_names_one(each, registrations) for each in value)
    if not isinstance(value, Mapping):
        return False
    ids = [value.get("registration"), value.get("id") if "code" in value and "profile" in value else None]
    if any(id.isdecimal() and int(id) in registrations for id in ids if isinstance(id, str)):
        return True
    return any(_names_one(each, registrations) for each in value.values())


# ---- what waits for a person who signs in -----------------------------------------------------------------------------------------


def erase_sessions(words: PersonWords) -> int:
    """Removes from the sessions of people who are signed in what quotes the person, such as a message for their next page. Returns how many
    sessions."""
    changed = 0
    for session in Session.objects.all().iterator():
        known = session.get_decoded()
        if (without := without_person(known, words)) is not known:
            Session.objects.filter(pk=session.pk).update(session_data=SessionStore().encode(cast("dict[str, Any]", without)))
            changed += 1
    return changed


def erase_forms(db: Database, account: int) -> int:
    """Deletes the forms that wait for their authors of the account to sign in again. They are sealed, so nobody can see whom they name; each
    would be deleted within 15 minutes."""
    return db.run("DELETE FROM kept_form WHERE user_id IN (SELECT id FROM accounts_user WHERE account_id = :account)", {"account": account})
