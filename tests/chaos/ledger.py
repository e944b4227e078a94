"""Counts from outside: the answers that recorders got compared with the requests that a real receiver got, never with our own tables (D1,
D2).

Every document has its own value in `first_name`, its mark, which the mapping sends on: so a request tells its version.
"""

from __future__ import annotations

import collections
import threading
import zlib
from dataclasses import dataclass, field
from typing import Literal

from tests.receiver import Answer, Received

from heliograph.domain.delivery.action import Does

type Kind = Literal["ok", "refused", "lost", "broken"]
"""How the receiver answers. lost: applies the request and gives no answer; broken: gives none and applies nothing."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A version of a registration that a recorder got an answer for."""

    code: str
    version: int
    mark: str


@dataclass(frozen=True, slots=True)
class Got:
    """A request as the receiver got it. until: monotonic seconds when its answer was sent; applied: its data counts there."""

    destination: str
    code: str
    mark: str
    uid: str
    kind: Kind
    at: float
    until: float

    @property
    def applied(self) -> bool:
        return self.kind in ("ok", "lost")


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often the receiver does what, as shares of the marks: deterministic, so a run treats a mark the same way twice."""

    refused: float = 0.06
    lost: float = 0.02
    broken: float = 0.02
    slow: float = 0.02
    delay: float = 0.05

    def kind(self, destination: str, mark: str, times: int) -> Kind:
        """The answer to the `times`-th request of a mark, from 1: troubles happen once or twice, then everything succeeds."""
        roll = zlib.crc32(f"{destination} {mark}".encode()) % 10_000 / 10_000
        for kind, share in (("refused", self.refused), ("lost", self.lost), ("broken", self.broken)):
            if roll < share:
                return kind if times <= 1 + (roll < share / 4) else "ok"
            roll -= share
        return "ok"

    def wait(self, mark: str) -> float:
        return self.delay if zlib.crc32(mark.encode()) % 1000 / 1000 < self.slow else 0.0


@dataclass(slots=True)
class Ledger:
    """What was promised, and what arrived. destinations: name -> what a request does there; a path is "/name" or "/name-2"."""

    destinations: dict[str, Does]
    trouble: Trouble = field(default_factory=Trouble)
    accepted: list[Accepted] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    _times: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answering(self, request: Received) -> Answer:
        """The receiver's side."""
        destination = request.path.partition("?")[0].strip("/").partition("-")[0]
        body = request.json()
        mark = body["first"]
        with self._lock:
            self._times[destination, mark] += 1
            kind = self.trouble.kind(destination, mark, self._times[destination, mark])
            delay = self.trouble.wait(mark)
            self.got.append(Got(destination, body["code"], mark, request.header("webhook-id") or "", kind, request.at, request.at + delay))
        if kind == "refused":
            return Answer(500, delay=delay)
        return Answer(delay=delay, then="answer" if kind == "ok" else "reset")

    def accept(self, code: str, version: int, mark: str) -> None:
        """The recorder's side: it was told that this version is recorded."""
        with self._lock:
            self.accepted.append(Accepted(code, version, mark))

    def faults(self) -> Faults:
        """The faults found."""
        return Faults(self)


class Faults:
    """Everything that may not happen, as lists that a failure shows; empty if all is well."""

    def __init__(self, ledger: Ledger) -> None:
        self._versions = {a.mark: a for a in ledger.accepted}
        self.unknown = sorted({g.mark for g in ledger.got if g.mark not in self._versions})
        """Marks that were sent although no recorder got an answer for them: at most those of one that was cut off."""
        self.versions_not_once = _not_once([(a.code, a.version) for a in ledger.accepted])
        self.lost: list[tuple[str, str, int]] = []
        self.repeated: list[Got] = []
        """Sent again although they had been answered with success."""
        self.older_after_newer: list[Got] = []
        self.out_of_order: list[Got] = []
        """First attempts at a destination that adds."""
        self.two_at_once: list[Got] = []
        self.uids_not_one: list[tuple[str, str]] = []
        for name, does in ledger.destinations.items():
            lanes: dict[str, list[Got]] = collections.defaultdict(list)
            for g in ledger.got:
                if g.destination == name and g.mark in self._versions:
                    lanes[g.code].append(g)
            self._missing(name, does, lanes, ledger.accepted)
            for came in lanes.values():
                self._lane(does, came)

    def _missing(self, name: str, does: Does, lanes: dict[str, list[Got]], accepted: list[Accepted]) -> None:
        """At a destination that updates, superseded versions may be missing; others may not."""
        applied = {(g.code, g.mark) for came in lanes.values() for g in came if g.applied}
        newest: dict[str, int] = collections.defaultdict(int)
        if does is Does.UPDATES:
            for g in (g for came in lanes.values() for g in came if g.applied):
                newest[g.code] = max(newest[g.code], self._versions[g.mark].version)
        for a in accepted:
            if (a.code, a.mark) not in applied and a.version >= newest[a.code]:
                self.lost.append((name, a.code, a.version))

    def _lane(self, does: Does, came: list[Got]) -> None:
        came.sort(key=lambda g: g.at)
        done: set[str] = set()
        tried: set[str] = set()
        highest = first = 0
        until = 0.0
        uids: dict[str, set[str]] = collections.defaultdict(set)
        for g in came:
            version = self._versions[g.mark].version
            uids[g.mark].add(g.uid)
            if g.mark in done:
                self.repeated.append(g)
            if g.kind == "ok":
                done.add(g.mark)
            if does is Does.UPDATES and g.applied:
                if version < highest:
                    self.older_after_newer.append(g)
                highest = max(highest, version)
            if g.mark not in tried:
                if version < first:
                    self.out_of_order.append(g)
                first = max(first, version)
                tried.add(g.mark)
            if g.at < until:
                self.two_at_once.append(g)
            until = max(until, g.until)
        self.uids_not_one += [(mark, str(found)) for mark, found in uids.items() if len(found) > 1]

    def assert_sound(self, *, repeated: int = 0) -> None:
        """repeated: how many repeats are allowed: as many as were in flight when a process was killed."""
        assert not self.lost, (len(self.lost), self.lost[:5])
        assert not self.older_after_newer, self.older_after_newer[:5]
        assert not self.out_of_order, self.out_of_order[:5]
        assert not self.two_at_once, self.two_at_once[:5]
        assert not self.versions_not_once, self.versions_not_once[:5]
        assert not self.uids_not_one, self.uids_not_one[:5]
        assert len(self.repeated) <= repeated, (len(self.repeated), self.repeated[:5])


def _not_once(found: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Versions claimed by two answers, and gaps in a registration's versions."""
    wrong = [key for key, n in collections.Counter(found).items() if n > 1]
    by_code: dict[str, set[int]] = collections.defaultdict(set)
    for code, version in found:
        by_code[code].add(version)
    return wrong + [(code, n) for code, versions in by_code.items() for n in range(1, max(versions)) if n not in versions]
