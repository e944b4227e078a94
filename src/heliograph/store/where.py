"""Conditions of a statement as values: SQL is put together from whole conditions, and never edited as text.

    where = Where("r.account_id = :account", "r.version > 0", account=5)
    if event is not None:
        where &= Where("r.event_id = :event", event=event)
    db.all(f"SELECT r.id FROM registration r WHERE {where.sql}", where.params)

A function that makes a condition for tables of several aliases takes the alias as a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, init=False)
class Where:
    """Conditions that must all hold."""

    parts: tuple[str, ...]
    """The conditions. One with OR has its own parentheses."""
    params: Mapping[str, object]
    """The parameters, by name. A condition need not use all of them."""

    def __init__(self, /, *parts: str, **params: object) -> None:
        """Empty parts are left out."""
        object.__setattr__(self, "parts", tuple(part for part in parts if part))
        object.__setattr__(self, "params", params)

    def __and__(self, other: Where) -> Where:
        """The conditions of both, in this order, each once. Raises ValueError if a parameter has two values."""
        for name in self.params.keys() & other.params.keys():
            if self.params[name] != other.params[name]:
                raise ValueError(f":{name} is {self.params[name]!r} and {other.params[name]!r}")
        return Where(*dict.fromkeys(self.parts + other.parts), **dict(self.params, **other.params))

    @property
    def sql(self) -> str:
        """The text for a WHERE clause, or for an AND of one."""
        return " AND ".join(self.parts)
