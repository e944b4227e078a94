"""Flow filters against a naive oracle (F6)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.builders.strategies import accounts, changes, events, filter_rows

from heliograph.domain.flow.filters import actual_values, matches
from heliograph.domain.flow.flow import FilterRow, Op

texts = st.text(alphabet="aAbB éÉß", max_size=4)
values = st.lists(texts, max_size=3).map(tuple)


def same(text: str) -> str:
    return text.strip().casefold()


@given(st.sampled_from(Op), values, values)
def test_F6_operators(op, wanted, actual):
    given_values = {same(w) for w in wanted} - {""}
    have = {same(a) for a in actual} - {""}
    expected = {
        Op.IS_EMPTY: not have,
        Op.IS_NOT_EMPTY: bool(have),
        Op.IS_ANY_OF: bool(have & given_values),
        Op.IS_NONE_OF: bool(given_values) and not have & given_values,
        Op.CONTAINS: any(w in a for w in given_values for a in have),
        Op.STARTS_WITH: any(a.startswith(w) for w in given_values for a in have),
    }.get(op, False)  # no day and no number is among these
    assert matches(FilterRow("profile.position", op, wanted), actual) is expected


@given(st.sampled_from([op for op in Op if op.takes_values]), st.lists(st.sampled_from(("", " ", "  ")), max_size=2).map(tuple), values)
def test_F6_a_row_without_values_matches_nothing(op, blank, actual):
    """P12: a rule is never widened by what is missing."""
    assert not matches(FilterRow("profile.position", op, blank), actual)


@given(texts, texts)
def test_F6_case_and_outer_spaces_do_not_count(wanted, actual):
    row = FilterRow("profile.position", Op.IS_ANY_OF, (wanted,))
    assert matches(row, (actual,)) == matches(row, (f"  {actual.upper()} ",)) or "ß" in actual


def test_F6_a_letter_is_the_same_however_it_was_typed():
    assert matches(FilterRow("profile.city", Op.IS_ANY_OF, ("Z\u00fcrich",)), ("Zu\u0308rich",))
    assert matches(FilterRow("profile.city", Op.STARTS_WITH, ("Zu\u0308",)), ("Z\u00dcRICH",))


@given(filter_rows, changes(), accounts(count=1), events())
def test_F6_every_field_that_is_offered_has_values_of_text(row, change, account, event):
    actual = actual_values(row.field, change, account, event)
    assert isinstance(actual, tuple)
    assert all(isinstance(value, str) for value in actual)
    if row.field == "event.tags":
        assert actual == tuple(str(t) for t in (change.event_state or event.state).tags)
    if change.registration is None and not row.field.startswith("event."):
        assert actual == ()


@given(changes(), accounts(count=1), events())
def test_F6_a_multi_select_matches_if_any_of_its_values_does(change, account, event):
    actual = actual_values("profile.custom.1", change, account, event)
    for value in actual:
        assert matches(FilterRow("profile.custom.1", Op.IS_ANY_OF, (value,)), actual)
