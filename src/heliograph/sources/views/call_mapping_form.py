"""The editor of a source's mapping as it is posted: the mapping so far, its open row and panel, and what a button changes (S2).

The page posts the whole mapping as JSON with every button, and the fields of its rows beside it; only Save stores it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.datastructures import MultiValueDict

from heliograph.domain.mapping.json_bodies import BodyError, checked_text
from heliograph.domain.mapping.row import (
    MAX_PARTS,
    MAX_TEXT,
    MAX_VALUE_MAP,
    FixedText,
    MappingError,
    Otherwise,
    RowPart,
    SourceValue,
    ValueMap,
)
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_mapping import MAX_ROWS, CallMapping, CallRow, Clock, Piece, WhenEmpty, target_problem
from heliograph.domain.source.json_fields import MAX_LINES
from heliograph.sources.mapping_starts import new_row, started
from heliograph.web.form_fields import Box, Hidden, Ticks, TypedLine, TypedLines
from heliograph.web.forms import Form, RowForm, member_of

LONGEST_MAPPING: Final = 1_000_000
LONGEST_SAMPLE: Final = 200_000
GROUPS: Final = ("registration", "profile", "answers", "sessions")


class CallMappingForm(Form):
    """The mapping without its rows, what is open, and the buttons."""

    do = Hidden()
    """The button: a verb, and after a colon its object."""
    pick = Hidden()
    """The path of the line that was clicked."""
    mapping = Hidden(longest=LONGEST_MAPPING)
    """The mapping so far, as JSON."""
    number = Hidden()
    """The version of the source that is being edited."""
    call = Hidden()
    entry = Hidden()
    open_row = Hidden()
    panel = Hidden()
    """The row and the chip whose panel is open, such as "3.0"."""
    each = Hidden()
    only_field = Hidden()
    only_values = TypedLine(longest=MAX_TEXT)
    sample = TypedLines(longest=LONGEST_SAMPLE)
    """A call that was pasted, while none has come."""
    add_registration = Hidden()
    add_profile = Hidden()
    add_answers = Hidden()
    add_sessions = Hidden()
    kept_calls = Hidden()
    """What becomes of the calls that are kept, when the source is switched on."""


class CallRowForm(RowForm):
    """A row of the mapping."""

    how = Hidden()
    """Its letter case, or the piece that is taken."""
    trim = Box()
    when_empty = Hidden()
    clock = Hidden()
    text = TypedLine(longest=MAX_TEXT)
    """A text that is added to it."""


class CallChipForm(Form):
    """The settings of a chip whose panel is open."""

    text = TypedLine(longest=MAX_TEXT)
    map_from = Ticks()
    map_to = Ticks()
    otherwise = Hidden()
    otherwise_text = TypedLine(longest=MAX_TEXT)
    if_empty = TypedLine(longest=MAX_TEXT)


@dataclass
class CallEditing:
    """The state of the editor."""

    mapping: CallMapping
    number: int
    call: int = 0
    """The call that is shown; 0: the newest."""
    entry: int = 0
    """The registration that is shown, from 0."""
    open_row: int = 0
    panel: tuple[int, int] | None = None
    more_values: int = 1
    """Empty rows at the end of the open value map."""
    sample: str = ""

    @property
    def rows(self) -> list[CallRow]:
        return list(self.mapping.rows)

    def put(self, place: int, row: CallRow) -> None:
        """Replaces a row."""
        rows = self.rows
        rows[place] = row
        self.mapping = replace(self.mapping, rows=tuple(rows))

    def put_parts(self, place: int, parts: tuple[RowPart, ...]) -> None:
        """Replaces the source of a row."""
        row = self.mapping.rows[place]
        if len(parts) <= MAX_PARTS:
            self.put(place, replace(row, row=replace(row.row, parts=parts)))

    def open_next_empty(self) -> None:
        """Opens the next row that nothing fills; the row stays open if there is none."""
        places = [*range(self.open_row + 1, len(self.mapping.rows)), *range(self.open_row)]
        self.open_row = next((place for place in places if not self.mapping.rows[place].row.parts), self.open_row)


# --- reading what was posted


def read_editing(data: MultiValueDict[str, Any], form: CallMappingForm, stored: CallMapping, number: int) -> CallEditing:
    """The state that the page posted. What is no mapping becomes the stored one."""
    posted = form.posted
    mapping = stored
    with suppress(MappingError, ValueError, RecursionError):
        mapping = CallMapping.from_body(json.loads(posted["mapping"]))
    editing = CallEditing(
        started(mapping),
        _number(posted["number"], number),
        call=_number(posted["call"], 0),
        entry=_number(posted["entry"], 0),
        open_row=_number(posted["open_row"], 0),
        panel=_pair(posted["panel"]),
        sample=posted["sample"],
    )
    if form.holds("each"):
        _read_scope(editing, posted)
    for place in range(len(editing.mapping.rows)):
        row_form = CallRowForm(data, prefix=str(place))
        if row_form.holds("how"):
            _read_row(editing, place, row_form.posted)
    if editing.panel is not None and not _has_part(editing, editing.panel):
        editing.panel = None
    chip_form = CallChipForm(data)
    if editing.panel is not None and (chip_form.holds("otherwise") or chip_form.holds("text")):
        _read_panel(editing, editing.panel, chip_form)
    editing.open_row = min(editing.open_row, max(0, len(editing.mapping.rows) - 1))
    return editing


def _read_scope(editing: CallEditing, posted: Mapping[str, Any]) -> None:
    """What one registration is made of, and which calls count."""
    values = tuple(text for each in posted["only_values"].split(",") if (text := each.strip()))
    with suppress(MappingError):
        if posted["each"] != editing.mapping.each:
            editing.mapping, editing.entry = replace(editing.mapping, each=posted["each"]), 0
    with suppress(MappingError):
        field = posted["only_field"] if values else ""
        editing.mapping = replace(editing.mapping, only_field=field, only_values=values if field else ())


def _read_row(editing: CallEditing, place: int, posted: Mapping[str, Any]) -> None:
    row = editing.mapping.rows[place]
    changed = replace(row.row, trim=posted["trim"], case=member_of(Case, posted["how"], None))
    if posted["text"] and _is_storable(posted["text"]) and len(changed.parts) < MAX_PARTS:
        changed = replace(changed, parts=(*changed.parts, FixedText(posted["text"])))
    editing.put(
        place,
        replace(
            row,
            row=changed,
            piece=member_of(Piece, posted["how"], None),
            when_empty=member_of(WhenEmpty, posted["when_empty"], row.when_empty),
            clock=member_of(Clock, posted["clock"], row.clock),
        ),
    )


def _read_panel(editing: CallEditing, at: tuple[int, int], form: CallChipForm) -> None:
    place, chip = at
    parts, posted = list(editing.mapping.rows[place].row.parts), form.posted
    part = parts[chip]
    if isinstance(part, FixedText):
        parts[chip] = FixedText(posted["text"]) if _is_storable(posted["text"]) else part
    else:
        pairs = zip(posted["map_from"], posted["map_to"], strict=False)
        entries = tuple((old, new) for old, new in pairs if old.strip() and new and _is_storable(old + new))[:MAX_VALUE_MAP]
        otherwise = member_of(Otherwise, posted["otherwise"], Otherwise.ERROR)
        text = posted["otherwise_text"] if otherwise is Otherwise.TEXT else ""
        given = ValueMap(tuple(dict(entries).items()), otherwise, text) if entries or otherwise is Otherwise.TEXT else None
        parts[chip] = replace(part, value_map=given, if_empty=posted["if_empty"] if _is_storable(posted["if_empty"]) else "")
    editing.put_parts(place, tuple(parts))


def _is_storable(text: str) -> bool:
    try:
        checked_text(text, "", longest=2 * MAX_TEXT)
    except BodyError:
        return False
    return True


def _has_part(editing: CallEditing, at: tuple[int, int]) -> bool:
    rows = editing.mapping.rows
    return at[0] < len(rows) and at[1] < len(rows[at[0]].row.parts)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else otherwise


def _pair(text: str) -> tuple[int, int] | None:
    first, _, second = text.partition(".")
    pair = _number(first, -1), _number(second, -1)
    return pair if min(pair) >= 0 else None


# --- the buttons


def act(editing: CallEditing, form: CallMappingForm) -> None:
    """Changes the state as the pressed button says."""
    if form.posted["pick"]:
        _pick(editing, form.posted["pick"])
        return
    verb, _, about = form.posted["do"].partition(":")
    if verb == "add" and about in GROUPS:
        _add(editing, form.posted[f"add_{about}"])
    elif verb in _BUTTONS:
        _BUTTONS[verb](editing, about)


def _pick(editing: CallEditing, path: str) -> None:
    """Adds the field to the open row. A row that had none is done: the next empty one opens."""
    row = editing.mapping.rows[editing.open_row]
    with suppress(MappingError):
        editing.put_parts(editing.open_row, (*row.row.parts, SourceValue(path)))
        if not row.row.parts:
            editing.open_next_empty()
    editing.panel = None


def _open(editing: CallEditing, about: str) -> None:
    place = _number(about, -1)
    if 0 <= place < len(editing.mapping.rows):
        editing.open_row, editing.panel = place, None


def _open_chip(editing: CallEditing, about: str) -> None:
    pair = _pair(about)
    if pair is not None and _has_part(editing, pair):
        editing.panel = None if editing.panel == pair else pair
        editing.open_row = pair[0]


def _cut(editing: CallEditing, about: str) -> None:
    pair = _pair(about)
    if pair is not None and _has_part(editing, pair):
        parts = list(editing.mapping.rows[pair[0]].row.parts)
        del parts[pair[1]]
        editing.put_parts(pair[0], tuple(parts))
        editing.open_row, editing.panel = pair[0], None


def _close(editing: CallEditing, _about: str) -> None:
    editing.panel = None


def _more_values(editing: CallEditing, _about: str) -> None:
    editing.more_values = 3


def _show_entry(editing: CallEditing, about: str) -> None:
    editing.entry = min(_number(about, 0), MAX_LINES)


def fix(editing: CallEditing, target: str) -> None:
    """Opens the row of a problem, with the value map of its first field."""
    place = next((number for number, row in enumerate(editing.mapping.rows) if row.target == target), None)
    if place is None and not target_problem(target):
        _add(editing, target)
    elif place is not None:
        editing.open_row = place
        editing.panel = (place, 0) if editing.mapping.rows[place].row.parts else None


def _remove(editing: CallEditing, about: str) -> None:
    place = _number(about, -1)
    rows = editing.rows
    if 0 <= place < len(rows):
        editing.mapping = started(replace(editing.mapping, rows=tuple(rows[:place] + rows[place + 1 :])))
        editing.open_row, editing.panel = min(place, len(editing.mapping.rows) - 1), None


def _add(editing: CallEditing, target: str) -> None:
    """Adds a row, and opens it."""
    there = any(row.target == target for row in editing.mapping.rows)
    if not there and not target_problem(target) and len(editing.mapping.rows) < MAX_ROWS:
        editing.mapping = started(replace(editing.mapping, rows=(*editing.mapping.rows, new_row(target))))
    editing.open_row = next((place for place, row in enumerate(editing.mapping.rows) if row.target == target), editing.open_row)
    editing.panel = None


_BUTTONS: Final[Mapping[str, Callable[[CallEditing, str], None]]] = {
    "open": _open,
    "chip": _open_chip,
    "cut": _cut,
    "close": _close,
    "more-values": _more_values,
    "entry": _show_entry,
    "remove": _remove,
    "fix": fix,
}
