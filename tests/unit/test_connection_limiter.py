"""One connection in a worker's memory: its limits hold to the request, a dead target is probed, and a new owner knows what the old one knew
(C7, C8)."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.action import Rank
from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP
from heliograph.engine.worker.connection_limiter import DEEPEST, LONGEST_PROBE_AFTER, ConnectionLimiter


def starts(line: ConnectionLimiter[int], now: float, seconds: float, *, wakes: float, rate: int) -> list[float]:
    """The times at which requests start that are always available and end at once, while the thread wakes at uneven times."""
    chance, end, found = random.Random(rate), now + seconds, []
    while now < end:
        line.set_limits(now, 10, rate)
        while line.may_start(now):
            line.note_start(now)
            line.note_end(now, reached=True)
            found.append(now)
        now += chance.uniform(0.0005, wakes)
    return found


def most_in_a_minute(times: list[float]) -> int:
    return max((bisect_left(times, at + 60.0) - i for i, at in enumerate(times)), default=0)


@pytest.mark.parametrize("rate", [1, 7, 60, 600, 6_000])
@pytest.mark.parametrize("wakes", [0.005, 0.4])
def test_C7_a_rate_is_never_exceeded_in_any_minute(rate: int, wakes: float) -> None:
    found = starts(ConnectionLimiter(1, 1), 100.0, 200.0, wakes=wakes, rate=rate)
    assert most_in_a_minute(found) <= rate
    if wakes < 0.25:
        assert len(found) >= math.floor(200 / 61 * rate * 0.98) - 1  # and hardly any of the rate is wasted


def test_D7_a_connection_that_is_reached_in_another_way_is_tried_at_once() -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    line.set_target("https://crm.example.org:8444", 10)
    for _ in range(FAILURES_TO_TRIP + 5):
        line.note_start(10.0)
        line.note_end(10.0, reached=False)
    line.set_target("https://crm.example.org:8444", 10)
    assert line.is_tripped
    assert not line.may_start(10.1)
    line.set_target("https://crm.example.org:8443", 10)
    assert not line.is_tripped
    assert line.may_start(10.1)


@pytest.mark.parametrize(("origin", "rests"), [("https://crm.example.org", True), ("https://new.example.org", False)])
def test_C8_only_the_target_that_asked_for_a_rest_gets_it(origin: str, rests: bool) -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    line.set_target("https://crm.example.org", 10)
    line.hold(10.0, 60)
    line.set_target(origin, 20)  # with another timeout
    assert line.may_start(10.1) is not rests


@pytest.mark.parametrize("rate", [1, 60, 600])
def test_C7_a_rate_outlives_its_owner(rate: int) -> None:
    first = starts(ConnectionLimiter(1, 1), 100.0, 90.0, wakes=0.01, rate=rate)
    second = starts(ConnectionLimiter(1, 1), 190.0, 90.0, wakes=0.01, rate=rate)  # another worker, right after
    assert most_in_a_minute(first + second) <= rate


def test_C7_a_connection_that_another_worker_had_meanwhile_waits_as_a_new_one_does() -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1, epoch=4)
    line.set_limits(0.0, 10, 6)
    assert not line.may_start(100.0 - 90.0)
    line.note_slots_changed(4)  # other slots have changed hands
    line.set_limits(100.0, 10, 6)
    assert line.may_start(100.0)
    line.note_slots_changed(None)
    line.note_slots_changed(6)  # it was gone, and is back
    line.set_limits(100.0, 10, 6)
    assert not line.may_start(109.9)
    assert line.may_start(110.3)


@given(st.lists(st.floats(0.0, 5.0), max_size=60), st.integers(1, 120))
def test_C7_no_bursts_after_idle_times(pauses: list[float], rate: int) -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    now, found = 50.0, []
    for pause in pauses:
        now += pause
        line.set_limits(now, 10, rate)
        while line.may_start(now):
            line.note_start(now)
            line.note_end(now, reached=True)
            found.append(now)
    assert most_in_a_minute(found) <= rate


def test_C7_so_many_at_once_and_no_more() -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    line.set_limits(0.0, 3, None)
    for _ in range(3):
        assert line.may_start(0.0)
        line.note_start(0.0)
    assert not line.may_start(1.0)
    line.note_end(1.0, reached=True)
    assert line.may_start(1.0)


def test_C8_a_dead_target_is_probed_one_at_a_time() -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    now = 10.0
    for _ in range(FAILURES_TO_TRIP):
        assert line.may_start(now)
        line.note_start(now)
        line.note_end(now, reached=False)
    probes = []
    while now < 130.0:
        if line.may_start(now):
            line.note_start(now)
            assert not line.may_start(now)
            probes.append(now)
            line.note_end(now, reached=False)
        now += 0.05
    assert 10 < len(probes) < 20
    assert max(b - a for a, b in pairwise(probes)) < LONGEST_PROBE_AFTER + 0.1
    now += LONGEST_PROBE_AFTER
    line.note_start(now)
    line.note_end(now, reached=True)
    assert line.may_start(now)
    assert not line.is_tripped


def test_C8_a_new_owner_knows_that_a_target_is_down() -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    line.adopt_failures(10.0, FAILURES_TO_TRIP + 3)
    assert line.is_tripped
    assert not line.may_start(10.1)
    assert line.may_start(10.3)
    line.note_start(10.3)
    assert not line.may_start(11.0)  # one probe
    fresh: ConnectionLimiter[int] = ConnectionLimiter(2, 1)
    fresh.adopt_failures(10.0, FAILURES_TO_TRIP - 1)
    assert fresh.may_start(10.0)


def test_C7_what_is_limited_is_not_read_far_ahead() -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    line.set_limits(0.0, 50, 60)
    assert line.depth == 3
    line.set_limits(0.0, 50, None)
    assert line.depth == 100
    line.set_limits(0.0, 1_000, 1_000_000)
    assert line.depth == DEEPEST


def test_D9_targets_that_never_answer_leave_room_for_the_one_that_does() -> None:
    hanging: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    assert max((want.limit for want in hanging.wants(100.0, share=2)), default=0) == 2
    hanging.in_memory = 2
    assert hanging.wants(100.1, share=2) == []
    healthy: ConnectionLimiter[int] = ConnectionLimiter(2, 1)
    for _ in range(100):
        healthy.note_start(100.0)
        healthy.note_end(100.0, reached=True)
    assert max(want.limit for want in healthy.wants(100.1, share=2)) == healthy.depth
    assert max(want.limit for want in healthy.wants(102.0, share=2)) == 2  # it was fast, but no longer is


def test_D9_what_does_not_answer_has_little_room_however_fast_it_fails() -> None:
    def room(line: ConnectionLimiter[int], now: float) -> int:
        return max((want.limit for want in line.wants(now, share=500)), default=0)

    refusing: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    assert room(refusing, 100.0) == refusing.depth
    for n in range(3):
        refusing.note_start(100.0 + n / 1000)
        refusing.note_end(100.0 + n / 1000, reached=False)
    assert room(refusing, 100.01) == 2
    refusing.note_start(100.02)
    refusing.note_end(100.02, reached=True)
    assert room(refusing, 100.03) == refusing.depth

    hanging: ConnectionLimiter[int] = ConnectionLimiter(2, 1)
    hanging.note_start(100.0)
    assert room(hanging, 100.5) == hanging.depth  # it may still answer
    assert room(hanging, 101.5) == 2
    hanging.note_end(101.6, reached=True)
    assert room(hanging, 102.0) == hanging.depth


@pytest.mark.parametrize("live", [1_000, 40, 0])
def test_Y1_live_starts_first_and_a_replay_once_in_twenty(live: int) -> None:
    """While live lanes wait, one of twenty starts is a replay's; when none waits, every one."""
    line: ConnectionLimiter[str] = ConnectionLimiter(1, 1)
    line.waiting.extend(["live"] * live)
    line.replayed.extend(["replay"] * 200)
    started = [line.next_queue().popleft() for _ in range(200)]
    share = started[: live and min(200, live + live // 19)]
    assert started[0] == ("live" if live else "replay")
    assert share.count("replay") == len(share) // 20
    assert set(started[len(share) :]) <= {"replay"}


def test_Y1_replays_that_wait_take_no_room_from_live_traffic() -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    line.set_limits(0.0, 50, None)
    live = {want.rank: want.limit for want in line.wants(10.0)}
    line.replayed.extend(range(80))
    line.in_memory = 80
    wanted = {want.rank: want.limit - line.in_memory for want in line.wants(10.0)}
    assert wanted[Rank.LIVE] == live[Rank.LIVE] == line.depth
    assert wanted[Rank.REPLAY] == line.depth - 80


def test_Y1_a_replay_is_read_however_much_live_traffic_waits() -> None:
    line: ConnectionLimiter[int] = ConnectionLimiter(1, 1)
    line.set_limits(0.0, 50, None)
    line.waiting.extend(range(75))
    line.in_memory = 75
    wanted = {want.rank: want.limit - line.in_memory for want in line.wants(10.0)}
    assert wanted[Rank.REPLAY] >= 1
