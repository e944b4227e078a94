"""What a pretix holds, as far as the set-up of a source needs it: organizers, events, products and questions (S4).

The answers of its REST API are read here, and bounded: whatever a server answers becomes a catalogue or a `NotPretix`. Products and questions stay
objects in pretix's own words, which `pretix_proposals` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError

MOST_ORGANIZERS: Final = 20
MOST_EVENTS: Final = 500
MOST_STORED: Final = 2 * MOST_EVENTS
"""Events, series and dates of series of one catalogue."""
MOST_PRODUCTS: Final = 200
"""Of an event; the same for its questions, and for the choices of one question."""
LONGEST_TEXT: Final = 300
LONGEST_SLUG: Final = 100

type Objects = tuple[dict[str, Any], ...]


class NotPretix(HeliographError):
    """This is not an answer of pretix’s REST API. Is the address that of your pretix?"""


@dataclass(frozen=True, slots=True)
class CatalogueEvent:
    """An event of a pretix, a series of events, or one date of a series."""

    slug: str
    name: str
    starts: str = ""
    """ISO 8601, as is `ends`; "" for none."""
    ends: str = ""
    zone: str = "UTC"
    is_test: bool = False
    is_series: bool = False
    orders: int | None = None
    """None until its products and questions were read."""
    items: Objects = ()
    categories: Objects = ()
    questions: Objects = ()
    date: int | None = None
    """The number of a date in its series, whose slug it has; None for an event or a series."""
    moment: str = ""
    """What tells a date from the others of its series, such as 2027-05-03."""

    @property
    def key(self) -> str:
        """As `PretixEvent.key`: tour for an event or a series, tour/12 for a date."""
        return self.slug if self.date is None else f"{self.slug}/{self.date}"

    @property
    def was_read(self) -> bool:
        """Whether its products and questions were read."""
        return self.orders is not None

    def with_parts_of(self, other: CatalogueEvent) -> CatalogueEvent:
        """This event with the products and questions of another one, or of itself as it was read before."""
        return replace(self, orders=other.orders, items=other.items, categories=other.categories, questions=other.questions)


@dataclass(frozen=True, slots=True)
class PretixCatalogue:
    """What was there when it was read last. The events are those of one organizer."""

    organizers: tuple[tuple[str, str], ...] = ()
    """Slug and name of each that the token may see."""
    organizer: str = ""
    """The slug of the one whose events these are."""
    events: tuple[CatalogueEvent, ...] = ()
    """With the dates of series, whose products and questions stand in the series only: `event` brings them together."""

    def event(self, key: str) -> CatalogueEvent | None:
        """The event, series or date with this key. A date has the products and questions of its series."""
        event = next((each for each in self.events if each.key == key), None)
        series = self.event(event.slug) if event is not None and event.date is not None else None
        return event if event is None or series is None else event.with_parts_of(series)

    def series_of(self, keys: Iterable[str]) -> list[CatalogueEvent]:
        """The events with these keys, and in place of dates their series: what has products and questions of its own, each once."""
        slugs = dict.fromkeys(event.slug for event in self.events if event.key in set(keys))
        return [event for event in self.events if event.date is None and event.slug in slugs]

    def to_body(self) -> dict[str, Any]:
        """The catalogue as JSON; `from_body` reads it back."""
        return {
            "organizers": [list(pair) for pair in self.organizers],
            "organizer": self.organizer,
            "events": [
                {
                    "slug": event.slug,
                    "name": event.name,
                    "date_from": event.starts,
                    "date_to": event.ends,
                    "timezone": event.zone,
                    "testmode": event.is_test,
                    "has_subevents": event.is_series,
                    "orders": event.orders,
                    "items": list(event.items),
                    "categories": list(event.categories),
                    "questions": list(event.questions),
                    "date": event.date,
                    "moment": event.moment,
                }
                for event in self.events
            ],
        }

    @classmethod
    def from_body(cls, value: object) -> PretixCatalogue:
        """Reads a stored catalogue. Raises BodyError."""
        body = Body(value)
        organizers = body.pairs("organizers", most=MOST_ORGANIZERS)
        try:
            stored = _objects((item for _, item in body.items("events", most=MOST_STORED)), MOST_STORED)
            events = tuple(_stored_event(entry) for entry in stored)
        except NotPretix as error:
            raise BodyError("events", str(error)) from None
        return cls(organizers, body.text("organizer", longest=LONGEST_SLUG), events)


def _stored_event(entry: Mapping[str, Any]) -> CatalogueEvent:
    return _event(
        entry,
        Body(entry).number("orders", least=0, most=2**53),
        read_items(entry.get("items", ())),
        read_categories(entry.get("categories", ())),
        read_questions(entry.get("questions", ())),
        Body(entry).number("date", least=0, most=2**63 - 1),
        _text(entry.get("moment")),
    )


# --- answers


def read_organizers(entries: Iterable[object]) -> tuple[tuple[str, str], ...]:
    """Reads slug and name of the organizers. Raises NotPretix."""
    return tuple((_slug(entry), _text(entry.get("name")) or _slug(entry)) for entry in _objects(entries, MOST_ORGANIZERS))


def read_events(entries: Iterable[object]) -> tuple[CatalogueEvent, ...]:
    """Reads events, those that begin last first. Raises NotPretix."""
    return tuple(sorted((_event(entry) for entry in _objects(entries, MOST_EVENTS)), key=lambda event: event.starts, reverse=True))


def read_listed_dates(entries: Iterable[object], most: int) -> tuple[CatalogueEvent, ...]:
    """Reads dates of event series, as /subevents/ lists them: with slug and number, without a zone and maybe without a name. Raises NotPretix."""
    return tuple(
        CatalogueEvent(
            _slug(entry, "event"),
            _text(entry.get("name")),
            _text(entry.get("date_from")),
            _text(entry.get("date_to")),
            date=_number(entry, "id"),
        )
        for entry in _objects(entries, most)
    )


def _event(entry: Mapping[str, Any], *more: Any) -> CatalogueEvent:
    return CatalogueEvent(
        _slug(entry),
        _text(entry.get("name")) or _slug(entry),
        _text(entry.get("date_from")),
        _text(entry.get("date_to")),
        _text(entry.get("timezone")) or "UTC",
        entry.get("testmode") is True,
        entry.get("has_subevents") is True,
        *more,
    )


def read_items(entries: Iterable[object]) -> Objects:
    """Reads the products of an event: what `pretix_proposals` needs of each. Raises NotPretix."""
    return _each(
        entries,
        lambda entry: {
            "id": _number(entry, "id"),
            "name": _text(entry.get("name")) or str(entry["id"]),
            "admission": entry.get("admission") is True,
            "category": _number(entry, "category") if entry.get("category") is not None else None,
            "variations": list(
                _each(entry.get("variations") or (), lambda each: {"id": _number(each, "id"), "value": _text(each.get("value"))})
            ),
        },
    )


def read_categories(entries: Iterable[object]) -> Objects:
    """Reads the categories of an event's products. Raises NotPretix."""
    return _each(entries, lambda entry: {"id": _number(entry, "id"), "is_addon": entry.get("is_addon") is True})


def read_questions(entries: Iterable[object]) -> Objects:
    """Reads the questions of an event. Raises NotPretix."""
    return _each(
        entries,
        lambda entry: {
            "identifier": _slug(entry, "identifier"),
            "question": _text(entry.get("question")) or _slug(entry, "identifier"),
            "type": _text(entry.get("type")),
            "options": list(
                _each(
                    entry.get("options") or (), lambda each: {"identifier": _slug(each, "identifier"), "answer": _text(each.get("answer"))}
                )
            ),
        },
    )


def _each(entries: object, read: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Objects:
    return tuple(read(entry) for entry in _objects(entries, MOST_PRODUCTS))


def _objects(entries: object, most: int = MOST_EVENTS) -> list[Mapping[str, Any]]:
    """At most so many objects. Raises NotPretix for anything else."""
    if not isinstance(entries, Iterable) or isinstance(entries, (str, Mapping)):
        raise NotPretix
    objects = [entry for _, entry in zip(range(most), entries, strict=False)]
    if not all(isinstance(entry, Mapping) for entry in objects):
        raise NotPretix
    return objects


def _slug(entry: Mapping[str, Any], name: str = "slug") -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST_SLUG or not value.isprintable():
        raise NotPretix
    return value


def _number(entry: Mapping[str, Any], name: str) -> int:
    value = entry.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise NotPretix
    return value


def _text(value: object) -> str:
    """A text on one line. pretix writes names by language: English is taken, else the first one that is not empty."""
    if isinstance(value, Mapping):
        texts = (text for text in (value.get("en"), *value.values()) if isinstance(text, str))
        return next((line for text in texts if (line := _text(text))), "")
    if not isinstance(value, str):
        return ""
    printable = "".join(each if each.isprintable() else " " for each in value[: LONGEST_TEXT * 4])
    return " ".join(printable.split())[:LONGEST_TEXT].rstrip()
