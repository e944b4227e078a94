"""Charts: what is empty is no link, so that the Tab key stops only where something is (X3)."""

from __future__ import annotations

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from heliograph.web.charts import Before, Bucket, Series, SharePart, outcomes, plot, row_bars, share

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


def test_the_parts_of_a_share_fill_the_bar_and_none_vanishes() -> None:
    parts = share([SharePart("The same", 100_000, "ink"), SharePart("Older", 0, "wait"), SharePart("Missing", 1, "failed")])
    same, older, missing = parts
    assert (same.begin, older.width) == ("0.00", "0.00")
    assert float(missing.width) > 0.4
    assert float(missing.begin) + float(missing.width) == pytest.approx(100, abs=0.2)
    assert [part.width for part in share([SharePart("The same", 0, "ink")])] == ["0.00"]


def test_X3_a_bar_is_as_high_as_its_number() -> None:
    """3 % that look like 10 % hide the trend: what is rare has a chart of its own."""
    buckets = [Bucket(str(n), f"minute {n}", f"/records/{n}/") for n in range(2)]
    chart = plot(buckets, [Series("ink", [1000, 1000], str), Series("failed", [10, 100], str)], title="Attempts", height=120)
    heights = [float(column.rects[1][2]) for column in chart.columns]
    assert heights == [1.0, 8.0]  # of 1,500


def test_X3_only_columns_with_a_label_are_thinned_and_the_last_is_not_cut() -> None:
    labels = ["Mon 23", "", "", "", "Tue 24", "", "", ""] * 4
    chart = plot([Bucket(label, "", "") for label in labels], [Series("ink", [1] * 32, str)], title="")
    assert [column.label for column in chart.columns if column.label] == ["Mon 23"] * 4
    days = plot([Bucket(str(n), "", "") for n in range(6)], [Series("ink", [1] * 6, str)], title="")
    assert [column.at_end for column in days.columns] == [False] * 5 + [True]


def test_a_column_is_said_with_the_colon_of_the_language() -> None:
    with translation.override("fr"):
        (column,) = plot([Bucket("1", "13:00 à 14:00", "")], [Series("ink", [0], str)], title="Livré").columns
    assert column.description.startswith("13:00 à 14:00\N{NO-BREAK SPACE}:"), column.description


def test_X2_the_period_before_is_a_line_across_each_column_also_of_those_to_come() -> None:
    buckets = [Bucket("13:00", "13:00 to 14:00", "/records/"), Bucket("14:00", "14:00 to 15:00", "", is_to_come=True)]
    delivered, failed = Series("ink", [12, 0], "{} delivered".format), Series("failed", [3, 0], "{} failed".format)
    before = Before("Yesterday", [14, 20], "{} delivered".format)
    plots = outcomes(buckets, delivered, [failed], title="", buckets_of_undelivered=buckets, before=before)
    assert plots.delivered.ticks[0] == "20"  # the scale has room for the line
    now, later = plots.delivered.columns
    assert (now.before, later.before) == ("28.8", "0.0")
    assert now.description == "13:00 to 14:00: 12 delivered. Yesterday: 14 delivered"
    assert (later.description, later.href) == ("14:00 to 15:00: still to come. Yesterday: 20 delivered", "")
    assert plots.undelivered
    assert [column.before for column in plots.undelivered.columns] == ["", ""]
