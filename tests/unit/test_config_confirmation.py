"""Nothing starts on a configuration that was not confirmed within two seconds (F2), and a confirmation reads only if something can have changed."""

from __future__ import annotations

import pytest

from heliograph.domain.flow.flow import Destination, Flow
from heliograph.engine.worker.config_confirmation import CONFIRM_EVERY, CONFIRM_IDLE, CONFIRMED_FOR, Confirmation


def confirmed(at: float, data_version: int | None) -> Confirmation:
    confirmation = Confirmation()
    confirmation.complete(at, data_version)
    return confirmation


def destinations(connections: dict[int, int | None]) -> dict[int, tuple[Flow, Destination]]:
    """One flow's destinations. connections: the connection of each destination, by id."""
    flow = Flow(1)
    return {number: (flow, Destination(number, connection=connection)) for number, connection in connections.items()}


def test_F2_nothing_starts_before_the_first_confirmation_or_two_seconds_after_the_last() -> None:
    assert not Confirmation().allows_starts(0.0)
    confirmation = confirmed(100.0, None)
    assert confirmation.allows_starts(100.0 + CONFIRMED_FOR)
    assert not confirmation.allows_starts(100.0 + CONFIRMED_FOR + 0.01)


def test_a_confirmation_is_due_four_times_a_second_and_at_once_after_a_change_of_slots() -> None:
    confirmation = confirmed(100.0, None)
    assert not confirmation.is_due(100.0 + CONFIRM_EVERY)
    assert confirmation.is_due(100.01 + CONFIRM_EVERY)
    confirmation.slots_changed = True
    assert confirmation.is_due(100.0)


def test_on_sqlite_an_unchanged_database_is_confirmed_without_reading() -> None:
    confirmation = confirmed(100.0, 7)
    assert confirmation.extend(100.9, 7, memory_is_empty=True)
    assert confirmation.allows_starts(100.9 + CONFIRMED_FOR)


@pytest.mark.parametrize(
    ("data_version", "memory_is_empty", "now"),
    [(8, True, 100.5), (7, False, 100.5), (7, True, 100.0 + CONFIRM_IDLE)],
    ids=["somebody wrote", "lanes in memory", "time alone"],
)
def test_on_sqlite_everything_is_read_if_anything_can_have_changed(data_version: int, memory_is_empty: bool, now: float) -> None:
    confirmation = confirmed(100.0, 7)
    assert not confirmation.extend(now, data_version, memory_is_empty=memory_is_empty)
    assert not confirmation.allows_starts(100.01 + CONFIRMED_FOR)  # not confirmed before the read is complete


def test_on_PostgreSQL_everything_is_read_each_time() -> None:
    assert not confirmed(100.0, None).extend(100.3, None, memory_is_empty=True)


def test_a_read_that_failed_confirms_nothing() -> None:
    confirmation = confirmed(100.0, 7)
    assert not confirmation.extend(100.5, 8, memory_is_empty=True)
    assert not confirmation.extend(100.6, 8, memory_is_empty=True)  # the read between them raised an error


def test_a_new_connection_revokes_the_confirmation_until_its_state_was_read() -> None:
    confirmation = confirmed(100.0, 7)
    assert confirmation.is_known
    confirmation.revoke()
    assert not confirmation.is_known
    assert not confirmation.allows_starts(100.0)
    assert confirmation.is_due(100.0)
    assert not confirmation.extend(100.0, 7, memory_is_empty=True)


def test_a_destination_that_got_another_connection_has_moved_once() -> None:
    confirmation = Confirmation()
    assert list(confirmation.moved(destinations({1: 10, 2: 20, 3: None}))) == [1, 2]
    assert confirmation.knows_destinations
    assert list(confirmation.moved(destinations({1: 11, 2: 20}))) == [1]
    assert not list(confirmation.moved(destinations({1: 11, 2: 20})))


def test_after_a_change_of_slots_every_destination_is_checked_anew() -> None:
    confirmation = confirmed(100.0, 7)
    confirmation.slots_changed = True
    list(confirmation.moved(destinations({1: 10})))
    confirmation.forget_destinations()
    assert not confirmation.is_due(100.0)
    assert not confirmation.knows_destinations
    assert list(confirmation.moved(destinations({1: 10}))) == [1]
