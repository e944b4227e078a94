"""What the log says of connections that fail, rest, and deliver again (O12)."""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP, Cause, Delivered, Outcome, Refused
from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.engine.worker.connection_log import SAID_EVERY, ConnectionLog

OK = Delivered(200)
BAD = Refused(Category.GENERAL, Cause.ANSWER, "The target answered 500 to Ada.", left=True, status=500)
NOW = 1_800_000_000 * SECOND


class Watched:
    """A log of connections, with its clock."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.log = ConnectionLog(lambda: self.at)
        self.lines: list[dict[str, Any]] = []

    def note(self, *outcomes: Outcome, held_until: int | None = None, is_gone: bool = False) -> list[str]:
        """The events that these outcomes write; a second passes."""
        self.at += 1
        with capture_logs() as lines:
            self.log.note(7, 3, outcomes, held_until=held_until, is_gone=is_gone, now=NOW + round((self.at - 1000) * SECOND))
        self.lines += [dict(line) for line in lines]
        return [line["event"] for line in lines]


def test_O12_a_connection_that_begins_to_fail_and_delivers_again() -> None:
    watched = Watched()
    assert watched.note(OK, BAD, OK) == []
    assert watched.note(*[BAD] * (FAILURES_TO_TRIP - 1)) == []
    assert watched.note(BAD) == ["connection_fails"]
    assert [watched.note(BAD) for _ in range(100)] == [[]] * 100, "it is said once"
    assert watched.note(BAD, OK) == ["connection_delivers_again"]
    fails, delivers = watched.lines
    assert (fails["connection"], fails["account"], fails["cause"], fails["status"]) == (7, 3, "answer", 500)
    assert delivers["seconds"] == 101
    assert "Ada" not in str(watched.lines)


def test_O12_a_connection_that_flaps_does_not_fill_the_log() -> None:
    watched = Watched()
    events = [event for _ in range(300) for event in watched.note(*[BAD] * 10) + watched.note(OK)]
    assert events.count("connection_fails") <= 600 / SAID_EVERY + 1


def test_O12_a_connection_that_rests_or_is_gone() -> None:
    watched = Watched()
    assert watched.note(BAD, held_until=NOW + 600 * SECOND) == ["connection_rests"]
    assert watched.lines[-1]["until"] == "2027-01-15T08:10:00+00:00"
    assert watched.note(BAD, held_until=NOW + 600 * SECOND) == []
    assert watched.note(OK) == ["connection_delivers_again"]
    assert watched.note(BAD, is_gone=True) == ["connection_paused"]
