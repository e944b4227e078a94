"""A row's problems in helpful words: the column by its name in the file, and what would be accepted, likeliest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.sentence_template import Sentence, gettext_noop, with_capital
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES
from heliograph.registrations.imports.import_errors import RowProblem
from heliograph.registrations.imports.rows import place

_UNKNOWN = {
    "status": gettext_noop("There is no status “%(value)s” in this event."),
    "attendee_type": gettext_noop("There is no attendee type “%(value)s” in this event."),
}
_LIMIT = re.compile(r"at most [\d,]+( characters)?")  # the limit in a reason
MOST = 50  # accepted values listed
ANY_CODE: Final = gettext_noop("any text that no other registration of the event has")
OTHER_CODE: Final = gettext_noop("a code that no other row of the file has")
ACCEPTED_WORDS: Final = frozenset({ANY_CODE, OTHER_CODE})
"""What is listed as accepted and is no value: pages translate it."""


def of_problem(problem: DocumentProblem, name: Callable[[str], str], account: AccountConfig, event: EventConfig | None) -> RowProblem:
    """A problem of the document as a problem of the row.

    name: the column for a path in the document
    """
    allowed = _names(problem.field, account, event) or problem.allowed
    reason = with_capital(problem.reason)
    if event is not None and problem.field in _UNKNOWN and problem.value:
        reason = Sentence(_UNKNOWN[problem.field], value=problem.value)
    if not allowed and problem.field == "code":
        allowed = (ANY_CODE,)
    if not allowed and (limit := _LIMIT.search(reason)):
        allowed = (limit[0],)
    return RowProblem(name(problem.field), problem.value, reason, likeliest_first(problem.value, allowed))


def no_event(column: str, known: Sequence[str]) -> RowProblem:
    """The row does not name an event."""
    return RowProblem(column, "", gettext_noop("Is missing: the row names no event."), tuple(known[:MOST]))


def unknown_event(column: str, code: str, known: Sequence[str]) -> RowProblem:
    """The row names an event that the account does not have."""
    return RowProblem(column, code, Sentence("There is no event “%(code)s”.", code=code), likeliest_first(code, known))


def used_before(column: str, code: object, line: int, row: int) -> RowProblem:
    """Another row of the file has this code. The second row is refused, because only a person knows which of the two is right."""
    return RowProblem(
        column,
        str(code),
        Sentence("Line %(line)s has this code already.", line=place(line, row)),
        (OTHER_CODE,),
    )


def no_email(column: str, value: str) -> RowProblem:
    """The e-mail is no address. Every target would refuse it, or mail nobody."""
    return RowProblem(column, value, gettext_noop("Is not an e-mail address."), ("name@example.org",))


def likeliest_first(value: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The accepted values, with the one that was most likely meant first."""
    folded = {text.casefold(): text for text in reversed(allowed)}
    close = get_close_matches(value.strip().casefold(), folded, 1, 0.6) if value else []
    first = [folded[c] for c in close]
    return tuple([*first, *(text for text in allowed if text not in first)][:MOST])


def _names(place: str, account: AccountConfig, event: EventConfig | None) -> list[str]:
    """The accepted names. A document may use codes as well, but they are not listed."""
    if event is None:
        return []
    if place == "status":
        return [s.name for s in (*account.statuses.values(), *event.statuses.values())]
    if place == "attendee_type":
        return [t.name for t in event.types.values()]
    if place.startswith("sessions[") and place.endswith("status"):
        return [s.name for s in account.session_statuses.values()]
    if place.startswith("properties.") and place.removeprefix("properties.") not in _every_property(event):
        return _every_property(event)
    return []


def _every_property(event: EventConfig) -> list[str]:
    return [*STANDARD_PROPERTY_NAMES.values(), *(p.name for p in event.properties.values())]
