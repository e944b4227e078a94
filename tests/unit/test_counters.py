"""What processes count for Prometheus: the same as a naive count, in memory that the supervisor reads (O2)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.retry_policy import SECOND
from heliograph.engine.counters import DURATION, OUTCOMES, RECORDED, SETTLED, SIZE, STORED, ProcessCounters

batches = st.lists(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 40 * SECOND)), max_size=30), max_size=8)


@given(batches, st.lists(st.integers(1, 5_000), max_size=8))
def test_O2_counters_are_what_a_naive_count_says(settled: list[list[tuple[tuple[str, str], int]]], recorded: list[int]) -> None:
    memory = bytearray(SIZE)
    counters = ProcessCounters(memory)
    for batch in settled:
        counters.settled((key for key, _took in batch), (took for _key, took in batch), len(batch))
    for size in recorded:
        counters.recorded(size)
        counters.stored(size + 1)
    every = [each for batch in settled for each in batch]
    assert counters.outcomes == {key: Counter(key for key, _took in every)[key] for key in OUTCOMES}
    took, sizes = [took for _key, took in every], [len(batch) for batch in settled]
    for of, values in ((DURATION, took), (SETTLED, sizes), (RECORDED, recorded), (STORED, [size + 1 for size in recorded])):
        found = counters.values[of.first : of.end]
        assert sum(found[:-1]) == len(values)
        assert found[-1] == sum(values)
        for n, bound in enumerate(of.bounds, 1):
            assert sum(found[:n]) == sum(value <= bound * of.scale for value in values)
    assert memoryview(memory).cast("q").tolist() == counters.values
