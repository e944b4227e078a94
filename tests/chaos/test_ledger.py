"""Checks the ledger itself: deliberate faults are found."""

from __future__ import annotations

import pytest
from tests.chaos.ledger import Got, Kind, Ledger

from heliograph.domain.delivery.action import Does


def ledger(does: Does, *came: tuple[int, Kind], accepted: int = 3) -> Ledger:
    """One registration with `accepted` versions, and the requests that arrived: (version, how it was answered), a second apart."""
    made = Ledger({"crm": does})
    for version in range(1, accepted + 1):
        made.accept("R1", version, f"m{version}")
    for n, (version, kind) in enumerate(came):
        made.got.append(Got("crm", "R1", f"m{version}", f"uid{version}", kind, n, n + 0.5))
    return made


def test_D2_what_a_newer_version_overtook_is_not_lost() -> None:
    faults = ledger(Does.UPDATES, (1, "refused"), (2, "broken"), (3, "ok")).faults()
    faults.assert_sound()
    assert ledger(Does.ADDS, (1, "refused"), (2, "broken"), (3, "ok")).faults().lost == [("crm", "R1", 1), ("crm", "R1", 2)]


def test_D1_the_newest_that_did_not_arrive_is_lost() -> None:
    assert ledger(Does.UPDATES, (1, "ok"), (2, "ok")).faults().lost == [("crm", "R1", 3)]


@pytest.mark.parametrize(
    ("came", "wrong"),
    [
        ([(1, "ok"), (1, "ok"), (2, "ok"), (3, "ok")], "repeated"),
        ([(2, "ok"), (3, "ok"), (1, "ok")], "older_after_newer"),
        ([(2, "lost"), (1, "ok"), (2, "ok"), (3, "ok")], "older_after_newer"),
        ([(3, "refused"), (2, "ok"), (3, "ok")], "out_of_order"),
    ],
)
def test_D2_what_is_wrong_is_seen(came: list[tuple[int, Kind]], wrong: str) -> None:
    assert getattr(ledger(Does.UPDATES, *came).faults(), wrong)


def test_D2_two_requests_of_a_lane_at_once_are_seen() -> None:
    made = ledger(Does.ADDS, (1, "ok"), (2, "ok"), (3, "ok"))
    made.got[0] = Got("crm", "R1", "m1", "uid1", "ok", 0.0, 1.5)
    assert [g.mark for g in made.faults().two_at_once] == ["m2"]


def test_P10_a_version_that_two_were_told_of_and_a_gap_are_seen() -> None:
    made = ledger(Does.ADDS, (1, "ok"), accepted=1)
    made.accept("R1", 1, "other")
    made.accept("R1", 3, "third")
    assert sorted(made.faults().versions_not_once) == [("R1", 1), ("R1", 2)]
