"""Flow filters: rows that restrict which changes a flow accepts (guide: Flow Filters; F6).

Rows are ANDed, the values of a row ORed. Text is compared ignoring case and surrounding spaces; a multi-select matches if any of its values
does.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import assert_never

from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import FilterRow, Op
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig, Values
from heliograph.domain.setup.fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS
from heliograph.domain.setup.names import code_of


def plain(text: str) -> str:
    """Text in the form in which filters compare it: "é" equals "é", however it was typed."""
    return code_of(text).casefold()


def plain_values(actual: Iterable[str]) -> Values:
    """A record's values in the form in which filters compare them, without empty ones."""
    return tuple(v for v in map(plain, actual) if v)


def matches(row: FilterRow, actual: Values) -> bool:
    """True if a record's values satisfy the row. A row without values to compare with never matches: it is incomplete (F2)."""
    return matches_plain(row, plain_values(actual))


def matches_plain(row: FilterRow, values: Values) -> bool:
    """Like `matches`, for values that `plain_values` has prepared: many rows ask for the same field of a change."""
    wanted = _wanted(row.values)
    match row.op:
        case Op.IS_EMPTY:
            return not values
        case Op.IS_NOT_EMPTY:
            return bool(values)
        case Op.IS_ANY_OF:
            return any(v in wanted for v in values)
        case Op.IS_NONE_OF:
            return bool(wanted) and not any(v in wanted for v in values)
        case Op.CONTAINS:
            return any(w in v for w in wanted for v in values)
        case Op.STARTS_WITH:
            return any(v.startswith(w) for w in wanted for v in values)
    assert_never(row.op)


class ChangeComparison:
    """The values of one change for filters: each field is read and folded once, however many flows ask for it (I5)."""

    __slots__ = ("_account", "_change", "_event", "_values")

    def __init__(self, change: Change, account: AccountConfig, event: EventConfig) -> None:
        self._change, self._account, self._event = change, account, event
        self._values: dict[str, Values] = {}

    def passes(self, rows: Iterable[FilterRow]) -> bool:
        """True if all rows match."""
        return all(matches_plain(row, self._of(row.field)) for row in rows)

    def _of(self, field: str) -> Values:
        found = self._values.get(field)
        if found is None:
            found = self._values[field] = plain_values(actual_values(field, self._change, self._account, self._event))
        return found


@lru_cache(maxsize=8192)
def _wanted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in map(plain, values) if w)


def is_of_event(field: str) -> bool:
    """True if the field belongs to the event: then all changes of its registrations have the same value."""
    return field.startswith("event.")


def actual_values(field: str, change: Change, account: AccountConfig, event: EventConfig) -> tuple[str, ...]:
    """A record's values in a filter's field, as text; tags as their ids."""
    area, _, name = field.partition(".")
    state, of_event = change.registration, change.event_state or event.state
    if field == EVENT_TAGS:
        return tuple(str(t) for t in of_event.tags)
    if field == ATTENDEE_TYPE_TAGS:
        found = event.types.get(state.attendee_type) if state and state.attendee_type else None
        return tuple(str(t) for t in sorted(found.tags)) if found else ()
    custom = name.removeprefix("custom.") if name.startswith("custom.") else None
    if area == "profile":
        if state is None:
            return ()
        return state.custom.get(int(custom), ()) if custom else _one(state.profile.get(name))
    if custom:
        return of_event.custom.get(int(custom), ())
    if name == "status":
        status = account.event_statuses.get(of_event.status)
        return _one(status.name if status else None)
    value = getattr(of_event, name)
    return _one(value.isoformat() if hasattr(value, "isoformat") else value)


def _one(value: object) -> tuple[str, ...]:
    return (str(value),) if value else ()
