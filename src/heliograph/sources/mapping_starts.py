"""The rows that a source's mapping starts with: the document's usual fields, and proposals by the names of a call's fields (S2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from heliograph.domain.mapping.paths import EntryWith, format_path
from heliograph.domain.mapping.row import MappingRow, SourceValue
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_documents import MOST_LOOKED_AT
from heliograph.domain.source.call_mapping import MAX_ROWS, CallMapping, CallRow, target_problem
from heliograph.domain.source.certain_registrations import ANSWERS, PROFILE_ANSWERS, PROPERTIES, CertainItems, question_names
from heliograph.domain.source.json_fields import ROOT_LIST, LineKind, lines_of, list_paths, parse_field
from heliograph.registrations.imports.columns import Known, guess_unchecked

USUAL: Final = (
    *("event", "code", "modified", "status", "attendee_type", "properties.Test"),
    *("profile.first_name", "profile.last_name", "profile.email", "profile.organization"),
)
"""The fields that a new mapping has rows for."""
_CASES: Final = {"profile.first_name": Case.PROPER, "profile.last_name": Case.PROPER, "profile.email": Case.LOWER}
_IDENTIFIERS: Final = ("_id", "id", "uuid", "guid")
"""Members that are a registration's code where nothing else is."""
_INSTANTS: Final = ("updated_at", "updated", "modified_at", "last_modified", "changed_at")


def new_row(target: str, parts: tuple[SourceValue, ...] = ()) -> CallRow:
    """An empty row, or one with source fields. Names and e-mail addresses are tidied."""
    return CallRow(MappingRow(target, parts, trim=target in _CASES, case=_CASES.get(target)))


def started(mapping: CallMapping) -> CallMapping:
    """The mapping with empty rows for the usual fields that it has no row for."""
    there = {row.target for row in mapping.rows}
    missing = tuple(new_row(target) for target in USUAL if target not in there)
    rows = sorted((*mapping.rows, *missing), key=lambda row: _place(row.target))
    return replace(mapping, rows=tuple(rows))


def finished(mapping: CallMapping) -> CallMapping:
    """The mapping without rows that nothing fills."""
    return replace(mapping, rows=tuple(row for row in mapping.rows if row.row.parts))


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
    lists = list(list_paths(value, answers=False))
    each = ROOT_LIST if ROOT_LIST in lists else lists[0] if len(lists) == 1 else ""
    keys: dict[str, str] = {}
    paths = [line.path for line in lines_of(value, each=each) if line.path and line.kind in (LineKind.TEXT, LineKind.LITERAL)]
    for target, path in _guessed(paths, known):
        keys.setdefault(target, path)
    inside = {_inside(path, each): path for path in paths}
    if "code" not in keys and (name := next((name for name in _IDENTIFIERS if name in inside), "")):
        keys["code"] = inside[name]
    rows = tuple(new_row(target, (SourceValue(path),)) for target, path in keys.items())
    return started(CallMapping(each, rows=rows))


def _inside(path: str, each: str) -> str:
    """The path of a field within the entry that is a registration; "" for a field outside of it."""
    return path if each in ("", ROOT_LIST) else path.removeprefix(f"{each}.") if path.startswith(f"{each}.") else ""


def with_names(mapping: CallMapping, value: object, known: Known) -> CallMapping:
    """The mapping with rows for questions and properties of Certain that have the name of one here, and no row yet.

    value: a page as decoded JSON
    """
    if mapping.shape != CertainItems() or not isinstance(value, list):
        return mapping
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    for item in value[:MOST_LOOKED_AT]:
        for group in (ANSWERS, PROFILE_ANSWERS):
            names |= {(group, key): each for key, each in question_names(item, group).items()}
        (read,) = mapping.shape.registrations(item)
        properties = read.get(PROPERTIES) if isinstance(read, dict) else None
        names |= {(PROPERTIES, name): (name,) for name in properties if name} if isinstance(properties, dict) else {}
    targets = {row.target for row in mapping.rows}
    rows = []
    for (group, key), each in list(names.items())[: MAX_ROWS - len(mapping.rows)]:
        columns = (guess_unchecked([name], [], known)[0] for name in each)
        prefix = {ANSWERS: "answers.", PROFILE_ANSWERS: "profile.", PROPERTIES: "properties."}[group]
        target = next((column.target for column in columns if column.why == "name" and column.target.startswith(prefix)), "")
        if target and target not in targets and not target_problem(target):
            targets.add(target)
            rows.append(new_row(target, (SourceValue(format_path((group, key))),)))
    return replace(mapping, rows=(*mapping.rows, *rows))


def _guessed(paths: Iterable[str], known: Known) -> Iterable[tuple[str, str]]:
    """Targets by the names of fields, as an import guesses them by the names of columns."""
    for path in paths:
        steps = parse_field(path)
        questions = [step.text for step in steps if isinstance(step, EntryWith)]
        name = questions[-1] if questions else str(steps[-1]) if steps else ""
        if name in _INSTANTS:
            yield "modified", path
            continue
        (column,) = guess_unchecked([name], [], known)
        if column.target and column.why == "name" and not target_problem(column.target):
            yield column.target, path
