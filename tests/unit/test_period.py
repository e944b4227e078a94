"""Periods of Insights (X1): whole minutes, whole days by the clocks of a time zone, and what an address may hold."""

from __future__ import annotations

import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.insights.period import (
    MOST_DAYS,
    CalendarPeriod,
    Rolling,
    Window,
    WrongPeriod,
    calendar_window,
    rolling_window,
    whole_days,
    window_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 60 * MINUTE
NOW = int(datetime.datetime(2026, 10, 14, 14, 32, 10, tzinfo=BERLIN).timestamp()) * 1_000_000


def is_sound(window: Window) -> None:
    """It has whole minutes, its columns follow each other, its unit divides each of them, and whole hours are read at once."""
    assert list(window.edges) == sorted(set(window.edges))
    assert len(window.edges) >= 2
    assert all(edge % MINUTE == 0 for edge in window.edges)
    assert all((edge - window.edges[1]) // MINUTE % window.unit == 0 for edge in window.edges[1:-1])
    if window.step >= HOUR and len(window.edges) > 2:
        assert all(edge % HOUR == 0 for edge in window.edges[1:-1]) or window.first
    assert len(window.edges) <= 50


@given(st.sampled_from(Rolling), st.integers(0, 2**50))
def test_X1_a_rolling_period_ends_with_the_minute_that_runs(rolling: Rolling, now: int) -> None:
    window = rolling_window(rolling, now)
    is_sound(window)
    assert window.until - window.since == rolling.minutes * MINUTE
    assert 0 < window.until - now <= MINUTE


@given(
    st.dates(datetime.date(2001, 1, 1), datetime.date(2098, 1, 1)),
    st.integers(0, 500),
    st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "UTC"]),
)
def test_X1_whole_days_begin_and_end_at_midnight(first: datetime.date, more: int, zone: str) -> None:
    window = whole_days(first, first + datetime.timedelta(days=more), ZoneInfo(zone))
    is_sound(window)
    for edge, day in ((window.since, first), (window.until, first + datetime.timedelta(days=min(more, MOST_DAYS - 1) + 1))):
        at = datetime.datetime.fromtimestamp(edge / 1_000_000, ZoneInfo(zone))
        assert (at.date(), at.hour, at.minute) == (day, 0, 0)


def test_X1_a_day_on_which_clocks_change_has_its_own_length() -> None:
    spring, autumn = datetime.date(2027, 3, 28), datetime.date(2026, 10, 25)
    assert [(w.until - w.since) // HOUR for w in (whole_days(spring, spring, BERLIN), whole_days(autumn, autumn, BERLIN))] == [23, 25]
    week = whole_days(spring - datetime.timedelta(days=3), spring + datetime.timedelta(days=3), BERLIN)
    assert [(after - before) // HOUR for before, after in zip(week.edges, week.edges[1:], strict=False)] == [24, 24, 24, 23, 24, 24, 24]


def test_X1_no_period_is_one_day() -> None:
    for query in ({}, {"days": "", "from": "", "to": "", "period": "", "since": "", "until": ""}, {"mode": "test"}):
        assert window_of(query, NOW, BERLIN) == rolling_window(Rolling.DAY, NOW)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"period": "fortnight"}, "period"),
        ({"days": "0"}, "days"),
        ({"days": "-3"}, "days"),
        ({"days": "abc"}, "days"),
        ({"days": "1e9"}, "days"),
        ({"days": "\u0663"}, "days"),
        ({"days": str(MOST_DAYS + 1)}, "days"),
        ({"from": "2026-02-31", "to": "2026-03-01"}, "from"),
        ({"from": "2026-02-01", "to": "0001-01-01"}, "to"),
        ({"from": "1999-12-31", "to": "2000-01-02"}, "from"),
        ({"from": "2026-02-01"}, "to"),
        ({"to": "2026-02-01"}, "from"),
        ({"from": "2026-10-05", "to": "2026-10-01"}, "to"),
        ({"from": "2025-01-01", "to": "2026-02-05"}, "to"),
        ({"since": "5", "until": "4"}, "since"),
        ({"since": "5"}, "since"),
        ({"since": "1", "until": "99999999999999999999"}, "since"),
        ({"since": "9" * 18, "until": "9" * 18}, "since"),
        ({"days": "3", "period": "1h"}, "days"),
        ({"from": "2026-10-01", "to": "2026-10-05", "days": "5"}, "from"),
    ],
)
def test_X1_what_is_no_period_is_refused_in_words(query: dict[str, str], parameter: str) -> None:
    with pytest.raises(WrongPeriod) as refused:
        window_of(query, NOW, BERLIN)
    assert refused.value.parameter == parameter
    assert str(refused.value).endswith((".", "day"))


def test_X1_the_longest_range_has_so_many_days() -> None:
    first = datetime.date(2025, 1, 1)
    last = first + datetime.timedelta(days=MOST_DAYS - 1)
    window = window_of({"from": first.isoformat(), "to": last.isoformat()}, NOW, BERLIN)
    assert (window.first, window.last) == (first, last)


@given(st.integers(0, 20_000_000), st.integers(1, MOST_DAYS * 1440))
def test_X3_a_link_carries_its_ends(since: int, minutes: int) -> None:
    window = window_of({"since": str(since), "until": str(since + minutes)}, NOW, BERLIN)
    is_sound(window)
    assert (window.since, window.until, window.fixed) == (since * MINUTE, (since + minutes) * MINUTE, True)


def test_X1_a_number_of_days_may_be_typed() -> None:
    assert window_of({"days": " 3 "}, NOW, BERLIN).days == 3
    assert window_of({"days": str(MOST_DAYS)}, NOW, BERLIN).days == MOST_DAYS
    is_sound(window_of({"days": "365"}, NOW, BERLIN))


def local(window: Window) -> tuple[str, str]:
    """Its ends by the clocks of Berlin."""
    since, until = (
        datetime.datetime.fromtimestamp(end / 1_000_000, BERLIN).strftime("%a %d %b %H:%M") for end in (window.since, window.until)
    )
    return since, until


@given(st.sampled_from(CalendarPeriod), st.integers(2**40, 2**51), st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "UTC"]))
def test_X1_a_period_of_the_calendar_begins_at_midnight(calendar: CalendarPeriod, now: int, zone: str) -> None:
    window = calendar_window(calendar, now, ZoneInfo(zone))
    is_sound(window)
    begin = datetime.datetime.fromtimestamp(window.since / 1_000_000, ZoneInfo(zone))
    assert (begin.hour, begin.minute) == (0, 0)
    assert begin.weekday() == 0 or calendar is not CalendarPeriod.WEEK
    assert window.since <= now + MINUTE
    before = window.before(ZoneInfo(zone))
    assert before.since < before.until <= window.until


@pytest.mark.parametrize(
    ("query", "ends", "before"),
    [
        ({"period": "today"}, ("Wed 14 Oct 00:00", "Wed 14 Oct 14:33"), ("Tue 13 Oct 00:00", "Tue 13 Oct 14:33")),
        ({"period": "yesterday"}, ("Tue 13 Oct 00:00", "Wed 14 Oct 00:00"), ("Mon 12 Oct 00:00", "Tue 13 Oct 00:00")),
        ({"period": "week"}, ("Mon 12 Oct 00:00", "Wed 14 Oct 14:33"), ("Mon 05 Oct 00:00", "Wed 07 Oct 14:33")),
        ({"period": "4h"}, ("Wed 14 Oct 10:33", "Wed 14 Oct 14:33"), ("Wed 14 Oct 06:33", "Wed 14 Oct 10:33")),
        ({"from": "2026-10-12", "to": "2026-10-13"}, ("Mon 12 Oct 00:00", "Wed 14 Oct 00:00"), ("Sat 10 Oct 00:00", "Mon 12 Oct 00:00")),
    ],
)
def test_X1_a_period_is_compared_with_the_one_before(query: dict[str, str], ends: tuple[str, str], before: tuple[str, str]) -> None:
    window = window_of(query, NOW, BERLIN)
    assert (local(window), local(window.before(BERLIN))) == (ends, before)


def test_X1_days_that_have_not_ended_are_compared_as_far_as_they_have_come() -> None:
    window = window_of({"from": "2026-10-13", "to": "2026-10-14"}, NOW, BERLIN)
    assert local(window.before(BERLIN, NOW)) == ("Sun 11 Oct 00:00", "Mon 12 Oct 14:33")
    ended = window_of({"from": "2026-10-12", "to": "2026-10-13"}, NOW, BERLIN)
    assert local(ended.before(BERLIN, NOW)) == ("Sat 10 Oct 00:00", "Mon 12 Oct 00:00")


def test_X1_yesterday_is_compared_by_the_clock_where_the_clocks_were_changed() -> None:
    now = int(datetime.datetime(2026, 10, 25, 12, 0, tzinfo=BERLIN).timestamp()) * 1_000_000  # 25 hours
    window = calendar_window(CalendarPeriod.TODAY, now, BERLIN)
    assert (window.until - window.since) // HOUR == 13
    assert local(window.before(BERLIN)) == ("Sat 24 Oct 00:00", "Sat 24 Oct 12:01")


@given(
    st.sampled_from(["today", "yesterday", "week", "4h", "30d"]),
    st.integers(2**40, 2**51),
    st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "UTC"]),
)
def test_X2_each_column_of_a_whole_day_or_week_has_one_in_the_period_before(period: str, now: int, zone: str) -> None:
    window = window_of({"period": period}, now, ZoneInfo(zone))
    edges, before = window.whole_edges(ZoneInfo(zone)), window.edges_before(ZoneInfo(zone))
    assert edges[: len(window.edges) - 1] == window.edges[:-1]
    assert edges[-1] >= window.until
    assert len(before) == len(edges)
    assert all(one <= two for one, two in pairwise(before))
    assert before[0] == window.before(ZoneInfo(zone)).since
    assert before[-1] == edges[0]


def test_X2_today_has_a_column_for_each_hour_that_the_clocks_show() -> None:
    sunday = int(datetime.datetime(2026, 10, 25, 12, 0, tzinfo=BERLIN).timestamp()) * 1_000_000  # 25 hours
    window = calendar_window(CalendarPeriod.TODAY, sunday, BERLIN)
    before = window.edges_before(BERLIN)
    assert (len(window.whole_edges(BERLIN)), len(before)) == (26, 26)
    assert [n for n, (one, two) in enumerate(pairwise(before)) if one == two] == [2], "there was one hour from 02:00 to 03:00"
