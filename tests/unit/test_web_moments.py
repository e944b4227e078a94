"""Times as pages write them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from heliograph.web.templatetags import moments

NOW = datetime.datetime(2026, 10, 14, 12, 32, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def vienna() -> Iterator[None]:
    with timezone.override(ZoneInfo("Europe/Vienna")):
        yield


@pytest.mark.parametrize(("language", "text"), [("de", "30. Nov. 2026, 13:00"), ("fr", "30 nov. 2026, 13:00")])
def test_a_short_month_is_written_as_the_language_writes_it(language: str, text: str) -> None:
    with translation.override(language):
        assert moments.minute(datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)) == text


def test_what_follows_since_is_a_time_of_today_or_a_date() -> None:
    at = [NOW - datetime.timedelta(hours=1), NOW - datetime.timedelta(days=5)]
    assert [moments.since_when(each, NOW) for each in at] == ["13:32", "9 Oct, 14:32"]


def test_records_say_when_in_the_account_s_time_zone() -> None:
    at = datetime.datetime(2026, 10, 14, 12, 31, 7, tzinfo=datetime.UTC)
    assert moments.moment(at) == "14 Oct 2026, 14:31:07"
    assert moments.minute(at) == "14 Oct 2026, 14:31"
    assert moments.short_moment(at) == "14 Oct, 14:31"
    assert moments.clock(at) == "14:31:07"
    assert moments.day(at) == "Wednesday, 14 October 2026"
    assert moments.iso(at) == "2026-10-14T14:31:07+02:00"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (datetime.timedelta(seconds=-30), "Just now"),  # clocks differ
        (datetime.timedelta(seconds=59), "Just now"),
        (datetime.timedelta(minutes=1), "1 min ago"),
        (datetime.timedelta(minutes=59, seconds=59), "59 min ago"),
        (datetime.timedelta(hours=1, minutes=27), "Today, 13:05"),
        (datetime.timedelta(hours=21, minutes=12), "Yesterday, 17:20"),
        (datetime.timedelta(days=5), "9 Oct, 14:32"),
        (datetime.timedelta(days=365), "14 Oct 2025, 14:32"),
    ],
)
def test_lists_of_flows_say_how_long_ago(before: datetime.timedelta, said: str) -> None:
    assert moments.ago(NOW - before, NOW) == said


def test_a_time_of_today_is_a_clock_s() -> None:
    assert moments.soon(NOW, NOW) == "14:32"
    assert moments.soon(NOW + datetime.timedelta(days=1), NOW) == "15 Oct, 14:32"


def test_what_is_due_within_the_hour_is_told_to_the_second() -> None:
    assert moments.soon_to_the_second(NOW + datetime.timedelta(seconds=67), NOW) == "14:33:07"
    assert moments.soon_to_the_second(NOW + datetime.timedelta(hours=2), NOW) == "16:32"
    assert moments.soon_to_the_second(NOW + datetime.timedelta(days=1), NOW) == "15 Oct, 14:32"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (datetime.timedelta(seconds=-1), "Now"),
        (datetime.timedelta(seconds=28), "in 28 s"),
        (datetime.timedelta(seconds=99), "in 99 s"),
        (datetime.timedelta(seconds=100), "in 1 min"),
        (datetime.timedelta(minutes=59), "in 59 min"),
        (datetime.timedelta(hours=1), "in 1 h"),
        (datetime.timedelta(hours=1, minutes=37), "in 1 h 37 min"),
        (datetime.timedelta(hours=47), "in 47 h"),
        (datetime.timedelta(days=2), "in 2 days"),
    ],
)
def test_a_time_to_come_says_how_long_it_is_until_then(left: datetime.timedelta, said: str) -> None:
    assert moments.until(NOW + left, NOW) == said


@pytest.mark.parametrize(
    "name", ["moment", "minute", "short_moment", "clock", "clock_minute", "day", "iso", "ago", "soon", "soon_to_the_second", "until"]
)
def test_no_time_is_no_text(name: str) -> None:
    assert getattr(moments, name)(None) == ""
