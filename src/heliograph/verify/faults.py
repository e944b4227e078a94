"""The faults that a trial provokes: their names, what each is, and why some cannot be provoked everywhere."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from heliograph.failpoints import Instant
from heliograph.stage import machine_clocks


class Fault(StrEnum):
    """A kind of fault, as named on the command line."""

    KILL = "kill"
    STOP = "stop"
    TWO_SIGNALS = "two-signals"
    FAILPOINTS = "failpoints"
    SILENT_TARGET = "silent-target"
    HALF_ANSWERS = "half-answers"
    FULL_DISK = "full-disk"
    CLOCK_JUMP = "clock-jump"
    DATABASE_RESTART = "database-restart"
    DATABASE_STALL = "database-stall"


MEANINGS: Final[Mapping[Fault, str]] = {
    Fault.KILL: "a process gets SIGKILL, or all of one start, or the supervisor and then its orphans",
    Fault.STOP: "a process gets SIGSTOP for longer than a lease, then SIGCONT",
    Fault.TWO_SIGNALS: "a process gets SIGTERM twice within a millisecond, and has to end with 0",
    Fault.FAILPOINTS: "a process dies at each of the chosen instants",
    Fault.SILENT_TARGET: "one target or all read requests for some seconds and never answer",
    Fault.HALF_ANSWERS: "one target or all take requests for some seconds and break off in the middle of their answers",
    Fault.FULL_DISK: "the disk of the database has no free block for some seconds; sometimes a process is killed meanwhile",
    Fault.CLOCK_JUMP: "a machine's clock jumps by more than a lease, forward or back, and some seconds later returns",
    Fault.DATABASE_RESTART: "PostgreSQL is shut down, fast or immediately, and started again",
    Fault.DATABASE_STALL: "PostgreSQL gets SIGSTOP for longer than a lease, then SIGCONT",
}
_OF_POSTGRES: Final = frozenset({Fault.DATABASE_RESTART, Fault.DATABASE_STALL})
_OF_OWN_SERVER: Final = _OF_POSTGRES | {Fault.FULL_DISK}
_NOT_OURS: Final = "the PostgreSQL server is not this trial's own: use --own-server"


def impossible(*, on_sqlite: bool, own_server: bool, disk_trouble: str) -> dict[Fault, str]:
    """The faults that cannot be provoked here, each with the reason.

    disk_trouble: why there can be no disk to fill; "" if there can
    """
    reasons: dict[Fault, str] = {}
    if on_sqlite:
        reasons |= dict.fromkeys(_OF_POSTGRES, "SQLite has no server")
    elif not own_server:
        reasons |= dict.fromkeys(_OF_OWN_SERVER, _NOT_OURS)
    if disk_trouble:
        reasons.setdefault(Fault.FULL_DISK, disk_trouble)
    if machine_clocks.library() is None:
        reasons[Fault.CLOCK_JUMP] = f"{machine_clocks.PACKAGE} is not installed"
    return reasons


def course(kills: int, faults: Collection[Fault], times: int, chance: random.Random) -> list[tuple[Fault, Instant | None]]:
    """The faults of a trial in a random order: kills, and each other fault and each instant as often as `times`."""
    course: list[tuple[Fault, Instant | None]] = [(Fault.KILL, None)] * kills
    for fault in Fault:
        if fault is Fault.FAILPOINTS and fault in faults:
            course += [(fault, instant) for instant in Instant] * times
        elif fault is not Fault.KILL and fault in faults:
            course += [(fault, None)] * times
    chance.shuffle(course)
    return course
