"""Charts: what is empty is no link, so that the Tab key stops only where something is (X3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliograph.web.charts import Bucket, Series, plot, row_bars

values = st.lists(st.integers(0, 5), min_size=1, max_size=40)


@given(values, st.data())
def test_X3_a_column_is_a_link_if_and_only_if_it_is_not_empty(delivered: list[int], data: st.DataObject) -> None:
    failed = data.draw(st.lists(st.integers(0, 2), min_size=len(delivered), max_size=len(delivered)))
    buckets = [Bucket(str(n), f"minute {n}", f"/records/{n}/") for n in range(len(delivered))]
    chart = plot(buckets, [Series("ink", delivered, str), Series("failed", failed, str)], title="Attempts")
    for column, bucket, ok, bad in zip(chart.columns, buckets, delivered, failed, strict=True):
        assert column.href == (bucket.href if ok or bad else "")
        assert bool(column.rects) == bool(ok or bad)
    assert chart.has_links == any([*delivered, *failed])


@given(values)
def test_X3_a_bar_of_nothing_is_no_link(numbers: list[int]) -> None:
    for bar, number in zip(row_bars([("Name", n, "/records/", "") for n in numbers]), numbers, strict=True):
        assert bar.href == ("/records/" if number else "")
