"""The work of a bench, always the same: registrations of 40 fields and 2 KB, half creations and half updates, each with its key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from heliograph.stage.load import request_of

EVENT: Final = "BENCH"
CLIENTS: Final = 64
LINES: Final = 100
"""Registrations per bulk request."""
BYTES: Final = 2_000
CUSTOM: Final = tuple(f"custom_{n}" for n in range(1, 7))
QUESTIONS: Final = tuple(f"question_{n}" for n in range(1, 7))
encode = msgspec.json.Encoder().encode


def document(code: str, *, update: bool) -> dict[str, Any]:
    """A registration as a sender posts it, always complete: 40 values, about BYTES bytes."""
    number = code[-6:]
    document_: dict[str, Any] = {
        "event": EVENT,
        "code": code,
        "modified": "2026-03-02T09:30:00Z" if update else "2026-03-01T09:30:00Z",
        "status": "Attended" if update else "Pre-Registered",
        "attendee_type": "Speaker",
        "order_code": f"O-{number}",
        "profile": {
            "external_key": f"EXT-{code}",
            "prefix": "Dr.",
            "first_name": "Zoë",
            "middle_name": "Marie",
            "last_name": f"Lindqvist-{number}",
            "badge_name": "Zoë L.",
            "email": f"zoe.{code.lower()}@example.org",
            "phone": f"+46 8 {number} {'2' if update else '1'}",
            "mobile": f"+46 70 {number}",
            "organization": "Northern Lights Instruments AB",
            "department": "Research & Development",
            "position": "Head of Research" if update else "Researcher",
            "address_1": "Långholmsgatan 42",
            "address_2": "Building 7, third floor",
            "city": "Stockholm",
            "state": "Stockholms län",
            "postal_code": "117 33",
            "country": "Sweden",
            "website": "https://northern-lights.example.org",
            "notes": "",
            "custom": {name: f"A value of {name} for {number}" for name in CUSTOM},
        },
        "answers": {name: f"An answer to {name}, as people give them" for name in QUESTIONS},
        "properties": {"Complete": True, "Badge Printed": update},
    }
    document_["profile"]["notes"] = "n" * max(1, BYTES - len(encode(document_)))
    return document_


def small_document(code: str) -> dict[str, Any]:
    """A registration with few fields, for filling a queue."""
    profile = {"external_key": code, "first_name": "Zoë", "last_name": "Lindqvist", "email": "zoe@example.org"}
    return {"event": EVENT, "code": code, "status": "Attended", "profile": profile}


@dataclass(frozen=True, slots=True)
class Work:
    """The requests of a run."""

    tag: str
    """A part of its codes, which makes them unique."""
    count: int
    """The number of registrations, including updates."""
    lines: int = 1
    """The number of registrations per request; 1 for single ones as JSON."""
    small: bool = False
    """True for creations alone, with few fields."""
    position: str = ""
    """The position of all registrations, if slow targets are to get them."""

    def requests(self, client: int, token: str) -> Iterator[bytes]:
        """A client's requests in order: each update comes after its creation."""
        if self.small:
            numbers = range(client, self.count, CLIENTS)
            for at in range(0, len(numbers), self.lines):
                yield self._request(token, [(number, False) for number in numbers[at : at + self.lines]])
            return
        numbers = range(client, self.count // 2, CLIENTS)
        if self.lines == 1:
            before = None
            for number in numbers:
                yield self._request(token, [(number, False)])
                if before is not None:
                    yield self._request(token, [(before, True)])
                before = number
            if before is not None:
                yield self._request(token, [(before, True)])
            return
        for at in range(0, len(numbers), self.lines):
            part = numbers[at : at + self.lines]
            for update in (False, True):
                yield self._request(token, [(number, update) for number in part])

    def _document(self, code: str, *, update: bool) -> dict[str, Any]:
        if self.small:
            return small_document(code)
        document_ = document(code, update=update)
        if self.position:
            document_["profile"]["position"] = self.position
        return document_

    def _request(self, token: str, what: list[tuple[int, bool]]) -> bytes:
        body = b"\n".join(encode(self._document(f"{self.tag}{n:06}", update=update)) for n, update in what)
        kind = "application/json" if self.lines == 1 else "application/x-ndjson"
        key = f"{self.tag}-{what[0][0]}-{int(what[0][1])}"
        return request_of(body, kind, token, key)
