"""Erases a person from the stored calls and pages of live sources (B7): each is read, and loses what names them.

A call may bring other people, too, and may still be recorded or run again. So JSON stays JSON: only the texts that are the person's become
empty. What is no JSON, or is nested too deeply to be read, goes as a whole: whoever sends it does not stop an erasure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

from heliograph.domain.registration.erasure import PersonWords, without_person
from heliograph.store.database import Database
from heliograph.store.refused_rows import forget_person
from heliograph.store.stored_calls import pack_body, unpack_body

CALLS: Final = 100
"""Calls of one transaction."""
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


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
    """A stored body without the person; the same if it does not name them, None if it cannot be read as JSON and does."""
    sent = unpack_body(body)
    try:
        content = json.loads(sent)
        without = without_person(content, words, quotes=True)
        return body if without is content else pack_body(json.dumps(without).encode())
    except (ValueError, RecursionError):
        return None if any(words.are_in(text) or words.have_name_in(text) for text in _spellings(sent)) else body


def _spellings(sent: bytes) -> Iterator[str]:
    """What cannot be read as JSON, as text: as it stands there, with JSON's escapes resolved, and with a form's."""
    text = sent.decode(json.detect_encoding(sent), "replace")
    yield text
    characters = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    yield characters.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    yield unquote_plus(text)


def _text_without(text: str, words: PersonWords) -> str:
    """A text with JSON, or "", without the person."""
    if not text:
        return text
    content = json.loads(text)
    without = without_person(content, words, quotes=True)
    return text if without is content else json.dumps(without)
