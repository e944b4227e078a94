"""Which registrations an order of pretix holds (S4). Pure, and never raises: what an order lacks becomes a problem of its registration.

    place (position) of an admission product    one registration, with the code ORDER-NUMBER
    add-on of a place                           a session registration of it
    cancelled place or order                    the state "cancelled"; pretix keeps cancelled places
    entry at a check-in list                    the state "attended"

pretix has no document per person: names, answers and check-ins are the place's, state, test mode and the one who ordered are the order's. A
mapping alone cannot bring them together, because an add-on names its place only by number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from heliograph.domain.mapping.json_bodies import Body

MOST_ITEMS: Final = 500
MOST_QUESTIONS: Final = 250
MOST_LISTS: Final = 100
SHREDDED: Final = "_shredded"
"""The member that pretix leaves in place of a name that it has erased."""


class PretixState(StrEnum):
    """How a place in an order is: the order's state, unless the place has one of its own."""

    APPROVAL = "approval"
    """Somebody must approve the order."""
    PENDING = "pending"
    VALID = "valid"
    """Not paid, but valid all the same."""
    PAID = "paid"
    ATTENDED = "attended"
    """Checked in at an entry."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    """The order, or this place in it."""
    DENIED = "denied"


class SessionState(StrEnum):
    """How an add-on of a place is."""

    REGISTERED = "registered"
    ATTENDED = "attended"
    CANCELLED = "cancelled"


_ORDER_STATES: Final = {
    "n": PretixState.PENDING,
    "p": PretixState.PAID,
    "e": PretixState.EXPIRED,
    "c": PretixState.CANCELLED,
}
_VALID: Final = frozenset({PretixState.PAID, PretixState.VALID, PretixState.ATTENDED})


@dataclass(frozen=True, slots=True)
class PretixOrders:
    """What is read of orders. A mapping holds it, as the shape that an order gets before rows read it."""

    variations: tuple[str, ...] = ()
    """Products that are told apart by variation, as 12/5."""
    left_out: tuple[str, ...] = ()
    """Products that make no registration and no session."""
    questions: tuple[str, ...] = ()
    """Identifiers of the questions whose answers come along: one without an answer clears the field."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Questions whose answers go where those of another one go: the identifier of each, with that of the other."""
    choices: tuple[str, ...] = ()
    """Those of them of which the identifiers of the chosen options are taken, instead of the text."""
    dates: tuple[str, ...] = ()
    """Dates of event series that are events here, as slug/number."""
    partial_series: tuple[str, ...] = ()
    """Slugs of the series of which only those dates are read."""
    checkin_lists: tuple[int, ...] = ()
    orderer_stands_in: bool = True

    def registrations(self, value: object) -> list[dict[str, Any]]:
        """The registrations of an order, or of a list of orders. What is no order is a registration without anything."""
        orders = value if isinstance(value, list) else [value]
        return [registration for order in orders for registration in self._of_order(order)]

    def _of_order(self, order: object) -> list[dict[str, Any]]:
        if not isinstance(order, dict) or "code" not in order or not isinstance(order.get("positions"), list):
            return [{}]
        places = [place for place in order["positions"] if isinstance(place, dict)]
        addons: dict[object, list[Mapping[str, Any]]] = {}
        for place in places:
            if place.get("addon_to") is not None:
                addons.setdefault(_number(place["addon_to"]), []).append(place)
        own = [place for place in places if place.get("addon_to") is None and not self._is_left_out(place)]
        return [
            self._registration(order, place, addons.get(_number(place.get("id")), ()), is_only=len(own) == 1)
            for place in own
            if self._event(order, place) not in self.partial_series
        ]

    def _registration(
        self, order: Mapping[str, Any], place: Mapping[str, Any], addons: Sequence[Mapping[str, Any]], *, is_only: bool
    ) -> dict[str, Any]:
        state = self._state(order, place)
        registration = {
            "event": self._event(order, place),
            "code": f"{order['code']}-{place.get('positionid')}" if place.get("positionid") is not None else "",
            "order_code": order["code"],
            "state": state.value if state else f"status {order.get('status')}",
            "item": self._item(place),
            "sessions": self._sessions(order, addons),
            "test": order.get("testmode") is True,
            "complete": state in _VALID,
            "badge_printed": bool(place.get("print_logs")),
            "to_do": bool(order.get("checkin_attention") or order.get("custom_followup_at")),
            "orderer_email": order.get("email"),
        }
        if is_shredded(place):  # what was erased there is not cleared here: a person decides about it
            return registration | {"erased": True}
        return registration | self._person(order, place, is_only=is_only) | {"answers": self._answers(place)}

    def _event(self, order: Mapping[str, Any], place: Mapping[str, Any]) -> object:
        date = f"{order.get('event')}/{place.get('subevent')}"
        return date if date in self.dates else order.get("event")

    def _item(self, place: Mapping[str, Any]) -> str:
        item = _text(place.get("item"))
        variation = f"{item}/{_text(place.get('variation'))}"
        return variation if variation in self.variations else item

    def _is_left_out(self, place: Mapping[str, Any]) -> bool:
        return self._item(place) in self.left_out

    def _state(self, order: Mapping[str, Any], place: Mapping[str, Any]) -> PretixState | None:
        """None for a state that pretix did not have when this was written."""
        state = _ORDER_STATES.get(_text(order.get("status")))
        if state is PretixState.CANCELLED and order.get("require_approval") is True:
            return PretixState.DENIED
        if place.get("canceled") is True:
            return PretixState.CANCELLED
        if state is PretixState.PENDING and order.get("require_approval") is True:
            return PretixState.APPROVAL
        if state in (PretixState.PENDING, PretixState.PAID) and self._has_entered(place):
            return PretixState.ATTENDED
        if state is PretixState.PENDING and order.get("valid_if_pending") is True:
            return PretixState.VALID
        return state

    def _has_entered(self, place: Mapping[str, Any]) -> bool:
        return any(
            checkin.get("type", "entry") == "entry" and (not self.checkin_lists or checkin.get("list") in self.checkin_lists)
            for checkin in _objects(place.get("checkins"))
        )

    def _sessions(self, order: Mapping[str, Any], addons: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Of two add-ons of one session, the one that counts more comes last and wins."""
        states = {
            PretixState.ATTENDED: SessionState.ATTENDED,
            PretixState.CANCELLED: SessionState.CANCELLED,
            PretixState.DENIED: SessionState.CANCELLED,
            PretixState.EXPIRED: SessionState.CANCELLED,
        }
        rank = (SessionState.CANCELLED, SessionState.REGISTERED, SessionState.ATTENDED)
        sessions = []
        for addon in addons:
            if not self._is_left_out(addon):
                state = self._state(order, addon)
                sessions.append((self._item(addon), states.get(state, SessionState.REGISTERED) if state else SessionState.REGISTERED))
        return [{"item": item, "state": state.value} for item, state in sorted(sessions, key=lambda each: rank.index(each[1]))]

    def _person(self, order: Mapping[str, Any], place: Mapping[str, Any], *, is_only: bool) -> dict[str, Any]:
        stands_in = self.orderer_stands_in
        invoice = order.get("invoice_address")
        invoice = invoice if isinstance(invoice, dict) and stands_in else {}
        names = _names(place.get("attendee_name_parts"), place.get("attendee_name"))
        if not any(names.values()) and is_only and stands_in:
            names = _names(invoice.get("name_parts"), invoice.get("name"))
        return names | {
            "email": place.get("attendee_email") or (order.get("email") if is_only and stands_in else None),
            "phone": order.get("phone") if stands_in else None,
            "organization": place.get("company") or invoice.get("company"),
            "address_1": place.get("street"),
            "postal_code": place.get("zipcode"),
            "city": place.get("city"),
            "state_name": place.get("state"),
            "country": place.get("country"),
        }

    def _answers(self, place: Mapping[str, Any]) -> dict[str, object]:
        answers: dict[str, object] = dict.fromkeys(self.questions)
        aliases = dict(self.aliases)
        for answer in _objects(place.get("answers")):
            identifier = _text(answer.get("question_identifier"))
            identifier = aliases.get(identifier, identifier)
            if identifier in self.choices:
                answers[identifier] = answer.get("option_identifiers") or answer.get("answer")  # yes or no has no options
            elif identifier in answers:
                answers[identifier] = answer.get("answer")
        return answers

    def to_body(self) -> dict[str, Any]:
        """Its JSON; `from_body` reads it back. A member that came later is left out while it is empty: another mapping has everything read again."""
        body: dict[str, Any] = {"partial_series": list(self.partial_series)} if self.partial_series else {}
        return body | {
            "variations": list(self.variations),
            "left_out": list(self.left_out),
            "questions": list(self.questions),
            "aliases": [list(pair) for pair in self.aliases],
            "choices": list(self.choices),
            "dates": list(self.dates),
            "checkin_lists": list(self.checkin_lists),
            "orderer_stands_in": self.orderer_stands_in,
        }

    @classmethod
    def from_body(cls, value: object, where: str = "") -> PretixOrders:
        """Reads what a mapping holds. Raises BodyError."""
        body = Body(value, where)
        lists = (item for _, item in body.items("checkin_lists", most=MOST_LISTS))
        return cls(
            variations=body.texts("variations", most=MOST_ITEMS),
            left_out=body.texts("left_out", most=MOST_ITEMS),
            questions=body.texts("questions", most=MOST_QUESTIONS),
            aliases=body.pairs("aliases", most=MOST_QUESTIONS),
            choices=body.texts("choices", most=MOST_QUESTIONS),
            dates=body.texts("dates", most=MOST_ITEMS),
            partial_series=body.texts("partial_series", most=MOST_ITEMS),
            checkin_lists=tuple(item for item in lists if isinstance(item, int) and not isinstance(item, bool)),
            orderer_stands_in=body.flag("orderer_stands_in", default=True),
        )


def is_shredded(place: Mapping[str, Any]) -> bool:
    """Whether pretix has erased who this place belonged to."""
    parts = place.get("attendee_name_parts")
    return isinstance(parts, dict) and parts.get(SHREDDED) is True


def _names(parts: object, full: object) -> dict[str, Any]:
    """First and last name. Of a name in one piece the first word is the first name."""
    given = parts if isinstance(parts, dict) else {}
    first, last = given.get("given_name"), given.get("family_name")
    if not first and not last:
        words = _text(given.get("full_name") or full).split()
        first, last = " ".join(words[:1]) or None, " ".join(words[1:]) or None
    return {"first_name": first, "middle_name": given.get("middle_name"), "last_name": last, "prefix": given.get("title")}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _number(value: object) -> object:
    return value if isinstance(value, (int, str)) else None
