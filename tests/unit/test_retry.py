"""Retry intervals, answers and their categories (D3-D5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.outcomes import (
    Cause,
    CouldNotBegin,
    Cut,
    Delivered,
    HoldConnection,
    PauseConnection,
    Refused,
    ValidationFailed,
    category_of_status,
    classify_status,
    classify_transport_error,
    effect_on_connection,
    may_have_left,
    parse_retry_after,
)
from heliograph.domain.delivery.retry_policy import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    SEVERITY,
    STANDARD,
    BadIntervals,
    Category,
    GiveUp,
    Intervals,
    RetryAt,
    RetryPolicy,
)

NOW = 1_700_000_000 * SECOND

waits = st.integers(1, 30 * DAY)


@st.composite
def policies(draw: st.DrawFn) -> RetryPolicy:
    columns = [sorted(draw(st.lists(waits, min_size=5, max_size=5))) for _ in range(3)]
    intervals: dict[Category, Intervals] = {category: (columns[0][i], columns[1][i], columns[2][i]) for i, category in enumerate(SEVERITY)}
    return RetryPolicy(intervals)


@given(policies(), st.sampled_from(SEVERITY), st.integers(0, 9), st.integers(0, 2 * NOW), st.floats(-1, 1))
def test_D5_at_most_three_automatic_retries(policy: RetryPolicy, category: Category, retries: int, now: int, jitter: float) -> None:
    assert isinstance(policy.decide(category, retries, now, jitter=jitter), GiveUp) == (retries >= 3)


@given(policies(), st.integers(0, 2), st.integers(0, NOW))
def test_D5_the_more_serious_the_sooner(policy: RetryPolicy, retries: int, now: int) -> None:
    dues = [policy.decide(category, retries, now) for category in SEVERITY]
    assert [d.due for d in dues if isinstance(d, RetryAt)] == sorted(d.due for d in dues if isinstance(d, RetryAt))


@given(policies(), st.sampled_from(SEVERITY), st.integers(0, 2), st.floats(-5, 5), st.integers(0, 10 * DAY))
def test_D5_a_longer_retry_after_wins_up_to_a_day(
    policy: RetryPolicy, category: Category, retries: int, jitter: float, retry_after: int
) -> None:
    at = policy.decide(category, retries, NOW, jitter=jitter, retry_after=retry_after)
    assert isinstance(at, RetryAt)
    wait, interval = at.due - NOW, policy.intervals[category][retries]
    assert wait >= min(retry_after, DAY)
    assert interval * 0.9 - 1 <= wait <= max(interval * 1.1, min(retry_after, DAY)) + 1


@pytest.mark.parametrize(
    ("category", "minutes"),
    [
        (Category.SYSTEM, (1, 5, 15)),
        (Category.CONNECTION, (2, 10, 30)),
        (Category.SOURCE_API, (5, 15, 60)),
        (Category.GENERAL, (15, 60, 240)),
        (Category.CONFIG, (30, 120, 2880)),
    ],
)
def test_D5_intervals_of_the_categories(category: Category, minutes: tuple[int, int, int]) -> None:
    assert [RetryPolicy().decide(category, n, 0) for n in range(3)] == [RetryAt(m * MINUTE) for m in minutes]


def test_D5_a_patient_connection_waits_hours() -> None:
    patient = RetryPolicy().patient()
    assert [patient.decide(Category.CONNECTION, n, 0) for n in range(4)] == [
        RetryAt(2 * HOUR),
        RetryAt(22 * HOUR),
        RetryAt(48 * HOUR),
        GiveUp(),
    ]


def test_D5_the_order_of_severity_is_kept() -> None:
    with pytest.raises(BadIntervals, match="Retry 2: Connection may not be tried sooner than System"):
        RetryPolicy({**STANDARD, Category.SYSTEM: (1 * MINUTE, 11 * MINUTE, 15 * MINUTE)})
    with pytest.raises(BadIntervals, match="longer than 0"):
        RetryPolicy({**STANDARD, Category.SYSTEM: (0, MINUTE, MINUTE)})
    with pytest.raises(BadIntervals, match="exactly these categories"):
        RetryPolicy({Category.SYSTEM: (MINUTE, MINUTE, MINUTE)})


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504, 520, 524])
def test_D4_connection_answers(status: int) -> None:
    assert category_of_status(status) is Category.CONNECTION


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 399, 401, 403, 404, 405, 410, 415])
def test_D4_config_answers(status: int) -> None:
    assert category_of_status(status) is Category.CONFIG


@pytest.mark.parametrize("status", [100, 101, 400, 402, 409, 413, 418, 422, 451, 499, 500, 501, 505, 519, 525, 599, 0, 999])
def test_D4_everything_else_is_general(status: int) -> None:
    assert category_of_status(status) is Category.GENERAL


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_D3_success(status: int) -> None:
    assert classify_status(status, now=NOW) == Delivered(status)


def test_D4_causes_without_an_answer() -> None:
    assert classify_transport_error(Cause.DNS, "x") == Refused(Category.CONNECTION, Cause.DNS, "x", left=False)
    assert classify_transport_error(Cause.TIMEOUT, "x").left
    assert not classify_transport_error(Cause.TIMEOUT, "x", left=False).left
    assert classify_transport_error(Cause.BLOCKED, "x").category is Category.CONFIG
    assert classify_transport_error(Cause.OAUTH, "x").category is Category.CONFIG
    assert classify_transport_error(Cause.EXCEPTION, "x").category is Category.SYSTEM


def test_D2_what_counts_as_begun() -> None:
    assert may_have_left(Delivered(200))
    assert may_have_left(Cut())
    assert not may_have_left(Cut(left=False))
    assert may_have_left(classify_status(500, now=NOW))
    assert not may_have_left(ValidationFailed(("empty",)))
    assert not may_have_left(CouldNotBegin(Cause.FLOW_INACTIVE, "x"))
    assert not may_have_left(classify_transport_error(Cause.REFUSED, "x"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("99999999999999999999999", 86_400),
        ("Tue, 14 Nov 2023 22:15:20 GMT", 120),
        ("Tue, 14 Nov 2023 22:15:20 -0000", 120),
        ("Tue, 14 Nov 2000 22:15:20 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_D5_retry_after_is_seconds_or_a_date(header: str | None, seconds: int) -> None:
    assert parse_retry_after(header, NOW) == seconds * SECOND


@given(st.text(max_size=60))
def test_D5_any_retry_after_is_read_without_an_error(header: str) -> None:
    assert 0 <= parse_retry_after(header, NOW) <= DAY


def test_C8_a_retry_after_holds_the_connection_and_410_pauses_it() -> None:
    assert effect_on_connection(classify_status(429, retry_after="60", now=NOW), NOW) == HoldConnection(NOW + MINUTE)
    assert effect_on_connection(classify_status(410, retry_after="60", now=NOW), NOW) == PauseConnection()
    assert effect_on_connection(classify_status(429, now=NOW), NOW) is None
    assert effect_on_connection(Delivered(200), NOW) is None


def test_D6_numbers_of_categories_in_tables() -> None:
    assert [c.code for c in Category] == [1, 2, 3, 4, 5, 6]
    assert [Category.of_code(c.code) for c in Category] == list(Category)
    assert Category.of_code(None) is Category.of_code(0) is None
