"""Documents of a megabyte built to be as expensive as possible, one for each kind of field, and the account that receives them.

account = CostlyAccount(RunningAccount(fresh_database)) account.lines_of(mean()) # lines of ours that ran from the bytes to the commit for kind, body
in worst().items(): ...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count, islice, product
from types import CodeType
from typing import Any

from heliograph.bench import work
from heliograph.domain.flow.flow import FilterRow, Op, Watch
from heliograph.domain.registration.document import MAX_SESSIONS
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.engine.ingest import request_rules
from heliograph.engine.ingest.problem_documents import IngestReply, reply_of
from heliograph.recording.batches import record_batch
from heliograph.recording.items import RecordItem
from heliograph.recording.json_documents import MOST_VALUES
from heliograph.store import configuration_versions
from heliograph.store.token_check import ApiGrant
from tests.builders.running_account import ACCOUNT, RunningAccount

MEGABYTE = request_rules.LARGEST_ONE
QUESTIONS, OPTIONS, SESSIONS, PROPERTIES = 300, 1_000, 1_000, 30
LABEL = "abcdefghijklmnop"
GRANT = ApiGrant(1, ACCOUNT, frozenset({"ingest"}))
TYPES = ("text", "number", "date", "select", "multi-select", "checkbox", "radio")
OF_TYPE = {
    "text": "x" * 30,
    "number": "12.5",
    "date": "2026-03-01",
    "select": "Option 7",
    "multi-select": ["Option 7", "Option 8"],
    "checkbox": "Yes",
    "radio": "Option 7",
}
_TOOL = 4


def _field(id: int, code: str, label: str, type: str) -> dict[str, Any]:
    options = [f"Option {n}" for n in range(OPTIONS)] if type in ("select", "multi-select", "radio") else []
    return {"id": id, "code": code, "label": label, "type": type, "options": options}


class CostlyAccount:
    """A large account: every type of question and custom field with 1,000 options, 1,000 sessions, 30 properties, and flows with filters."""

    def __init__(self, acme: RunningAccount, *, flows: bool = True) -> None:
        self.acme = acme
        self._codes = count(1)
        custom = [_field(100 + n, f"c{n}", f"Custom {n}", TYPES[n % len(TYPES)]) for n in range(70)]
        tag = acme.stored.tags["Session Attended"]
        session = [
            {"id": 11, "code": "reg", "name": "Registered", "tags": [tag]},
            {"id": 12, "code": "gone", "name": "Was there", "tags": [tag]},
        ]
        statuses = {**acme.stored.statuses_body(), "session": session}
        acme.save({("fields", 1): {"profile": [*custom, _field(99, "label", LABEL, "text")], "event": []}, ("statuses", 1): statuses})
        questions = [{**_field(200 + n, f"q{n}", f"Question {n}", TYPES[n % len(TYPES)]), "tag": None} for n in range(QUESTIONS)]
        ((event,),) = acme.db.all("SELECT id FROM event")
        setup = {
            "types": [{"id": 41, "code": "SPK", "name": "Speaker"}],
            "questions": [*questions, {**_field(199, "label", LABEL, "text"), "tag": None}],
            "properties": [{"id": 600 + n, "code": f"p{n}", "name": f"Property {n}"} for n in range(PROPERTIES - 1)]
            + [{"id": 699, "code": "label", "name": LABEL}],
            "sessions": [{"id": 1_000 + n, "code": f"s{n}", "name": f"Session {n}"} for n in range(SESSIONS)],
        }
        with acme.db.transaction():
            configuration_versions.lock_exclusive(acme.db, events=[(ACCOUNT, event)])
            configuration_versions.save(acme.db, ACCOUNT, configuration_versions.EVENT, event, {("setup", event): setup}, by="test")
        if not flows:
            return
        connection = acme.connection("http://127.0.0.1:1/crm")
        for n in range(20):
            rows = tuple(FilterRow(f"profile.{name}", Op.CONTAINS, (f"nowhere {n}",)) for name in ("notes", "city"))
            acme.flow(connection, filters=rows)
        acme.flow(connection, watch=Watch.SESSION_STATUS, session_statuses=(tag,))
        acme.flow(connection)

    def record(self, body: bytes, code: str = "") -> IngestReply:
        """Records a document from its bytes to the commit, on the same code path as a door and the batch writer. `?` in the body is
        replaced by the code."""
        body = body.replace(b'"code": "?"', f'"code": "{code or f"R{next(self._codes)}"}"'.encode(), 1)
        item = request_rules.item_of(body, GRANT, None)
        if not isinstance(item, RecordItem):
            return item
        return reply_of(record_batch(self.acme.db, [item], self.acme.provider)[0])

    def record_many(self, body: bytes, n: int) -> None:
        """Records `n` new registrations of one kind in one transaction."""
        made = [body.replace(b'"?"', f'"R{next(self._codes)}"'.encode(), 1) for _ in range(n)]
        items = [item for item in (request_rules.item_of(each, GRANT, None) for each in made) if isinstance(item, RecordItem)]
        assert all(answer.is_recorded for answer in record_batch(self.acme.db, items, self.acme.provider))

    def record_after(self, before: bytes, body: bytes) -> tuple[int, IngestReply]:
        """Records two documents of one registration. Returns the lines run for the second, and the answer."""
        code = f"R{next(self._codes)}"
        reply = self.record(before, code)
        assert reply.status == 201, reply
        return self.lines_of(body, code)

    def lines_of(self, body: bytes, code: str = "") -> tuple[int, IngestReply]:
        """How many lines of our code ran for the document, counting each loop iteration, and the answer. The same in each run, on any
        machine."""
        with counted() as lines:
            reply = self.record(body, code)
        return lines[0], reply


@contextmanager
def counted(files: str = "/heliograph/") -> Iterator[list[int]]:
    """Counts the executed lines and jumps of Heliograph's code, or of other files, on all threads."""
    found, on = [0], sys.monitoring
    events = on.events.LINE | on.events.JUMP | on.events.BRANCH

    def step(code: CodeType, *_: object) -> object:
        if files not in code.co_filename:
            return on.DISABLE
        found[0] += 1
        return None

    on.use_tool_id(_TOOL, "costs")
    try:
        for event in (on.events.LINE, on.events.JUMP, on.events.BRANCH):
            on.register_callback(_TOOL, event, step)
        on.restart_events()
        on.set_events(_TOOL, events)
        yield found
    finally:
        on.set_events(_TOOL, 0)
        for event in (on.events.LINE, on.events.JUMP, on.events.BRANCH):
            on.register_callback(_TOOL, event, None)
        on.free_tool_id(_TOOL)


def body(**more: object) -> bytes:
    return json.dumps({"event": "SUMMIT", "code": "?", "status": "Attended", **more}, ensure_ascii=False).encode()


def mean(longer: int = 1) -> bytes:
    """The usual registration: the document that `heliograph bench` posts, 40 fields in 2 KB, with the names of this account.

    It has no sessions, which would make it more expensive. longer: how often its texts are repeated.
    """
    usual = work.document("?", update=False)
    text = [f"{n}" for n in range(0, QUESTIONS, len(TYPES))]
    custom = {f"c{n}": value for n, value in zip(text, usual["profile"].pop("custom").values(), strict=False)}
    answers = {f"q{n}": value for n, value in zip(text, usual["answers"].values(), strict=False)}
    profile = {name: value * longer for name, value in usual["profile"].items()}
    more = {name: usual[name] for name in ("modified", "attendee_type", "order_code", "properties")}
    return body(profile=profile | {"custom": custom}, answers=answers, **more)


def spellings(n: int) -> list[str]:
    """`n` different spellings of LABEL."""
    return ["".join(letters) for letters in islice(product(*((c, c.upper()) for c in LABEL)), n)]


def worst() -> Mapping[str, bytes]:
    """The most expensive documents we know, by kind of field; none is longer than a megabyte."""
    many = 40_000
    text = [f"q{n}" for n in range(0, QUESTIONS, len(TYPES))]
    choice = [f"q{n}" for n in range(4, QUESTIONS, len(TYPES))]
    odd = {
        "NFC of notes": "\U0001d160",
        "one letter becomes eighteen": "\ufdfa",
        "marks out of order": "\u0301\u0316",
        "three for one": "\u0390",
    }
    value = MOST_VALUES - 10  # names and values, just below a document's limit
    each = value // 40 - 1  # of 40 questions, with their names
    found = {
        "spellings, as many as are taken": body(answers=dict.fromkeys(spellings(value), 1)),
        "unknown names, as many as are taken": body(answers={f"n{n}": 1 for n in range(value)}),
        "options in another case, as many as are taken": body(answers={name: [f"OPTION {n}" for n in range(each)] for name in choice[:40]}),
        "many options in another case of few questions": body(answers={name: [f"OPTION {n}" for n in range(200)] for name in choice[: value // 201]}),
        "unknown options, as many as are taken": body(answers={name: [f"none {n}" for n in range(each)] for name in choice[:40]}),
        "empty values, as many as are taken": body(answers=dict.fromkeys(choice[:40], [""] * each)),
        "labels in another case": body(answers={f"QUESTION {n}": OF_TYPE[TYPES[n % 7]] for n in range(QUESTIONS)}),
        "nested values of a profile field": body(profile={"email": [[[{"a": 1}] * 400]]}),
        "spellings of a question": body(answers=dict.fromkeys(spellings(many), 1)),
        "spellings of a custom field": body(profile={"custom": dict.fromkeys(spellings(many), 1)}),
        "spellings of a property": body(properties=dict.fromkeys(spellings(many), True)),
        "names that nobody knows": body(**{f"n{n}": 1 for n in range(many)}),
        "profile fields that nobody knows": body(profile={f"n{n}": 1 for n in range(many)}),
        "questions that nobody knows": body(answers={f"n{n}": 1 for n in range(many)}),
        "the same name again and again": b'{"event": "SUMMIT", "code": "?", "answers": {' + b", ".join([b'"label": 1'] * many) + b"}}",
        "every profile field at its longest": body(profile={n: "é" * (20_000 if n == "notes" else 1_000) for n in PROFILE_FIELDS}),
        "long texts": body(answers=dict.fromkeys(text, "x" * 20_000)),
        "long texts, as many as are kept": body(answers=dict.fromkeys(text[:12], "x" * 20_000)),
        "long texts that are composed, as many as are kept": body(profile={"notes": "\U0001d160" * 20_000}, answers=dict.fromkeys(text[:11], "𝅘𝅥𝅮" * 20_000)),
        "texts of quotes and commas": body(answers=dict.fromkeys(text, '",' * 5_000)),
        "options in another case": body(answers={name: [f"OPTION {n}" for n in range(200)] for name in choice}),
        "options that nobody knows": body(answers={name: [f"none {n}" for n in range(200)] for name in choice}),
        "one option again and again": body(answers={choice[0]: ["Option 7"] * many}),
        "every question": body(answers={f"q{n}": OF_TYPE[TYPES[n % 7]] for n in range(QUESTIONS)}),
        "every custom field": body(profile={"custom": {f"c{n}": OF_TYPE[TYPES[n % 7]] for n in range(70)}}),
        "every property": body(properties={f"PROPERTY {n}": True for n in range(PROPERTIES - 1)}),
        "every session": body(sessions=[{"code": f"SESSION {n}", "status": "WAS THERE"} for n in range(SESSIONS)]),
        "as many sessions as are taken": body(sessions=[{"code": f"SESSION {n}", "status": "WAS THERE"} for n in range(MAX_SESSIONS)]),
        "one session again and again": body(sessions=[{"code": "s1"}] * many),
        "more sessions than are taken": body(sessions=[{"code": f"s{n}"} for n in range(MAX_SESSIONS + 1)]),
        "sessions that nobody knows": body(sessions=[{"code": f"n{n}"} for n in range(many)]),
        "sessions that are none": b'{"event": "SUMMIT", "code": "?", "sessions": [' + b", ".join([b"0"] * (4 * many)) + b"]}",
        "a long status": body(status="\U0001d160" * (MEGABYTE // 4 - 100)),
        "a long code": b'{"event": "SUMMIT", "code": "' + "\U0001d160".encode() * (MEGABYTE // 4 - 100) + b'"}',
        "a long name of an event": b'{"code": "?", "event": "' + "\U0001d160".encode() * (MEGABYTE // 4 - 100) + b'"}',
        "a long name of a question": body(answers={"\U0001d160" * (MEGABYTE // 4 - 100): 1}),
        "long options": body(answers={name: ["\U0001d160" * 1_000] * 5 for name in choice}),
        "dates": body(answers={f"q{n}": "2026-03-01" + " " * 19_000 for n in range(2, QUESTIONS, 7)}),
        "a long time": body(modified="2026-03-01T09:30:00Z" + "0" * (MEGABYTE - 200)),
        "numbers of 20,000 digits": body(answers={f"q{n}": "1" * 20_000 for n in range(1, QUESTIONS, 7)}),
        "numbers of 4,000 digits": b'{"event": "SUMMIT", "code": "?", "answers": {' + b", ".join(b'"q%d": %s' % (n, b"9" * 4_000) for n in range(QUESTIONS - 40)) + b"}}",
        "numbers": b'{"event": "SUMMIT", "code": "?", "answers": [' + b"0," * (MEGABYTE // 2 - 100) + b"0]}",
        "empty objects": b'{"event": "SUMMIT", "code": "?", "answers": [' + b"{}," * (MEGABYTE // 3 - 100) + b"0]}",
        "depth": b'{"event": "SUMMIT", "code": "?", "answers": ' + b"[" * (MEGABYTE // 2 - 100) + b"]" * (MEGABYTE // 2 - 100) + b"}",
        "chains of eight": b'{"event": "SUMMIT", "code": "?", "answers": [' + b",".join([b"[[[[[]]]]]"] * (MEGABYTE // 11 - 100)) + b"]}",
        "names below a long name": b'{"event": "SUMMIT", "code": "?", "a": {"' + b"n" * (MEGABYTE // 2) + b'": {' + b", ".join(b'"%d": ""' % n for n in range(30_000)) + b', "z": "\\u0000"}}}',
        "half characters": b'{"event": "SUMMIT", "code": "?", "answers": {"q0": "' + b"\\ud800" * (MEGABYTE // 6 - 100) + b'"}}',
        **{f"notes and answers: {kind}": body(profile={"notes": _fill(c, 20_000)}, answers={t: _fill(c, 20_000) for t in text[: 48 // len(c.encode())]}) for kind, c in odd.items()},
        **{f"names: {kind}": body(profile={n: _fill(c, 1_000) for n in PROFILE_FIELDS}) for kind, c in odd.items()},
    }  # fmt: skip
    assert all(len(made) <= MEGABYTE for made in found.values()), [kind for kind, made in found.items() if len(made) > MEGABYTE]
    return found


def worst_after() -> Mapping[str, tuple[bytes, bytes]]:
    """Documents whose cost depends on stored data: the first of each pair is recorded before."""
    full = body(answers={f"q{n}": "x" * 20_000 for n in range(0, 12 * len(TYPES), len(TYPES))})
    texts = {f"q{n}": OF_TYPE[TYPES[n % 7]] for n in range(QUESTIONS)}
    other = {
        name: "2" if value == "12.5" else "2026-03-02" if "-" in value else value for name, value in texts.items() if isinstance(value, str)
    }
    there, gone = ([{"code": f"s{n}", "status": status} for n in range(MAX_SESSIONS)] for status in ("reg", "gone"))
    return {
        "a word of a long registration": (full, body(order_code="1")),
        "a session of a long registration": (full, body(sessions=[{"code": "s1", "status": "gone"}])),
        "sessions of a long registration": (full, body(sessions=there[:12])),
        "too many sessions of a long registration": (full, body(sessions=there)),
        "every session changed": (body(sessions=there), body(sessions=gone)),
        "every question changed": (body(answers=texts), body(answers=other)),
        "every question cleared": (body(answers=texts), body(answers=dict.fromkeys(texts))),
    }


def _fill(text: str, length: int) -> str:
    return (text * length)[:length]
