"""The ledger of owed and delivered versions, outside of the product: the load generator enters its responses, the receiver its requests.

A *version* is one accepted save of a registration, numbered by the generator. It is owed to each target once. Versions of one registration are
sent one after another, so their order is known without asking Heliograph. Apart from its lock, the ledger is pure.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class LedgerVersion(NamedTuple):
    """A registration's code, and the generator's number of this save."""

    code: str
    number: int


@dataclass(slots=True)
class Arrival:
    """A request that the receiver has read completely."""

    target: str
    version: LedgerVersion
    id: str
    at: float
    """Monotonic seconds."""
    took: bool = False
    """True if the target accepted it."""
    answered: bool = False
    """True if the target confirmed it, so that it should not get it again."""


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """The counts of a trial."""

    accepted: int = 0
    """Versions that were accepted."""
    owed: int = 0
    """Versions times targets: the sum of delivered, superseded and lost."""
    delivered: int = 0
    superseded: int = 0
    lost: int = 0
    duplicated: int = 0
    """Requests with a version that the target had accepted and confirmed in the request before."""
    reordered: int = 0
    """Requests with an older version after a newer one, where the target overwrites or where both are first attempts."""
    renamed: int = 0
    """Versions that arrived under more than one id (D1)."""
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A few of each kind of fault, in words."""


@dataclass(slots=True)
class Ledger:
    """The ledger of a trial. All times are monotonic seconds. Methods may be called from any thread."""

    targets: Mapping[str, bool]
    """Name of a target -> True if a request updates a record there."""
    _requested: dict[LedgerVersion, float] = field(default_factory=dict)
    _accepted: dict[LedgerVersion, float] = field(default_factory=dict)
    _arrivals: list[Arrival] = field(default_factory=list)
    _strikes: list[tuple[float, float]] = field(default_factory=list)
    _seen: set[tuple[str, LedgerVersion]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # Writing.

    def ask(self, version: LedgerVersion, at: float) -> None:
        """Enters a version before it is sent for the first time."""
        with self._lock:
            self._requested.setdefault(version, at)

    def accept(self, version: LedgerVersion, at: float) -> None:
        """Enters that a response confirmed the recording of a version."""
        with self._lock:
            if version not in self._accepted:
                self._accepted[version] = at

    def arrive(self, arrival: Arrival) -> Arrival:
        """Enters a request that was read; the receiver fills in the result."""
        with self._lock:
            self._arrivals.append(arrival)
        return arrival

    def took(self, arrival: Arrival, *, answered: bool) -> None:
        """Enters that the target accepted a request.

        answered: True if its 2xx was written to the network
        """
        with self._lock:
            arrival.took, arrival.answered = True, answered
            self._seen.add((arrival.target, arrival.version))

    def strike(self, began: float, ended: float | None = None) -> None:
        """Enters that a process was killed or suspended, or may have ended by itself.

        ended: None if that took no time
        """
        with self._lock:
            self._strikes.append((began, began if ended is None else ended))

    # Reading while it runs.

    @property
    def accepted(self) -> int:
        return len(self._accepted)

    @property
    def delivered(self) -> int:
        """Versions times targets that have arrived, approximate while it runs."""
        return len(self._seen)

    @property
    def arrivals(self) -> int:
        return len(self._arrivals)

    def first_after(self, at: float) -> tuple[float | None, float | None]:
        """The first times after `at` when a version was accepted, and when a target took one."""
        with self._lock:
            accepted = min((each for each in self._accepted.values() if each > at), default=None)
            taken = min((arrival.at for arrival in self._arrivals if arrival.took and arrival.at > at), default=None)
        return accepted, taken

    def outstanding(self) -> int:
        """The largest number of versions that a target still waits for, among targets where nothing supersedes."""
        with self._lock:
            came = Counter(target for target, _ in self._seen)
            return len(self._accepted) - min((came[name] for name, updates in self.targets.items() if not updates), default=0)

    def write(self, file: Path) -> None:
        """Writes everything as JSON lines in order of time: what was sent, accepted, arrived, and the strikes."""
        with self._lock:
            lines: list[tuple[float, str, object]] = [(at, "asked", version) for version, at in self._requested.items()]
            lines += [(at, "accepted", version) for version, at in self._accepted.items()]
            lines += [(began, "struck", round(ended - began, 4)) for began, ended in self._strikes]
            lines += [(a.at, "came", [a.target, *a.version, a.id, a.took, a.answered]) for a in self._arrivals]
        with file.open("w") as output:
            output.writelines(
                json.dumps([round(at, 4), what, detail]) + "\n" for at, what, detail in sorted(lines, key=lambda line: line[0])
            )

    # Counting.

    def count(self) -> LedgerCounts:
        """Counts everything; for the end of a trial, when nothing is sent any more."""
        with self._lock:
            examples: dict[str, list[str]] = defaultdict(list)
            by_key: dict[tuple[str, LedgerVersion], list[Arrival]] = defaultdict(list)
            for arrival in self._arrivals:
                by_key[arrival.target, arrival.version].append(arrival)
            taken = {key for key, arrivals in by_key.items() if any(a.took for a in arrivals)}
            owed = {(target, version) for target in self.targets for version in self._accepted}
            newest: dict[tuple[str, str], int] = {}
            for target, version in taken:
                newest[target, version.code] = max(newest.get((target, version.code), 0), version.number)
            superseded = {key for key in owed - taken if self._is_superseded(key, by_key, newest)}
            lost = owed - taken - superseded
            for target, version in sorted(lost):
                attempts = len(by_key.get((target, version), ()))
                examples["lost"].append(f"{version.code} version {version.number} at {target}: {attempts} attempts arrived")
            return LedgerCounts(
                accepted=len(self._accepted),
                owed=len(owed),
                delivered=len(owed & taken),
                superseded=len(superseded),
                lost=len(lost),
                duplicated=self._duplicated(by_key, examples),
                reordered=self._reordered(examples),
                renamed=self._renamed(by_key, examples),
                examples={kind: tuple(lines[:20]) for kind, lines in examples.items()},
            )

    def _is_superseded(
        self,
        key: tuple[str, LedgerVersion],
        by_key: Mapping[tuple[str, LedgerVersion], list[Arrival]],
        newest: Mapping[tuple[str, str], int],
    ) -> bool:
        """True only if requests update a record there, a newer version was accepted, and there was a reason (D2).

        The reason is a failed attempt, or a strike that began before the arrival of a newer one and had not ended before the request of this version.
        """
        target, version = key
        if not self.targets[target] or newest.get((target, version.code), 0) <= version.number:
            return False
        if key in by_key:  # an attempt arrived and none was accepted: they failed
            return True
        newer = [LedgerVersion(version.code, number) for number in range(version.number + 1, newest[target, version.code] + 1)]
        asked_at, came = self._requested[version], min(arrival.at for each in newer for arrival in by_key.get((target, each), ()))
        return any(asked_at <= ended and began <= came for began, ended in self._strikes)

    def _duplicated(self, by_key: Mapping[tuple[str, LedgerVersion], list[Arrival]], examples: dict[str, list[str]]) -> int:
        """Counts the forgotten confirmations: requests that repeat a confirmed one.

        If such a request fails, its retry does not count, because still only one confirmation was forgotten.
        """
        count = 0
        for (target, version), arrivals in by_key.items():
            confirmed = False
            for arrival in arrivals:
                if confirmed:
                    count += 1
                    again = arrival.at - arrivals[0].at
                    examples["duplicated"].append(
                        f"{self._when(arrival)} {version.code} version {version.number} at {target}, {again:.1f} s later"
                    )
                confirmed = arrival.answered
        return count

    def _reordered(self, examples: dict[str, list[str]]) -> int:
        """Counts the requests that were out of order (D2).

        Where requests update a record, none may follow a newer one. Where they add one, only first attempts have to be in order.
        """
        count = 0
        newest: dict[tuple[str, str], int] = {}
        seen: set[tuple[str, LedgerVersion]] = set()
        for arrival in self._arrivals:
            at, number = (arrival.target, arrival.version.code), arrival.version.number
            counts = self.targets[arrival.target] or (arrival.target, arrival.version) not in seen
            if counts and number < newest.get(at, 0):
                count += 1
                examples["reordered"].append(
                    f"{self._when(arrival)} {arrival.version.code} version {number} after version {newest[at]} at {arrival.target}"
                )
            seen.add((arrival.target, arrival.version))
            newest[at] = max(newest.get(at, 0), number)
        return count

    def _when(self, arrival: Arrival) -> str:
        """Seconds since the first version was sent."""
        return f"[{arrival.at - min(self._requested.values(), default=arrival.at):.1f} s]"

    def _renamed(self, by_key: Mapping[tuple[str, LedgerVersion], list[Arrival]], examples: dict[str, list[str]]) -> int:
        count = 0
        for (target, version), arrivals in by_key.items():
            ids = {arrival.id for arrival in arrivals}
            if len(ids) > 1 or "" in ids:
                count += 1
                examples["renamed"].append(f"{version.code} version {version.number} at {target}: {', '.join(sorted(ids))}")
        return count
