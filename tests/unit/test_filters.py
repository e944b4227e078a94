"""What filter rows compare: the event's own time, days, numbers, answers, sessions, the order code (F6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.filters import ChangeComparison, actual_values, matches
from heliograph.domain.flow.flow import FilterRow, Op
from heliograph.domain.registration.change import Change, Facet, RegistrationState, SessionState, SubjectKind
from heliograph.domain.setup.compiled_setup import EventConfig, EventState, Field, QuestionType, Session

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
NEW_YEAR = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
"""1 January, 00:30 in Berlin."""

ACCOUNT = AccountConfig(
    1,
    1,
    "ACME",
    "Acme",
    "Europe/Berlin",
    profile_fields={
        7: Field(7, "age", "Age", QuestionType.NUMBER),
        8: Field(8, "born", "Born", QuestionType.DATE),
        9: Field(9, "motto", "Motto", QuestionType.TEXT),
    },
)
EVENT = EventConfig(
    3,
    1,
    1,
    EventState("SUMMIT", "Summit", 1, start=NEW_YEAR, timezone="Europe/Berlin"),
    questions={
        11: Field(11, "q1", "Allergies", QuestionType.TEXT, tag=4),
        12: Field(12, "q2", "Diet", QuestionType.TEXT, tag=4),
        13: Field(13, "q3", "Guests", QuestionType.NUMBER, tag=5),
    },
    sessions={30: Session(30, "KEY", "Keynote", start=NEW_YEAR)},
)
STATE = RegistrationState(
    "R1",
    1,
    AT,
    AT,
    AT,
    order_code="O-77",
    custom={7: ("3.0",), 8: ("20270131",), 9: ("Semper fi",)},
    answers={12: ("Vegan",), 13: ("12",)},
)
CHANGE = Change(1, SubjectKind.REGISTRATION, 5, 1, Facet.UPDATED, AT, "test", registration=STATE)
IN_SESSION = replace(CHANGE, kind=SubjectKind.SESSION_REGISTRATION, session=SessionState(30, 1))


def passes(field: str, op: Op, *values: str, change: Change = CHANGE) -> bool:
    return ChangeComparison(change, ACCOUNT, EVENT).passes([FilterRow(field, op, values)])


@pytest.mark.parametrize(
    ("op", "values"),
    [
        (Op.STARTS_WITH, ("2027-01",)),
        (Op.STARTS_WITH, ("2027-01-01 00",)),
        (Op.IS_ANY_OF, ("2027-01-01",)),
        (Op.IS_ANY_OF, ("2027-01-01 00:30",)),
        (Op.IS_ANY_OF, ("2027-01-01T00:30:00+01:00",)),
        (Op.IS_NONE_OF, ("2026-12-31",)),
        (Op.IS_AFTER, ("2026-12-31",)),
        (Op.IS_BEFORE, ("2027-01-02",)),
        (Op.IS_BETWEEN, ("2027-01-01", "2027-01-01")),
        (Op.IS_BETWEEN, ("2027-02-01", "2026-12-01")),
    ],
)
@pytest.mark.parametrize("field", ["event.start", "session.start"])
def test_F6_an_instant_is_compared_by_the_events_own_clock(field: str, op: Op, values: tuple[str, ...]) -> None:
    assert passes(field, op, *values, change=IN_SESSION)
    assert actual_values(field, IN_SESSION, ACCOUNT, EVENT) == ("2027-01-01 00:30",)


@pytest.mark.parametrize(
    ("op", "values"),
    [
        (Op.STARTS_WITH, ("2026",)),
        (Op.IS_AFTER, ("2027-01-01",)),
        (Op.IS_BEFORE, ("2027-01-01",)),
        (Op.IS_BETWEEN, ("2027-01-02", "2027-01-31")),
        (Op.IS_BETWEEN, ("2027-01-01",)),
        (Op.IS_BETWEEN, ("2027-01-01", "12")),
        (Op.IS_BEFORE, ("soon",)),
        (Op.IS_BEFORE, ()),
        (Op.IS_LESS, ("5000",)),
    ],
)
def test_F6_what_an_instant_is_not(op: Op, values: tuple[str, ...]) -> None:
    assert not passes("event.start", op, *values)


@pytest.mark.parametrize(
    ("field", "op", "values", "expected"),
    [
        ("profile.custom.7", Op.IS_ANY_OF, ("3",), True),
        ("profile.custom.7", Op.IS_NONE_OF, ("3",), False),
        ("profile.custom.7", Op.IS_LESS, ("10",), True),
        ("profile.custom.7", Op.IS_LESS, ("3",), False),
        ("profile.custom.7", Op.IS_AT_MOST, ("3",), True),
        ("profile.custom.7", Op.IS_MORE, ("2.5",), True),
        ("profile.custom.7", Op.IS_AT_LEAST, ("3.01",), False),
        ("profile.custom.7", Op.IS_BETWEEN, ("20260101", "20270101"), False),
        ("profile.custom.8", Op.IS_ANY_OF, ("2027-01-31",), True),
        ("profile.custom.8", Op.IS_BEFORE, ("2027-02-01",), True),
        ("profile.custom.8", Op.IS_AFTER, ("2027-01-31",), False),
        ("profile.custom.9", Op.CONTAINS, ("semper",), True),
        ("profile.custom.9", Op.IS_LESS, ("3",), False),
        ("answer.4", Op.IS_ANY_OF, ("vegan",), True),
        ("answer.4", Op.IS_EMPTY, (), False),
        ("answer.5", Op.IS_MORE, ("9",), True),
        ("answer.6", Op.IS_EMPTY, (), True),
        ("registration.order_code", Op.STARTS_WITH, ("o-",), True),
        ("registration.code", Op.IS_ANY_OF, ("r1",), True),
        ("registration.created", Op.IS_BETWEEN, ("2026-11-26", "2026-11-26"), True),
        ("session.code", Op.IS_EMPTY, (), True),
    ],
)
def test_F6_numbers_days_answers_and_codes(field: str, op: Op, values: tuple[str, ...], expected: bool) -> None:
    assert passes(field, op, *values) is expected


def test_F6_a_session_is_filtered_by_where_the_change_has_one() -> None:
    assert passes("session.code", Op.IS_ANY_OF, "key", change=IN_SESSION)
    assert passes("session.name", Op.CONTAINS, "note", change=IN_SESSION)


@pytest.mark.parametrize("text", ["nan", "inf", "1e9999999", "٣", "1_0", "", " ", "-", "9" * 500, "2027-13-01", "0000-00-00"])
@pytest.mark.parametrize("op", [op for op in Op if op.bounds])
def test_F6_whatever_stands_in_a_text_is_compared_without_an_error(op: Op, text: str) -> None:
    assert matches(FilterRow("answer.4", op, (text,) * op.bounds), (text,)) in (True, False)
    assert not matches(FilterRow("answer.4", op, ("abc",) * op.bounds), (text,))
    assert matches(FilterRow("answer.4", op, ("5",) * op.bounds), (text,)) is (op in (Op.IS_MORE, Op.IS_AT_LEAST) and text == "1e9999999")
