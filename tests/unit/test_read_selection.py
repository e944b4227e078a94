"""Which connections a read asks for: each comes first in turn, a target that responds gets more, and nothing is asked for without space (D9)."""

from __future__ import annotations

from typing import Any

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.lanes import Lane, LaneState
from heliograph.domain.delivery.slots import slot_of
from heliograph.engine.worker.connection_limiter import LEAST_SHARE, ConnectionLimiter
from heliograph.engine.worker.read_selection import MOST_IN_MEMORY, ReadSelection
from heliograph.store.queue.lane_reads import LaneWant, StoredLane

LIVE: frozenset[Rank | None] = frozenset({Rank.LIVE})


def limiters(*connections: int) -> dict[int, ConnectionLimiter[Any]]:
    return {connection: ConnectionLimiter(connection, 1) for connection in connections}


def lane(connection: int, *, waiting: bool = False) -> StoredLane:
    state = LaneState.WAITING if waiting else LaneState.READY
    return StoredLane(Lane(1, 1, 1, state), 1, connection, slot_of(connection), 1)


def test_each_connection_comes_first_in_turn() -> None:
    selection = ReadSelection()
    work = dict.fromkeys((1, 2, 3), LIVE)
    first = [selection.choose(100.0, work, limiters(1, 2, 3))[0].connection for _ in range(3)]
    assert sorted(first) == [1, 2, 3]


def test_only_ranks_with_lanes_are_asked_for() -> None:
    work = {1: frozenset({Rank.SUBMITTED, None})}
    assert {want.rank for want in ReadSelection().choose(100.0, work, limiters(1))} == {Rank.SUBMITTED, None}


def test_of_an_unknown_connection_one_lane_of_each_rank_is_asked_for() -> None:
    work: dict[int, frozenset[Rank | None]] = {1: frozenset({Rank.LIVE, None})}
    wants = ReadSelection().choose(100.0, work, {})
    assert {(want.rank, want.limit) for want in wants} == {(Rank.LIVE, 1), (None, 1)}


def test_a_paused_connection_is_not_asked_for_and_waits_for_no_space() -> None:
    selection, known = ReadSelection(), limiters(1)
    known[1].paused = True
    assert selection.choose(100.0, {1: LIVE}, known) == []
    assert not selection.waits_for_space


def test_a_connection_with_enough_in_memory_waits_for_space() -> None:
    selection, known = ReadSelection(), limiters(1)
    known[1].in_memory = MOST_IN_MEMORY
    assert selection.choose(100.0, {1: LIVE}, known) == []
    assert selection.waits_for({1})
    assert selection.waits_for_space
    known[1].in_memory = 0
    assert selection.choose(100.0, {1: LIVE}, known)
    assert not selection.waits_for_space


def test_D9_targets_that_do_not_respond_leave_space_for_the_one_that_does() -> None:
    connections = range(1, 1001)
    known = limiters(*connections)
    for connection in connections[1:]:
        known[connection].note_start(90.0)
        known[connection].note_end(90.0, reached=False)
    known[1].note_start(99.9)
    known[1].note_end(99.9, reached=True)
    wants = {want.connection: want.limit for want in ReadSelection().choose(100.0, dict.fromkeys(connections, LIVE), known)}
    assert wants[1] > LEAST_SHARE
    assert all(wants[connection] <= LEAST_SHARE for connection in connections[1:])


def test_a_read_that_was_limited_leaves_lanes_for_the_next() -> None:
    selection = ReadSelection()
    wants = [LaneWant(1, Rank.LIVE, 2), LaneWant(2, Rank.LIVE, 2), LaneWant(3, None, 1)]
    selection.note_read(wants, [lane(1), lane(1), lane(2), lane(3, waiting=True)])
    assert [connection for connection in (1, 2, 3) if selection.waits_for({connection})] == [1, 3]
    assert selection.has_unread
    selection.note_read([LaneWant(1, Rank.LIVE, 2)], [lane(1)])
    assert [connection for connection in (1, 2, 3) if selection.waits_for({connection})] == [3]


def test_retries_and_ready_lanes_are_counted_apart() -> None:
    selection = ReadSelection()
    selection.note_read([LaneWant(1, Rank.LIVE, 2), LaneWant(1, None, 2)], [lane(1), lane(1, waiting=True)])
    assert not selection.has_unread
