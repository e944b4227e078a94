"""The values that a member of a document takes, for the refusal of another one."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec.inspect

from heliograph.domain.sentence_template import Sentence

_WRONG_CHOICE: Final = "Invalid enum value "
"""The beginning of msgspec's reason for a value that is none of the member's choices."""


def with_choices(reason: str, type: Any, path: str) -> str:
    """A reason of msgspec, which names the choices if a wrong one was made.

    type: of the document
    path: of the member in the document, such as "filters[0].op"
    """
    if not reason.startswith(_WRONG_CHOICE):
        return reason
    choice, values = reason.removeprefix(_WRONG_CHOICE), possible_values(type, path)
    if not values:
        return Sentence("%(choice)s is not possible here", choice=choice)
    return Sentence("%(choice)s is not possible here. Possible are: %(values)s", choice=choice, values=", ".join(values))


def possible_values(type: Any, path: str) -> list[str]:
    """The values of the choice at a path; [] if it is no choice."""
    at = msgspec.inspect.type_info(type)
    for part in re.findall(r"[^.\[\]]+|\[", path):
        candidates = [_undescribed(each) for each in (at.types if isinstance(at, msgspec.inspect.UnionType) else (at,))]
        if part == "[":
            at = next((each.item_type for each in candidates if isinstance(each, _LISTS)), at)
        elif not part.isdigit() and part != "...":
            fields = [field for each in candidates if isinstance(each, msgspec.inspect.StructType) for field in each.fields]
            at = next((field.type for field in fields if field.encode_name == part), at)
        at = _undescribed(at)
    for each in at.types if isinstance(at, msgspec.inspect.UnionType) else (at,):
        inner = _undescribed(each)
        if isinstance(inner, msgspec.inspect.EnumType):
            return [str(value.value) for value in inner.cls]
        if isinstance(inner, msgspec.inspect.LiteralType):
            return [str(value) for value in inner.values]
    return []


_LISTS: Final = (
    msgspec.inspect.ListType,
    msgspec.inspect.VarTupleType,
    msgspec.inspect.SetType,
    msgspec.inspect.FrozenSetType,
    msgspec.inspect.CollectionType,
)


def _undescribed(type: Any) -> Any:
    """The type without its description."""
    return type.type if isinstance(type, msgspec.inspect.Metadata) else type
