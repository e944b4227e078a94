"""The twins of what was invented: registrations of other guests that go through the same story, each a minute before the one before.

Deciding and playing a story takes ten times as long as writing it. So a large history invents a part of its registrations, and writes each
several times: with ids, codes, guests and webhook-ids of their own, and with the twin's times in all rows and texts. Within the numbers drawn
at once, a twin's are those of the first plus a constant (`Numbers`), so that its rows refer to each other as those of the first do.
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
"""What the chance in a twin's webhook-ids is raised by: odd, so that all of them differ."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A twin. number: 0 for the first; ids: what its numbers are raised by; time: microseconds by which it is earlier."""

    number: int
    ids: int

    @property
    def time(self) -> int:
        return self.number * MINUTE

    def uid(self, created: int, chance: int) -> str:
        """A webhook-id. created: of the first."""
        return webhook_id(created - self.time, (chance + self.number * _APART) % (1 << CHANCE_BITS))

    def rows(self, table: str, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The twin's rows of a table, from those of the first."""
        return iter(_ROWS[table](self, rows))


@dataclass(frozen=True, slots=True)
class SeededRequest:
    """A request's text, before it is known whose. created, modified: microseconds; chance: of the webhook-id."""

    form: RequestForm
    registration: SeededRegistration
    chance: int
    created: int
    modified: int

    def text(self, twin: Twin) -> str:
        return self.form.filled(self.registration.people[twin.number], twin.uid(self.created, self.chance), self.modified - twin.time)


def _change(twin: Twin, rows: Rows) -> Rows:
    o, t = twin.ids, twin.time
    return [
        (id + o, account, kind, subject + o, registration + o, session, event, version, facets, mode, processed, quiet, at - t, by, of, of_event)
        for id, account, kind, subject, registration, session, event, version, facets, mode, processed, quiet, at, by, of, of_event in rows
    ]  # fmt: skip


def _change_content(twin: Twin, rows: Rows) -> Rows:
    o, t, n = twin.ids, twin.time, twin.number
    return [
        (id + o, account, at - t, f'{{"registration":{form.filled(registration.people[n], n)}{session}}}', before)
        for id, account, at, registration, form, session, before in rows
    ]


def _run(twin: Twin, rows: Rows) -> Rows:
    o, t = twin.ids, twin.time
    return [
        (id + o, account, change + o, flow, number, decision, reason, mode, at - t)
        for id, account, change, flow, number, decision, reason, mode, at in rows
    ]


def _stuck_run(twin: Twin, rows: Rows) -> Rows:
    o, t = twin.ids, twin.time
    return [
        (
            id + o,
            account,
            run + o,
            change + o,
            flow,
            registration + o,
            event,
            *facts,
            _less(due, t),
            cause,
            message,
            at - t,
            _less(ended, t),
        )
        for id, account, run, change, flow, registration, event, *facts, due, cause, message, at, ended in rows
    ]


def _lane(twin: Twin, rows: Rows) -> Rows:
    o, t = twin.ids, twin.time
    return [
        (id + o, destination, subject + o, account, connection, slot, state, rank, pos + o, _less(due, t), begun, marks)
        for id, destination, subject, account, connection, slot, state, rank, pos, due, begun, marks in rows
    ]


def _action(twin: Twin, rows: Rows) -> Rows:
    o, t, uid = twin.ids, twin.time, twin.uid
    return [
        (id + o, account, uid(created, chance), lane + o, _less(run, -o), change + o, registration + o, event, flow, destination, mode, version, rank, state,
         origin, queue, _less(due, t), tries, looks, sent, category, cause, message, lead, _less(repeated, -o), created - t, _less(ended, t))
        for id, account, chance, lane, run, change, registration, event, flow, destination, mode, version, rank, state, origin, queue, due, tries, looks,
        sent, category, cause, message, lead, repeated, created, ended in rows
    ]  # fmt: skip


def _attempt(twin: Twin, rows: Rows) -> Rows:
    o, t = twin.ids, twin.time
    return [
        (account, action + o, n, kind, at - t, took, state, category, status, message, flow, connection, versions)
        for account, action, n, kind, at, took, state, category, status, message, flow, connection, versions in rows
    ]


def _attempt_content(twin: Twin, rows: Rows) -> Rows:
    o, t = twin.ids, twin.time
    return [
        (action + o, n, account, at - t, request.text(twin) if request is not None else "", response)
        for action, n, account, at, request, response in rows
    ]


def _registration(twin: Twin, rows: Rows) -> Rows:
    o, t, n = twin.ids, twin.time, twin.number
    for registration, account, event, status, kind, active, is_test, created, modified in rows:
        first, last, mail, organization, _position, code = values = registration.people[n]
        parts = [code, first, last, mail, organization] if mail else [code, first, last, organization]
        yield (
            registration.id + o, account, event, code, registration.serial + o, registration.version, None, registration.form.filled(values, n), status,
            kind, active, is_test, f"{first} {last}", organization, "\n".join(map(_folded, parts)), created - t, modified - t,
        )  # fmt: skip


def _session_registration(twin: Twin, rows: Rows) -> Rows:
    o, t = twin.ids, twin.time
    return [
        (id + o, account, registration + o, session, status, version, created - t, modified - t)
        for id, account, registration, session, status, version, created, modified in rows
    ]


_ROWS: Final[dict[str, Callable[[Twin, Rows], Rows]]] = {
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
