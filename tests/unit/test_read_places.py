"""The places for full reads: one for each account, two in all, and turns (D9, O9)."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from heliograph.registrations.read_places import TURN, WAITS_FOR, NoReadPlace, ReadPlaces

A, B, C, D = range(1, 5)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def places(clock: Clock) -> ReadPlaces:
    return ReadPlaces(clock=clock)


def is_refused(places: ReadPlaces, account: int) -> bool:
    try:
        with places.place(account):
            return False
    except NoReadPlace:
        return True


def test_an_account_has_one_read_and_a_process_two(places: ReadPlaces) -> None:
    with places.place(A):
        assert is_refused(places, A)
        assert not is_refused(places, B)
        with places.place(B):
            assert is_refused(places, C)
        assert not is_refused(places, C)
    assert not is_refused(places, A)


def test_a_free_place_is_for_who_has_waited_longest(places: ReadPlaces) -> None:
    with places.place(A):
        with places.place(B):
            assert [is_refused(places, account) for account in (C, D, C)] == [True] * 3
        assert [is_refused(places, account) for account in (B, D)] == [True, True]  # C is first
        with places.place(C):
            assert [is_refused(places, account) for account in (B, D)] == [True, True]
        assert not is_refused(places, D)
    assert not is_refused(places, B)


def test_who_does_not_ask_again_waits_no_longer(places: ReadPlaces, clock: Clock) -> None:
    with places.place(A):
        with places.place(B):
            assert is_refused(places, C)
        clock.now = WAITS_FOR - 1
        assert is_refused(places, D)  # the place is for C
        clock.now = WAITS_FOR
        assert not is_refused(places, D)


def test_a_read_ends_after_its_turn_once_another_account_waits(places: ReadPlaces, clock: Clock) -> None:
    with ExitStack() as reads:
        reads.enter_context(places.place(A))
        clock.now = 1
        reads.enter_context(places.place(B))
        clock.now = TURN * 5
        assert not places.is_over(A)  # nobody waits
        assert is_refused(places, C)
        assert [places.is_over(account) for account in (A, B)] == [True, False]  # one waits: the oldest ends
        assert is_refused(places, D)
        assert [places.is_over(account) for account in (A, B)] == [True, True]
    with places.place(C), places.place(D):
        assert is_refused(places, A)
        assert not places.is_over(C)
