"""A flow: what it watches, when it activates, what it filters, where it sends (guide: Setting Up Flows; F1-F8).

The body that `to_body` writes is a version of the flow (F10): it contains only ids, so that renaming a tag or connection does not affect
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from heliograph.domain.delivery.action import Does
from heliograph.domain.registration.change import Facet
from heliograph.domain.setup.fields import Shape


class Mode(StrEnum):
    """Live flows accept live registrations of live events, Test flows everything else (guide: Live or Test; F3)."""

    LIVE = "Live"
    TEST = "Test"

    @property
    def code(self) -> int:
        """Its number in tables."""
        return 1 if self is Mode.LIVE else 2

    @classmethod
    def of_code(cls, code: int) -> Mode:
        """The mode of a number from a table."""
        return cls.LIVE if code == 1 else cls.TEST


class Watch(StrEnum):
    """What a flow watches for, exactly one (guide: Available sources)."""

    REGISTRATION = "Registration Create Update"
    STATUS = "Registration Status Change"
    SESSION_STATUS = "Session Registration Status Change"
    EVENT = "Event Create Update"

    @property
    def facets(self) -> Facet:
        """The facets of a change that this watch reacts to."""
        return _FACETS[self]


_FACETS: dict[Watch, Facet] = {
    Watch.REGISTRATION: Facet.CREATED | Facet.UPDATED,
    Watch.STATUS: Facet.STATUS_CHANGED,
    Watch.SESSION_STATUS: Facet.SESSION_STATUS_CHANGED,
    Watch.EVENT: Facet.EVENT_CREATED | Facet.EVENT_UPDATED,
}

STATUSES, PROPERTIES, SESSION_STATUSES, EVENT_STATUSES = "statuses", "properties", "session_statuses", "event_statuses"
LISTS = (STATUSES, PROPERTIES, SESSION_STATUSES, EVENT_STATUSES)
# F4: the lists of each watch; the first of the required ones must be filled.
OFFERED: dict[Watch, tuple[str, ...]] = {
    Watch.REGISTRATION: (STATUSES, PROPERTIES),
    Watch.STATUS: (STATUSES, PROPERTIES),
    Watch.SESSION_STATUS: (SESSION_STATUSES, STATUSES, PROPERTIES),
    Watch.EVENT: (EVENT_STATUSES,),
}
REQUIRED: dict[Watch, tuple[str, ...]] = {
    Watch.REGISTRATION: (),
    Watch.STATUS: (STATUSES,),
    Watch.SESSION_STATUS: (SESSION_STATUSES,),
    Watch.EVENT: (EVENT_STATUSES,),
}


GONE = 0
"""Replaces the id of a deleted header mapping in a restored version, because without a header mapping the request would be a different one.
Ids begin at 1."""


class Op(StrEnum):
    """How a filter row compares (F6)."""

    IS_ANY_OF = "is any of"
    IS_NONE_OF = "is none of"
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    IS_BEFORE = "is before"
    IS_AFTER = "is after"
    IS_LESS = "is less than"
    IS_MORE = "is more than"
    IS_AT_MOST = "is at most"
    IS_AT_LEAST = "is at least"
    IS_BETWEEN = "is between"
    IS_EMPTY = "is empty"
    IS_NOT_EMPTY = "is not empty"

    @property
    def takes_values(self) -> bool:
        return self not in (Op.IS_EMPTY, Op.IS_NOT_EMPTY)

    @property
    def bounds(self) -> int:
        """The number of values that a comparison of days or numbers has: one, or two for "is between". 0 for comparisons with any number of
        texts."""
        return 2 if self is Op.IS_BETWEEN else 1 if self in _OF_DAYS or self in _OF_NUMBERS else 0

    def fits(self, shape: Shape | None) -> bool:
        """Whether fields of this shape can be compared so. None = a field whose values can have any shape."""
        if shape is None:
            return True
        days, numbers = shape in (Shape.DATE, Shape.INSTANT), shape is Shape.NUMBER
        if self is Op.IS_BETWEEN:
            return days or numbers
        if self in (Op.CONTAINS, Op.STARTS_WITH):
            return not numbers
        return days if self in _OF_DAYS else numbers if self in _OF_NUMBERS else True


_OF_DAYS = frozenset({Op.IS_BEFORE, Op.IS_AFTER})
_OF_NUMBERS = frozenset({Op.IS_LESS, Op.IS_MORE, Op.IS_AT_MOST, Op.IS_AT_LEAST})


@dataclass(frozen=True, slots=True)
class FilterRow:
    """One row of Flow Filters. field: `event.code`, `event.custom.7`, `event.tags`, `profile.position`, `profile.custom.9`, `answer.4`,
    `registration.order_code`, `attendee_type.tags`; tags are given by id. Bounds: days as 2027-01-31, numbers as 12.5."""

    field: str
    op: Op
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a triggered change is sent (guide: Flow Destination; F8). Unset parts are None: an incomplete flow can be saved."""

    id: int
    name: str = ""
    integration: str = "Webhooks"
    connection: int | None = None
    action: str = "Webhook"
    payload_mapping: int | None = None
    header_mapping: int | None = None  # GONE: the mapping was deleted, and someone must choose another one or none
    does: Does = Does.UPDATES


@dataclass(frozen=True, slots=True)
class Flow:
    """One version of a flow. `number` is the version's (F10), `lists` contains tag ids by list name (F5)."""

    id: int
    number: int = 0
    name: str = ""
    mode: Mode = Mode.TEST
    active: bool = True
    watch: Watch | None = None
    statuses: tuple[int, ...] = ()
    properties: tuple[int, ...] = ()
    session_statuses: tuple[int, ...] = ()
    event_statuses: tuple[int, ...] = ()
    filters: tuple[FilterRow, ...] = ()
    destinations: tuple[Destination, ...] = ()
    emptied: tuple[
        str, ...
    ] = ()  # P12: lists that lost their last tag to a deletion; the flow is incomplete until they are filled or deliberately left empty

    def tags_of(self, name: str) -> tuple[int, ...]:
        """The tag ids of a list; lists that the watch does not offer count as empty."""
        if self.watch is None or name not in OFFERED[self.watch]:
            return ()
        tags: tuple[int, ...] = getattr(self, name)
        return tags

    def to_body(self) -> dict[str, object]:
        """The version's body as JSON-ready data; `from_body` reads it back."""
        return {
            "name": self.name,
            "mode": self.mode.value,
            "active": self.active,
            "watch": self.watch.value if self.watch else None,
            **{name: list(getattr(self, name)) for name in LISTS},
            "emptied": list(self.emptied),
            "filters": [{"field": f.field, "op": f.op.value, "values": list(f.values)} for f in self.filters],
            "destinations": [
                {
                    "id": destination.id,
                    "name": destination.name,
                    "integration": destination.integration,
                    "connection": destination.connection,
                    "action": destination.action,
                    "payload_mapping": destination.payload_mapping,
                    "header_mapping": destination.header_mapping,
                    "does": destination.does.value,
                }
                for destination in self.destinations
            ],
        }

    @classmethod
    def from_body(cls, id: int, number: int, body: Mapping[str, object]) -> Flow:
        """Reads what `to_body` wrote."""
        watch = body.get("watch")
        return cls(
            id=id,
            number=number,
            name=str(body.get("name", "")),
            mode=Mode(str(body.get("mode", Mode.TEST))),
            active=bool(body.get("active", True)),
            watch=Watch(str(watch)) if watch else None,
            statuses=_ids(body.get(STATUSES)),
            properties=_ids(body.get(PROPERTIES)),
            session_statuses=_ids(body.get(SESSION_STATUSES)),
            event_statuses=_ids(body.get(EVENT_STATUSES)),
            filters=tuple(
                FilterRow(str(row["field"]), Op(str(row["op"])), tuple(str(v) for v in row.get("values", ())))
                for row in _rows(body.get("filters"))
            ),
            emptied=tuple(str(n) for n in _rows(body.get("emptied"))),
            destinations=tuple(_destination(d) for d in _rows(body.get("destinations"))),
        )


def _rows(value: object) -> Sequence[Mapping[str, Any]]:
    return value if isinstance(value, (list, tuple)) else ()


def _ids(value: object) -> tuple[int, ...]:
    return tuple(int(v) for v in value) if isinstance(value, (list, tuple)) else ()


def _optional_id(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _destination(body: Mapping[str, object]) -> Destination:
    return Destination(
        id=int(str(body["id"])),
        name=str(body.get("name", "")),
        integration=str(body.get("integration", "")),
        connection=_optional_id(body.get("connection")),
        action=str(body.get("action", "")),
        payload_mapping=_optional_id(body.get("payload_mapping")),
        header_mapping=_optional_id(body.get("header_mapping")),
        does=Does(str(body.get("does", Does.UPDATES))),
    )
