"""Proposes source fields by the names of target fields: First Name for FirstName (guide: New Mapping).

Names are compared by letters and digits alone. A proposal changes nothing until a person accepts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from heliograph.domain.mapping.row import MappingRow, ValueType
from heliograph.domain.setup.fields import FieldGroup, Shape, SourceField

_ALSO: Final[Mapping[str, str]] = {
    "fname": "profile.first_name",
    "forename": "profile.first_name",
    "givenname": "profile.first_name",
    "lname": "profile.last_name",
    "surname": "profile.last_name",
    "familyname": "profile.last_name",
    "salutation": "profile.prefix",
    "emailaddress": "profile.email",
    "mail": "profile.email",
    "tel": "profile.phone",
    "telephone": "profile.phone",
    "phonenumber": "profile.phone",
    "mobilephone": "profile.mobile",
    "cell": "profile.mobile",
    "cellphone": "profile.mobile",
    "company": "profile.organization",
    "companyname": "profile.organization",
    "organisation": "profile.organization",
    "jobtitle": "profile.position",
    "street": "profile.address_1",
    "address": "profile.address_1",
    "address1": "profile.address_1",
    "address2": "profile.address_2",
    "zip": "profile.postal_code",
    "zipcode": "profile.postal_code",
    "postcode": "profile.postal_code",
    "region": "profile.state",
    "url": "profile.website",
    "homepage": "profile.website",
}
"""Names that other applications use for the fields of a profile."""
_FITTING: Final[Mapping[ValueType, frozenset[Shape]]] = {
    ValueType.BOOLEAN: frozenset({Shape.YES_NO}),
    ValueType.NUMBER: frozenset({Shape.NUMBER, Shape.TEXT}),
    ValueType.NUMBERS: frozenset({Shape.NUMBER, Shape.TEXT}),
}
"""The shapes of fields that can fill a target of this type. Types that are not listed take fields of any shape."""
_NEVER: Final = frozenset({FieldGroup.PREVIOUS, FieldGroup.MACROS, FieldGroup.STANDARD_PROPERTIES})


def letters_and_digits(name: str) -> str:
    """A name by its letters and digits: "First Name", first_name and FirstName are one."""
    return "".join(filter(str.isalnum, name)).casefold()


def proposals(rows: Iterable[MappingRow], fields: Iterable[SourceField]) -> dict[str, str]:
    """The proposed source key by target.

    fields: those that the mapping may use, the likeliest first
    """
    known: dict[str, SourceField] = {}
    by_key = {}
    for field in fields:
        if field.group not in _NEVER:
            by_key[field.key] = field
            known.setdefault(letters_and_digits(field.label), field)
    for name, key in _ALSO.items():
        if key in by_key:
            known.setdefault(name, by_key[key])
    proposed = {}
    for row in rows:
        name = next((step for step in reversed(row.path) if isinstance(step, str)), "")
        field_meant = known.get(letters_and_digits(name))
        fitting = _FITTING.get(row.type)
        if field_meant is not None and (fitting is None or field_meant.shape in fitting):
            proposed[row.target] = field_meant.key
    return proposed
