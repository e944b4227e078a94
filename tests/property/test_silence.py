"""Silence is guessed only where calls usually come, and a doorbell is broken only if nothing rang after an unannounced change (S9)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.source.silence import HOUR, LEAST_EXPECTED, WEEK, HourOfChanges, Silence, doorbell_of, silence_of, usual_spans

NOW = 500_000 * HOUR + HOUR // 2
CREATED = NOW - 10 * WEEK


def test_S9_silence_is_compared_with_the_same_hours_of_the_weeks_before() -> None:
    last = NOW - 5 * HOUR
    spans = usual_spans(last, CREATED, NOW)
    assert [(begin - NOW + week * WEEK, end - NOW + week * WEEK) for week, (begin, end) in enumerate(spans, 1)] == [
        (-4 * HOUR - HOUR // 2, -HOUR // 2)
    ] * 4
    assert len(usual_spans(last, NOW - 3 * WEEK, NOW)) == 2
    assert usual_spans(last, NOW - WEEK, NOW) == []  # too young
    assert usual_spans(None, CREATED, NOW) == []
    assert usual_spans(NOW - HOUR // 4, CREATED, NOW) == []


def test_S9_few_calls_that_are_missing_may_be_chance() -> None:
    assert silence_of(NOW, [6, 8, 5, 6]) is None
    assert silence_of(NOW, []) is None
    assert silence_of(NOW, [14, 15, 13, 14]) == Silence(NOW, 14)


@given(st.lists(st.integers(0, 20), max_size=4))
def test_S9_silence_is_guessed_only_where_calls_usually_come(counts: list[int]) -> None:
    silence = silence_of(NOW, counts)
    assert (silence is not None) == (sum(counts) >= LEAST_EXPECTED * len(counts) > 0)


@given(st.integers(0, 400 * HOUR), st.integers(0, 12))
def test_S9_the_spans_are_as_long_as_the_silence(ago: int, weeks: int) -> None:
    for begin, end in usual_spans(NOW - ago, NOW - weeks * WEEK, NOW):
        assert 0 < end - begin <= min(ago, WEEK)
        assert NOW - weeks * WEEK <= begin + HOUR


def change(hour: int, announced: int = 0, unannounced: int = 0, first: int = 0, last: int = 59) -> HourOfChanges:
    """first, last: minutes of the hour"""
    minute = HOUR // 60
    at = hour * HOUR
    found = (at + first * minute, at + last * minute) if unannounced else (None, None)
    return HourOfChanges(at, announced, unannounced, *found)


def test_S9_a_webhook_is_broken_since_the_first_change_that_nothing_announced() -> None:
    hours = [change(1, announced=4), change(2, announced=1, unannounced=3, first=12), change(3, unannounced=5)]
    last_call = 2 * HOUR + HOUR // 60 * 5
    doorbell = doorbell_of(hours, last_call, settled=10 * HOUR)
    assert (doorbell.announced, doorbell.unannounced, doorbell.broken_since) == (5, 8, 2 * HOUR + HOUR // 60 * 12)
    assert doorbell_of(hours, 5 * HOUR, settled=10 * HOUR).broken_since is None  # it rang again
    assert doorbell_of(hours[:1], last_call, settled=10 * HOUR).broken_since is None
    assert doorbell_of(hours, last_call, settled=2 * HOUR).broken_since is None  # they may still be announced


def test_S9_a_webhook_that_never_rang_is_broken_since_the_first_change() -> None:
    assert doorbell_of([change(4, unannounced=1, first=30)], None, settled=10 * HOUR).broken_since == 4 * HOUR + HOUR // 2


@given(
    st.lists(st.builds(change, st.integers(1, 9), st.integers(0, 3), st.integers(0, 3)), unique_by=lambda each: each.hour),
    st.integers(0, 10),
)
def test_S9_a_broken_webhook_has_a_change_after_its_last_call(hours: list[HourOfChanges], last: int) -> None:
    ordered = sorted(hours, key=lambda each: each.hour)
    doorbell = doorbell_of(ordered, last * HOUR, settled=100 * HOUR)
    assert doorbell.announced + doorbell.unannounced == sum(each.announced + each.unannounced for each in hours)
    later = [each for each in ordered if each.last_unannounced is not None and each.last_unannounced > last * HOUR]
    assert (doorbell.broken_since is not None) == bool(later)
    if doorbell.broken_since is not None:
        assert doorbell.broken_since > last * HOUR
