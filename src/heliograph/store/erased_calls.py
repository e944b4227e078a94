"""Erases a person from the stored calls and pages of live sources (B7): each is read, and loses what names them.

A call may bring other people, too, and may still be recorded or run again. So JSON stays JSON: only the texts that are the person's become
empty. What is no JSON goes as a whole.
"""

from __future__ import annotations

import json
from typing import Final

from heliograph.domain.registration.erasure import PersonWords, without_person
from heliograph.store.database import Database
from heliograph.store.refused_rows import forget_person
from heliograph.store.stored_calls import pack_body, unpack_body

CALLS: Final = 100
"""Calls of one transaction."""


def erase_calls(db: Database, account: int, words: PersonWords, after: int) -> tuple[int, int | None]:
    """Erases the person from the next calls, in the caller's transaction. Returns how many calls it changed, and the last one that was read; None
    once all are read."""
    rows = db.all(
        "SELECT id, sender_id, headers, body, problem FROM source_call WHERE id > :after AND +account_id = :account ORDER BY id"
        f" LIMIT {CALLS}{db.for_update}",
        {"account": account, "after": after},
    )
    changed = 0
    for id, sender_id, headers, body, problem in rows:
        stored = {"sender_id": sender_id, "headers": headers, "body": None if body is None else bytes(body), "problem": problem}
        without = {
            "sender_id": f"erased-{id}" if words.are_in(sender_id) else sender_id,
            "headers": _text_without(headers, words),
            "body": None if body is None else _body_without(bytes(body), words),
            "problem": _text_without(problem, words),
        }
        if without != stored:
            db.run(
                "UPDATE source_call SET sender_id = :sender_id, headers = :headers, body = :body, problem = :problem WHERE id = :id",
                {**without, "id": id},
            )
            changed += 1
    if len(rows) == CALLS:
        return changed, rows[-1][0]
    _forget_items(db, account, words)
    return changed, None


def _forget_items(db: Database, account: int, words: PersonWords) -> None:
    """Deletes what readers know of the person's items, and their refused rows. Who is still at the platform is read again by the next sweep: erase them there, too."""
    rows = db.all("SELECT id, key, documents, COALESCE(sessions, '[]') FROM source_item WHERE +account_id = :account", {"account": account})
    items = [id for id, *texts in rows if any(words.are_in(text) for text in texts)]
    rung = db.all("SELECT id, key FROM source_ring WHERE +account_id = :account", {"account": account})
    db.run(f"DELETE FROM source_ring WHERE {db.member('id', 'rings')}", {"rings": [id for id, key in rung if words.are_in(key)]})
    db.run(f"DELETE FROM source_item WHERE {db.member('id', 'items')}", {"items": items})
    forget_person(db, account, words)


def _body_without(body: bytes, words: PersonWords) -> bytes | None:
    """A stored body without the person; the same if it does not name them, None if it is no JSON and does."""
    text = unpack_body(body).decode("utf-8", "replace")
    try:
        content = json.loads(text)
    except ValueError:
        return None if words.are_in(text) or words.have_name_in(text) else body
    without = without_person(content, words, quotes=True)
    return body if without is content else pack_body(json.dumps(without).encode())


def _text_without(text: str, words: PersonWords) -> str:
    """A text with JSON, or "", without the person."""
    if not text:
        return text
    content = json.loads(text)
    without = without_person(content, words, quotes=True)
    return text if without is content else json.dumps(without)
