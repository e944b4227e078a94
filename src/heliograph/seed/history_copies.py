"""Copies of invented registrations: other guests go through the same story, each copy one minute earlier than the copy before it.

Deciding and playing a story takes ten times as long as writing its rows. So a large history invents only a part of its registrations and
writes each of them several times. Each copy has ids, codes, guests and webhook-ids of its own, and its own times in all rows and texts.
The ids of a copy are the original's ids plus a constant (`Numbers`), so that its rows refer to each other as the original's rows do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.delivery.webhook_id import CHANCE_BITS, webhook_id
from heliograph.seed.registration_history import SeededRegistration
from heliograph.seed.request_forms import RequestForm
from heliograph.store.registrations import folded

type Rows = Iterable[tuple[Any, ...]]
_APART: Final = 0x5DEECE66D1B57
"""Added to the random part of a webhook-id, once per copy. It is odd, so that the ids of all copies differ."""


@dataclass(frozen=True, slots=True)
class HistoryCopy:
    """One copy of the invented registrations; the first, number 0, is the invention itself."""

    number: int
    id_offset: int
    """Added to each id of the first copy."""

    @property
    def time(self) -> int:
        """By how many microseconds the copy is earlier than the first."""
        return self.number * MINUTE

    def uid(self, created: int, chance: int) -> str:
        """A webhook-id.

        created: when the first copy's action was made, in microseconds
        """
        return webhook_id(created - self.time, (chance + self.number * _APART) % (1 << CHANCE_BITS))

    def rows(self, table: str, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The copy's rows of a table, made from the original's rows."""
        return iter(_ROWS[table](self, rows))


@dataclass(frozen=True, slots=True)
class SeededRequest:
    """A request's text, before it is written for each copy."""

    form: RequestForm
    registration: SeededRegistration
    chance: int
    """The random part of the webhook-id."""
    created: int
    """When the action was made, in microseconds."""
    modified: int
    """When the registration was modified, in microseconds."""

    def text(self, copy: HistoryCopy) -> str:
        return self.form.filled(self.registration.people[copy.number], copy.uid(self.created, self.chance), self.modified - copy.time)


def _change(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time = copy.id_offset, copy.time
    return [
        (id + offset, account, kind, subject + offset, registration + offset, session, event, version, facets, mode, processed, quiet, at - time, by, account_version, event_version)
        for id, account, kind, subject, registration, session, event, version, facets, mode, processed, quiet, at, by, account_version, event_version in rows
    ]  # fmt: skip


def _change_content(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time, number = copy.id_offset, copy.time, copy.number
    return [
        (id + offset, account, at - time, f'{{"registration":{form.filled(registration.people[number], number)}{session}}}', before)
        for id, account, at, registration, form, session, before in rows
    ]


def _run(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time = copy.id_offset, copy.time
    return [
        (id + offset, account, change + offset, flow, number, decision, reason, mode, at - time)
        for id, account, change, flow, number, decision, reason, mode, at in rows
    ]


def _stuck_run(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time = copy.id_offset, copy.time
    return [
        (
            id + offset,
            account,
            run + offset,
            change + offset,
            flow,
            registration + offset,
            event,
            *facts,
            _less(due, time),
            cause,
            message,
            at - time,
            _less(ended, time),
        )
        for id, account, run, change, flow, registration, event, *facts, due, cause, message, at, ended in rows
    ]


def _lane(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time = copy.id_offset, copy.time
    return [
        (id + offset, destination, subject + offset, account, connection, slot, state, rank, pos + offset, _less(due, time), begun, marks)
        for id, destination, subject, account, connection, slot, state, rank, pos, due, begun, marks in rows
    ]


def _action(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time, uid = copy.id_offset, copy.time, copy.uid
    return [
        (id + offset, version, rank, state, origin, _less(due, time), tries, looks, sent, queue, category, cause, account, uid(created, chance), lane + offset,
         _less(run, -offset), change + offset, registration + offset, event, flow, destination, mode, message, _less(repeated, -offset), as_of, created - time,
         _less(ended, time), connection, lead)
        for id, version, rank, state, origin, due, tries, looks, sent, queue, category, cause, account, chance, lane, run, change, registration, event, flow,
        destination, mode, message, repeated, as_of, created, ended, connection, lead in rows
    ]  # fmt: skip


def _attempt(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time = copy.id_offset, copy.time
    return [
        (
            account,
            action + offset,
            attempt_number,
            kind,
            at - time,
            took,
            state,
            category,
            status,
            message,
            flow,
            connection,
            versions,
            cause,
        )
        for account, action, attempt_number, kind, at, took, state, category, status, message, flow, connection, versions, cause in rows
    ]


def _attempt_content(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time = copy.id_offset, copy.time
    return [
        (action + offset, attempt_number, account, at - time, request.text(copy) if request is not None else "", response)
        for action, attempt_number, account, at, request, response in rows
    ]


def _registration(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time, number = copy.id_offset, copy.time, copy.number
    for registration, account, event, status, kind, active, is_test, created, modified in rows:
        first, last, mail, organization, _position, code = values = registration.people[number]
        parts = [code, first, last, mail, organization] if mail else [code, first, last, organization]
        yield (
            registration.id + offset, account, event, code, registration.serial + offset, registration.version, None, registration.form.filled(values, number), status,
            kind, active, is_test, f"{first} {last}", organization, "\n".join(map(_folded, parts)), created - time, modified - time,
        )  # fmt: skip


def _session_registration(copy: HistoryCopy, rows: Rows) -> Rows:
    offset, time = copy.id_offset, copy.time
    return [
        (id + offset, account, registration + offset, session, status, version, created - time, modified - time)
        for id, account, registration, session, status, version, created, modified in rows
    ]


_ROWS: Final[dict[str, Callable[[HistoryCopy, Rows], Rows]]] = {
    "change": _change,
    "change_content": _change_content,
    "run": _run,
    "stuck_run": _stuck_run,
    "lane": _lane,
    "action": _action,
    "attempt": _attempt,
    "attempt_content": _attempt_content,
    "registration": _registration,
    "session_registration": _session_registration,
}
_folded = functools.lru_cache(maxsize=4096)(folded)


def _less(number: int | None, by: int) -> int | None:
    return None if number is None else number - by
