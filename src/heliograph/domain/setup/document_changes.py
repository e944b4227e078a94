"""What differs between two JSON documents of one thing of the set-up, member by member (B5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

IDENTITIES: Final = ("code", "name", "target", "field")
"""The members by which the entries of a list are told apart, if every entry has one and no two share it."""
ORDER: Final = "order"
"""The last part of the path of a change of nothing but the order of a list."""


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A member that differs."""

    path: tuple[str, ...]
    """The names of the members that lead to it; for an entry of a list its identity."""
    before: Any
    """JSON; None also if it was absent."""
    after: Any
    """JSON; None also if it is absent."""


def member_changes(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[MemberChange]:
    """The members that differ, in the order of the documents; an absent member is equal to one that is None."""
    changes: list[MemberChange] = []
    for name in dict.fromkeys((*before, *after)):
        changes += _changes((*path, name), before.get(name), after.get(name))
    return changes


def _changes(path: tuple[str, ...], before: Any, after: Any) -> list[MemberChange]:
    if type(before) is type(after) and before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return member_changes(before, after, path)
    if isinstance(before, list) and isinstance(after, list):
        keyed_before, keyed_after = _keyed(before), _keyed(after)
        if keyed_before is not None and keyed_after is not None:
            order_before = [key for key in keyed_before if key in keyed_after]
            order_after = [key for key in keyed_after if key in keyed_before]
            order = [] if order_before == order_after else [MemberChange((*path, ORDER), order_before, order_after)]
            return order + [
                change
                for key in dict.fromkeys((*keyed_before, *keyed_after))
                for change in _changes((*path, key), keyed_before.get(key), keyed_after.get(key))
            ]
    return [MemberChange(path, before, after)]


def _keyed(entries: Sequence[Any]) -> dict[str, Any] | None:
    """The entries by their identity; None if they have none."""
    if not all(isinstance(entry, Mapping) for entry in entries):
        return None
    for name in IDENTITIES:
        keys = [entry.get(name) for entry in entries]
        if all(isinstance(key, str) and key for key in keys) and len(set(keys)) == len(keys):
            return dict(zip(keys, entries, strict=True))
    return None
