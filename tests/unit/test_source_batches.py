"""The size of the batches in which stored calls are recorded (S2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliograph.recording.source_calls import MOST_CALLS
from heliograph.recording.source_recorder import AT_MOST, FEWEST_CALLS, next_size

ROUNDING = 1e-9
"""Seconds: 52 × 0.0002 is a little more than 0.01 + 2 × 0.0002."""


@given(st.integers(FEWEST_CALLS, MOST_CALLS), st.floats(0, 60))
def test_S2_a_batch_that_took_long_makes_the_next_one_smaller(calls: int, took: float) -> None:
    after = next_size(calls, took)
    assert FEWEST_CALLS <= after <= MOST_CALLS
    assert after <= calls if took > AT_MOST else after >= calls


@given(st.floats(0.0001, 0.5), st.integers(FEWEST_CALLS, MOST_CALLS))
def test_S2_batches_come_to_last_as_long_as_they_may(each: float, calls: int) -> None:
    """each: seconds that a call takes"""
    for _ in range(60):
        calls = next_size(calls, calls * each)
    assert calls in (FEWEST_CALLS, MOST_CALLS) or AT_MOST / 2 <= calls * each <= AT_MOST + 2 * each + ROUNDING
