"""Which source fields are meant by the names of target fields: FirstName is First Name (guide: New Mapping).

A name is compared by its letters and digits alone. What is proposed is only ever offered.
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
"""What other applications call the fields of a profile."""
_NEVER: Final = frozenset({FieldGroup.PREVIOUS, FieldGroup.MACROS, FieldGroup.STANDARD_PROPERTIES})


def letters_and_digits(name: str) -> str:
    """A name by its letters and digits: "First Name", first_name and FirstName are one."""
    return "".join(filter(str.isalnum, name)).casefold()


def proposals(rows: Iterable[MappingRow], fields: Iterable[SourceField]) -> dict[str, str]:
    """The source key that each target's name asks for. fields: those that the mapping may use, the likeliest first."""
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
        if field_meant is not None and _fits(field_meant.shape, row.type):
            proposed[row.target] = field_meant.key
    return proposed


def _fits(shape: Shape, type: ValueType) -> bool:
    """Whether a field can fill a target of this type at all."""
    if type is ValueType.BOOLEAN:
        return shape is Shape.YES_NO
    return type not in (ValueType.NUMBER, ValueType.NUMBERS) or shape in (Shape.NUMBER, Shape.TEXT)
