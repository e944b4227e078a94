"""The rows that a source's mapping starts with: the document's usual fields, and proposals by the names of a call's fields (S2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from heliograph.domain.mapping.row import MappingRow, SourceValue
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_mapping import CallMapping, CallRow, target_problem
from heliograph.domain.source.json_fields import ROOT_LIST, LineKind, lines_of, list_paths
from heliograph.registrations.imports.columns import Known, guess_unchecked

USUAL: Final = (
    *("event", "code", "modified", "status", "attendee_type", "properties.Test"),
    *("profile.first_name", "profile.last_name", "profile.email", "profile.organization"),
)
"""The fields that a new mapping has rows for."""
_CASES: Final = {"profile.first_name": Case.PROPER, "profile.last_name": Case.PROPER, "profile.email": Case.LOWER}
_INSTANTS: Final = ("updated_at", "updated", "modified_at", "last_modified", "changed_at")


def new_row(target: str, parts: tuple[SourceValue, ...] = ()) -> CallRow:
    """An empty row, or one with source fields. Names and e-mail addresses are tidied."""
    return CallRow(MappingRow(target, parts, trim=target in _CASES, case=_CASES.get(target)))


def started(mapping: CallMapping) -> CallMapping:
    """The mapping with empty rows for the usual fields that it has no row for."""
    there = {row.target for row in mapping.rows}
    missing = tuple(new_row(target) for target in USUAL if target not in there)
    rows = sorted((*mapping.rows, *missing), key=lambda row: _place(row.target))
    return CallMapping(mapping.each, mapping.only_field, mapping.only_values, tuple(rows))


def finished(mapping: CallMapping) -> CallMapping:
    """The mapping without rows that nothing fills."""
    return CallMapping(mapping.each, mapping.only_field, mapping.only_values, tuple(row for row in mapping.rows if row.row.parts))


def _place(target: str) -> tuple[int, int, str]:
    """Where a row stands among the others: the document's own fields, then by group."""
    if target in USUAL:
        place = USUAL.index(target)
        return (place > USUAL.index("properties.Test"), place, "")
    if target.startswith("profile."):
        return (1, len(USUAL), "")
    group = next((number for number, prefix in enumerate(("answers.", "sessions", "session_")) if target.startswith(prefix)), None)
    return (0, len(USUAL), "") if group is None else (2 + group, 0, "")


def proposed(value: object, known: Known) -> CallMapping:
    """A first mapping by the names of the call's fields. A call that is a list is one of registrations, and so is its only list of objects.

    value: the call as decoded JSON
    """
    lists = list(list_paths(value))
    each = ROOT_LIST if ROOT_LIST in lists else lists[0] if len(lists) == 1 else ""
    keys: dict[str, str] = {}
    paths = [line.path for line in lines_of(value) if line.path and line.kind in (LineKind.TEXT, LineKind.LITERAL)]
    for target, path in _guessed(paths, known):
        keys.setdefault(target, path)
    rows = tuple(new_row(target, (SourceValue(path),)) for target, path in keys.items())
    return started(CallMapping(each, rows=rows))


def _guessed(paths: Iterable[str], known: Known) -> Iterable[tuple[str, str]]:
    """Targets by the names of fields, as an import guesses them by the names of columns."""
    for path in paths:
        name = path.rpartition(".")[2]
        if name in _INSTANTS:
            yield "modified", path
            continue
        (column,) = guess_unchecked([name], [], known)
        if column.target and column.why == "name" and not target_problem(column.target):
            yield column.target, path
