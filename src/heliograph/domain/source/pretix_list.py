"""What the settings of a pretix source become: the list that the polling core reads, and the mapping of its orders (S4).

Facts about pretix 2026.8: the list of an organizer has the orders of all events; `modified_since` includes its own instant; a page has at most 50
orders; cancelled places are left out unless asked for; the header X-Page-Generated is the server's time before it looked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from heliograph.domain.mapping.paths import format_path
from heliograph.domain.mapping.row import MappingRow, Otherwise, SourceValue, ValueMap
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_mapping import (
    CODE,
    CUSTOM,
    EVENT,
    PROFILE,
    PROPERTIES,
    SESSION_STATUS,
    SESSIONS,
    CallMapping,
    CallRow,
)
from heliograph.domain.source.pretix import SESSION_STATUSES, ItemUse, PretixQuestion, PretixSettings
from heliograph.domain.source.pretix_orders import PretixOrders
from heliograph.domain.source.rest_list import ClockPlace, Paging, RestList
from heliograph.domain.source.source_times import SinceFormat

PAGE_SIZE: Final = 50
_PARTS: Final = (
    ("include_canceled_positions", "true"),
    *(("exclude", name) for name in ("payments", "refunds", "fees", "downloads", "positions.downloads")),
)
"""What is asked for of an order. Cancelled places are part of it, or a cancellation would look like nothing. Tickets to print come and go with time,
so an order would seem to change by itself."""
_PERSON: Final = {
    **{name: name for name in ("prefix", "first_name", "middle_name", "last_name", "email", "phone", "organization")},
    **{name: name for name in ("address_1", "postal_code", "city", "country")},
    "state": "state_name",
}
"""The member of `PretixOrders` for each profile field."""
_FLAGS: Final = {"Test": "test", "Complete": "complete", "Badge Printed": "badge_printed", "On To Do List": "to_do"}
"""The member for each standard property (P4)."""


def list_of(settings: PretixSettings) -> RestList:
    """The orders of the organizer, as the polling core reads them. Orders of other events, and of the test mode, are not kept."""
    address = f"{settings.api}orders/"
    slugs = tuple(dict.fromkeys(event.slug for event in settings.events))
    only = (("event", slugs),) if slugs else ()
    test_mode: tuple[tuple[str, str], ...] = ()
    if not settings.include_test_mode:
        only, test_mode = (*only, ("testmode", ("false",))), (("testmode", "false"),)
    return RestList(
        address=address,
        connection=settings.connection,
        query=(("ordering", "last_modified"), *_PARTS, *test_mode),
        paging=Paging.LINK,
        next_path="next",
        size_parameter="page_size",
        size=PAGE_SIZE,
        since_parameter="modified_since",
        since_format=SinceFormat.ISO_MICROSECONDS,
        is_ordered=True,
        items_path="results",
        key_path="code",
        modified_path="last_modified",
        clock=ClockPlace.PAGE_GENERATED,
        item_address=f"{address}{{key}}/?{urlencode(_PARTS)}",
        only=only,
        every=settings.every,
        rate=settings.rate,
    )


def mapping_of(settings: PretixSettings) -> CallMapping:
    """The mapping of a page of orders.

    There is no row for `modified`: pretix dates a change before it can be seen, by the clock of whichever of its servers made it. A source is read by
    one process at a time, so the order of reading is the order of changes.
    """
    types = [(item.key, item.name) for item in settings.items if item.use is ItemUse.TYPE]
    sessions = [(item.key, item.name) for item in settings.items if item.use is ItemUse.SESSION]
    codes = tuple(settings.event_codes.items())
    rows = [
        _row(EVENT, "event", ValueMap(codes) if codes else None),
        _row(CODE, "code"),
        _row("order_code", "order_code"),
        _row("status", "state", _strict((state.value, status) for state, status in settings.statuses if status)),
        _row("attendee_type", "item", _strict(types)),
        _row(SESSIONS, "sessions.item", _strict(sessions)),
        _row(SESSION_STATUS, "sessions.state", _strict((state.value, status) for state, status in SESSION_STATUSES.items())),
        *(_row(f"{PROPERTIES}{name}", member) for name, member in _FLAGS.items()),
    ]
    taken = {question.target for question in settings.questions}
    rows += [_row(f"{PROFILE}{name}", member) for name, member in _PERSON.items() if f"{PROFILE}{name}" not in taken]
    if settings.orderer_email and f"{CUSTOM}{settings.orderer_email}" not in taken:
        rows.append(_row(f"{CUSTOM}{settings.orderer_email}", "orderer_email"))
    rows += [_answer_row(question) for question in _by_target(settings).values()]
    return CallMapping("[]", rows=tuple(rows), shape=_orders_of(settings))


def _by_target(settings: PretixSettings) -> dict[str, PretixQuestion]:
    """The first question of each field, with the choices of all."""
    questions: dict[str, PretixQuestion] = {}
    for each in settings.questions:
        first = questions.setdefault(each.target, each)
        questions[each.target] = replace(first, options=tuple(dict((*each.options, *first.options)).items()))
    return questions


def _orders_of(settings: PretixSettings) -> PretixOrders:
    questions = _by_target(settings)
    return PretixOrders(
        variations=tuple(item.key for item in settings.items if "/" in item.key),
        left_out=tuple(item.key for item in settings.items if item.use is ItemUse.LEFT_OUT),
        questions=tuple(first.identifier for first in questions.values()),
        aliases=tuple(
            (each.identifier, first) for each in settings.questions if (first := questions[each.target].identifier) != each.identifier
        ),
        choices=tuple(question.identifier for question in questions.values() if question.options),
        dates=tuple(event.key for event in settings.events if event.date is not None),
        partial_series=tuple(dict.fromkeys(event.slug for event in settings.events if event.slug not in settings.event_codes)),
        checkin_lists=settings.checkin_lists,
        orderer_stands_in=settings.orderer_stands_in,
    )


def _row(target: str, member: str, value_map: ValueMap | None = None) -> CallRow:
    case = Case.LOWER if target == f"{PROFILE}email" else None
    return CallRow(MappingRow(target, (SourceValue(member, value_map),), trim=target.startswith(PROFILE), case=case))


def _strict(entries: Iterable[tuple[str, str]]) -> ValueMap:
    """A value that is not among these makes the order wait, with the value in its reason."""
    return ValueMap(tuple(entries), Otherwise.ERROR)


def _answer_row(question: PretixQuestion) -> CallRow:
    value_map = _strict(question.options) if question.options else None
    return CallRow(MappingRow(question.target, (SourceValue(format_path(("answers", question.identifier)), value_map),), trim=True))
