"""What all documents share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final

import msgspec
from django.db.models import Model
from msgspec import UNSET, UnsetType

from heliograph.api.api_problems import Problem
from heliograph.domain.ids import read_id
from heliograph.domain.registration.document_values import clean
from heliograph.insights.period import FIRST_YEAR, LAST_YEAR

type Id = Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="An opaque id.")]
_LONGEST_ID: Final = 40
"""Characters of an id that a problem quotes."""
type Instant = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with its offset; answers are in UTC.")]


def day_within(field: str, day: date | None) -> date | None:
    """A day of a filter. Days at the ends of the calendar have no moments in every time zone. Raises Problem (400), which names the field."""
    if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Problem.from_field(field, f"A day from {FIRST_YEAR} to {LAST_YEAR}.", name="request")
    return day


class Document(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A JSON object whose members are all known."""


class Confirmation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The parameter of a change that may be asked about first."""

    confirmed: Annotated[bool, msgspec.Meta(description="True: do what would be asked about first all the same.")] = False


class NameOfThing(Document):
    """Something with its name, also if it was deleted since."""

    id: Id
    name: str


def number_of(id: str) -> int:
    """The stored number of an id in an address. Raises Problem (404)."""
    number = read_id(id)
    if number is None:
        raise Problem("not-found")
    return number


def optional_number(field: str, id: str | None) -> int | None:
    """The stored number of an id in a query or a document; None if there is none. Raises Problem (400), which names the field."""
    return None if id is None else numbers_of(field, [id])[0]


def numbers_of(field: str, ids: list[str]) -> list[int]:
    """The stored numbers of ids in a document. Raises Problem (400), which names the field."""
    numbers = []
    for id in ids:
        number = read_id(id)
        if number is None:
            raise Problem.from_field(field, f"“{clean(id, _LONGEST_ID)}” is no id. Lists and answers contain the ids.")
        numbers.append(number)
    return numbers


def ids_of(rows: Iterable[Model]) -> list[str]:
    """The ids of rows, in the order of their numbers."""
    return [str(number) for number in sorted(row.pk for row in rows)]


def sent_or[Value](sent: Value | UnsetType, stored: Value) -> Value:
    """What was sent for a member; what is stored, if the member is absent."""
    return stored if sent is UNSET else sent
