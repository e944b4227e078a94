"""The counts of `verify` (D1, D2)."""

from __future__ import annotations

import pytest

from heliograph.verify.ledger import Arrival, Ledger, LedgerCounts, LedgerVersion

RECORD, MESSAGE = "record", "message"
V1, V2, V3 = (LedgerVersion("R1", n) for n in (1, 2, 3))


class Story:
    """A ledger written line by line, a second apart."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.ledger = Ledger({target: target == RECORD})
        self._now = 0.0

    @property
    def now(self) -> float:
        self._now += 1.0
        return self._now

    def accepted(self, *versions: LedgerVersion) -> Story:
        for version in versions:
            self.ledger.ask(version, self.now)
            self.ledger.accept(version, self.now)
        return self

    def came(self, version: LedgerVersion, *, took: bool = True, answered: bool = True, id: str = "") -> Story:
        arrival = self.ledger.arrive(Arrival(self.target, version, id or f"{self.target}-{version.number}", self.now))
        if took:
            self.ledger.took(arrival, answered=answered)
        return self

    def struck(self) -> Story:
        self.ledger.strike(self.now)
        return self

    def counts(self) -> LedgerCounts:
        return self.ledger.count()


@pytest.mark.parametrize("target", [RECORD, MESSAGE])
def test_B6_what_came_is_delivered_and_what_did_not_is_lost(target: str) -> None:
    counts = Story(target).accepted(V1, V2, V3).came(V1).came(V2, took=False).came(V3, took=False).counts()
    assert (counts.accepted, counts.owed, counts.delivered, counts.lost) == (3, 3, 1, 2)
    assert counts.examples["lost"] == (f"R1 version 2 at {target}: 1 attempts arrived", f"R1 version 3 at {target}: 1 attempts arrived")


def test_B6_what_was_never_answered_is_owed_to_nobody() -> None:
    story = Story(RECORD)
    story.ledger.ask(V1, 0.0)
    assert story.counts().owed == 0


def test_D2_a_failed_version_is_superseded_by_a_newer_one_where_a_record_is_updated() -> None:
    assert Story(RECORD).accepted(V1, V2).came(V1, took=False).came(V2).counts().superseded == 1
    assert Story(MESSAGE).accepted(V1, V2).came(V1, took=False).came(V2).counts().lost == 1


def test_D2_nothing_is_superseded_without_a_reason() -> None:
    counts = Story(RECORD).accepted(V1, V2).came(V2).counts()
    assert (counts.superseded, counts.lost) == (0, 1)


def test_D2_a_kill_between_is_a_reason_and_one_before_or_after_is_none() -> None:
    assert Story(RECORD).accepted(V1).struck().accepted(V2).came(V2).counts().superseded == 1
    assert Story(RECORD).struck().accepted(V1, V2).came(V2).counts().lost == 1
    assert Story(RECORD).accepted(V1, V2).came(V2).struck().counts().lost == 1


def test_D2_what_happened_while_a_fault_lasted_is_a_reason() -> None:
    story = Story(RECORD)
    story.ledger.strike(0.0, 2.5)  # it lasts from before the first version until after its answer
    assert story.accepted(V1, V2).came(V2).counts().superseded == 1
    story = Story(RECORD)
    story.ledger.strike(0.0, 0.5)
    assert story.accepted(V1, V2).came(V2).counts().lost == 1


def test_B6_the_first_signs_of_life_after_a_fault() -> None:
    ledger = Story(RECORD).accepted(V1, V2).came(V1, took=False).came(V2).ledger
    assert ledger.first_after(2.0) == (4.0, 6.0)
    assert ledger.first_after(6.0) == (None, None)


def test_D2_a_newer_version_that_failed_supersedes_nothing() -> None:
    counts = Story(RECORD).accepted(V1, V2).struck().came(V1, took=False).came(V2, took=False).counts()
    assert (counts.superseded, counts.lost) == (0, 2)


def test_B6_only_what_was_confirmed_can_come_twice() -> None:
    assert Story(RECORD).accepted(V1).came(V1, took=False).came(V1).counts().duplicated == 0
    assert Story(RECORD).accepted(V1).came(V1, answered=False).came(V1).counts().duplicated == 0
    assert Story(RECORD).accepted(V1).came(V1).came(V1).came(V1).counts().duplicated == 2


def test_B6_the_retry_of_a_repeated_request_is_no_second_repeat() -> None:
    forgotten = Story(MESSAGE).accepted(V1).came(V1).came(V1, took=False)  # in flight at a kill, repeated, and refused this time
    assert forgotten.counts().duplicated == 1
    assert forgotten.came(V1, answered=False).came(V1).counts().duplicated == 1
    assert forgotten.came(V1).counts().duplicated == 2


def test_D2_an_older_version_after_a_newer_one_is_out_of_order() -> None:
    assert Story(RECORD).accepted(V1, V2).came(V1).came(V2).came(V1).counts().reordered == 1
    assert Story(RECORD).accepted(V1, V2).came(V2, took=False).came(V1, took=False).counts().reordered == 1


def test_D2_a_late_retry_of_a_message_may_follow_newer_ones_and_a_first_attempt_may_not() -> None:
    assert Story(MESSAGE).accepted(V1, V2).came(V1, took=False).came(V2).came(V1).counts().reordered == 0
    assert Story(MESSAGE).accepted(V1, V2).came(V2).came(V1).counts().reordered == 1


def test_D1_one_version_has_one_id() -> None:
    assert Story(MESSAGE).accepted(V1).came(V1, took=False, id="a").came(V1, id="a").counts().renamed == 0
    assert Story(MESSAGE).accepted(V1).came(V1, took=False, id="a").came(V1, id="b").counts().renamed == 1
