"""Registrations as they arrive on a busy day: people register, are confirmed, change their mind, arrive, get a badge."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from heliograph.demo.demo_guests import PEOPLE, Attendee
from heliograph.stage.account import EventPlan
from heliograph.stage.northwind import DIETS, EVENTS

WEIGHTS = (6, 3, 2, 1)
"""How often people register for each of the events."""
# Status -> the statuses that may follow it; the first one is the likeliest, the last one the least likely.
NEXT = {
    "New": ("Pre-Registered", "Registered - invoice", "Waitlist Hold", "Invited by partner", "Cancelled"),
    "Waitlist Hold": ("Pre-Registered", "Cancelled"),
    "Invited by partner": ("Pre-Registered", "Cancelled"),
    "Pre-Registered": ("Attended", "No-show", "Cancelled"),
    "Registered - invoice": ("Attended", "Cancelled"),
}


@dataclass(slots=True)
class _KnownRegistration:
    event: EventPlan
    code: str
    person: Attendee
    status: str = "New"
    badge: bool = False


@dataclass(slots=True)
class Stream:
    """An endless, believable sequence of registration documents (I2)."""

    seed: int = 26
    """The same seed gives the same day."""
    made: int = 0  # registrations created earlier: numbers continue from there
    _random: random.Random = field(init=False)
    _known: list[_KnownRegistration] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 -- a story, not a secret

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self._next()

    def _next(self) -> dict[str, Any]:
        open_ = [k for k in self._known if k.status in NEXT or not k.badge]
        if not open_ or self._random.random() < 0.45:
            return self._registers()
        known = self._random.choice(open_[-60:])
        if known.status == "Attended" and not known.badge:
            known.badge = True
            return self._document(known) | {"properties": {"Badge Printed": True}}
        if known.status not in NEXT:
            known.badge = True
            return self._document(known) | {"profile": {"phone": f"+49 30 {self._random.randrange(10**6, 10**7)}"}}
        own = {name for name, _, _ in known.event.statuses}
        choices = [s for s in NEXT[known.status] if s in own or (" - " not in s and s != "Invited by partner")]
        known.status = self._random.choices(choices, weights=[4, *[2] * (len(choices) - 2), 1][: len(choices)])[0]
        document = self._document(known) | {"status": known.status}
        if known.status == "Attended" and known.event.sessions:
            document["sessions"] = [{"code": self._random.choice(known.event.sessions)[0], "status": "Attended"}]
        return document

    def _registers(self) -> dict[str, Any]:
        event = self._random.choices(EVENTS, weights=WEIGHTS)[0]
        self.made += 1
        known = _KnownRegistration(event, f"{event.code[:3]}{self.made:06}", self._random.choice(PEOPLE))
        self._known.append(known)
        person = known.person
        profile: dict[str, Any] = {
            "first_name": person.first,
            "last_name": person.last,
            "email": "" if self._random.random() < 0.06 else person.mail,  # some omit it: then a required field is missing
            "organization": person.organization,
            "position": person.position,
            "country": person.country,
            "custom": {"tshirt": self._random.choice(("S", "M", "L", "XL"))},
        }
        document = self._document(known) | {"status": "New", "attendee_type": self._random.choice(event.types), "profile": profile}
        document["answers"] = {
            "dietary": self._random.sample(DIETS, self._random.choice((0, 1, 1, 2))),
            "consent_marketing": self._random.choice(("Yes", "No")),
        }
        if event.properties and self._random.random() < 0.15:
            document["properties"] = {"VIP guest": True}
        return document

    @staticmethod
    def _document(known: _KnownRegistration) -> dict[str, Any]:
        return {"event": known.event.code, "code": known.code}
