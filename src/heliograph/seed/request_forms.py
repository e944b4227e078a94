"""The texts of requests, as the engine would have rendered and stored them.

Rendering each request would take longer than writing it. So each kind of request (by destination, event, status and answers) is rendered once, by
the engine's own functions, with marks in place of a guest's values. This form becomes a request's text when the values replace the marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

from heliograph.accounts.vault import vault
from heliograph.domain.connection.request import PreparedConnection, build_request, prepare
from heliograph.domain.delivery.outcomes import Delivered, ValidationFailed
from heliograph.domain.delivery.retry_policy import MINUTE, SECOND
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.mapping.mapping_renderer import InvalidValues
from heliograph.domain.registration.change import Change, RegistrationState
from heliograph.domain.registration.facts import ChangeFacts
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.engine.worker.attempt_record import exchange_of
from heliograph.engine.worker.config_view import used_of
from heliograph.engine.worker.request_builder import ReadyRequest
from heliograph.outbound.exchange import Route
from heliograph.outbound.masks import masks_of
from heliograph.store.database import Database
from heliograph.store.instants import from_micros, to_micros
from heliograph.store.secrets import load_secrets

MARKS: Final = {"first_name": "ⓐ", "last_name": "ⓑ", "email": "ⓒ", "organization": "ⓓ", "position": "ⓔ"}
"""Placeholders for the values of a profile. Circled letters have capitals, so a mapping that makes capitals changes the placeholders, too."""
CODE: Final = "ⓕ"
_UID: Final = "msg_00000000000000000000000000"
_THEN: Final = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
_ALL: Final = (*MARKS.values(), CODE)
_UID_PLACE: Final = len(_ALL)
_MOMENT: Final = _UID_PLACE + 1
_SPELLINGS: Final = (*(text for each in _ALL for mark in (each, each.upper()) for text in (mark, quote_plus(mark))), _UID)
"""The marks as they stand in JSON and in a form, each also in capitals."""


@dataclass(frozen=True, slots=True)
class RequestForm:
    """A rendered request with places for values."""

    text: str
    """With `%s` at each place."""
    order: tuple[tuple[int, Callable[[str], str] | None], ...]
    """For each place: the number of the value, and the function that converts it; None if it is written as it is."""
    clock: _LocalClock

    def filled(self, values: tuple[str, ...], uid: str, modified: int) -> str:
        """The text for a guest.

        values: the values of the marks, in their order
        modified: when the registration was modified (microseconds)
        """
        given = (*values, uid, self.clock.at(modified))
        return self.text % tuple([given[n] if change is None else change(given[n]) for n, change in self.order])


class _LocalClock(dict[int, tuple[str, str]]):
    """Minute since 1970 -> its text before and after the seconds, in ISO 8601 and in one time zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def __missing__(self, minute: int) -> tuple[str, str]:
        text = from_micros(minute * MINUTE).astimezone(self._zone).isoformat(timespec="seconds")
        halves = self[minute] = text[:17], text[19:]
        return halves

    def at(self, moment: int) -> str:
        minute, rest = divmod(moment, MINUTE)
        before, after = self[minute]
        return f"{before}{rest // SECOND:02}{after}"


class RequestForms:
    """The request forms of one account, each rendered once."""

    def __init__(self, db: Database, config: AccountConfig) -> None:
        self._config = config
        secrets = load_secrets(db, vault(), config.id, "connection", sorted(config.connections))
        self._prepared: dict[int, PreparedConnection] = {id: prepare(c, secrets.get(id, {})) for id, c in config.connections.items()}
        self._masks = {id: masks_of(secrets.get(id, {}).values(), credentials=self._prepared[id].credentials) for id in self._prepared}
        self._clocks: dict[str, _LocalClock] = {}
        self._known: dict[object, RequestForm | ValidationFailed] = {}

    def form(self, key: object, flow: Flow, destination: Destination, event: EventConfig, change: Change) -> RequestForm | ValidationFailed:
        """The form of a request, or what is wrong with its values.

        key: equal for requests with the same form
        """
        form = self._known.get(key)
        if form is None:
            form = self._known[key] = self._rendered(flow, destination, event, change)
        return form

    def _rendered(self, flow: Flow, destination: Destination, event: EventConfig, change: Change) -> RequestForm | ValidationFailed:
        assert change.registration is not None
        assert destination.connection is not None
        assert destination.payload_mapping is not None
        # Marks in place of the guest's values, and the instant _THEN in place of all instants.
        state = change.registration
        profile = {name: MARKS.get(name, text) for name, text in state.profile.items()}
        marked = replace(change, registration=replace(state, code=CODE, profile=profile, modified=_THEN))
        facts = ChangeFacts(marked, self._config, event, flow_name=flow.name, now=_THEN)
        zone = ZoneInfo(facts.timezone)
        payload = self._config.mappings[destination.payload_mapping]
        made = build_request(self._prepared[destination.connection], payload, None, facts, webhook_id=_UID, timezone=zone)
        if isinstance(made, InvalidValues):
            return ValidationFailed(tuple(f"{p.target} {p.reason}" for p in made.problems))
        used = used_of(self._config, flow, destination)
        ready = ReadyRequest(made, Route(self._config.id, destination.connection), used, self._masks[destination.connection])
        text = exchange_of(Delivered(200), ready, None, at=0, took=0, connection=destination.connection, versions=str(used)).request
        # The form's body has percent signs of its own, and marks that are written with percent signs.
        clock = self._clocks.setdefault(zone.key, _LocalClock(zone))
        moment = clock.at(to_micros(_THEN))
        places = re.compile("|".join((*_SPELLINGS, re.escape(moment))))
        order = tuple((_MOMENT, None) if mark == moment else _place(mark) for mark in places.findall(text))
        return RequestForm("%s".join(part.replace("%", "%%") for part in places.split(text)), order, clock)


def values_of(state: RegistrationState) -> tuple[str, ...]:
    """A registration's values for the marks."""
    return (*(state.profile.get(name, "") for name in MARKS), state.code)


def _place(spelling: str) -> tuple[int, Callable[[str], str] | None]:
    if spelling == _UID:
        return _UID_PLACE, None
    for place, mark in enumerate(_ALL):
        if spelling == mark:
            return place, None
        if spelling == mark.upper():
            return place, str.upper
        if spelling == quote_plus(mark):
            return place, quote_plus
        if spelling == quote_plus(mark.upper()):
            return place, _raised
    raise ValueError(spelling)


def _raised(text: str) -> str:
    return quote_plus(text.upper())
