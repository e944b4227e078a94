"""The form of a mapping: reads a post, and changes the draft as a button says (guide: Mappings).

Every button except Save only changes the page: it is posted as `do`, and the page returns with everything that was typed. Script posts the
same buttons and replaces a part of the page. Rows are numbered from 0 in their order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from heliograph.domain.ids import read_id, read_number
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.mapping.mapping import (
    MAX_PARTS,
    MAX_ROWS,
    MAX_TEXT,
    MAX_VALUE_MAP,
    Case,
    DateFormat,
    EmptyPolicy,
    Escape,
    FixedText,
    MappingError,
    Otherwise,
    RowPart,
    SourceValue,
    ValueMap,
    ValueType,
    read_part,
)
from heliograph.domain.mapping.paths import Path
from heliograph.mappings.mapping_drafts import DraftRow, MappingDraft, read_path, renamed
from heliograph.mappings.preset_starts import starts
from heliograph.mappings.views.mapping_fields import LONGEST_NAME, ChipForm, MappingForm, TargetForm
from heliograph.web.forms import member_of, posted_rows


@dataclass(slots=True)
class Editing:
    """The state of the page."""

    draft: MappingDraft
    panel: tuple[int, int] | None = None
    """The row and the chip whose panel is open."""
    fields: int | None = None
    """The row whose field list is open."""
    focus: str = ""
    """The id of the element that gets the focus."""
    preview_format: str = ""
    """The format of the preview: json, form, query or headers."""
    key: str = ""
    """The registration or event that was chosen to try the mapping with (`Match.key`)."""
    search: str = ""
    """The text by which a registration or event is searched if none was chosen."""
    made_up: bool = False
    """Whether the mapping is tried with made-up data instead."""
    sample: str | None = None
    """The pasted sample; None if its box is closed."""
    sample_error: str = ""
    keep_values: bool = False
    """Whether the values of the sample become typed text."""
    new_name: str = ""
    new_type: ValueType = ValueType.TEXT
    new_nested: bool = False
    new_error: str = ""
    map_rows: int = 1
    """The empty rows at the end of the open value map."""
    renamed: Mapping[Path, str] = field(default_factory=dict)
    """The new names of objects and lists, by the path that they had in the page."""
    waiting: str = ""
    """The name under which the session stores typed texts that the mapping encrypts (`typed_secrets`)."""


def read(form: MappingForm, draft: MappingDraft) -> Editing:
    """Reads a posted form into the draft.

    draft: the stored mapping; its kind and subject stay, because the form of a stored mapping cannot change them
    """
    posted = form.posted
    draft.name = posted["name"]
    draft.empty = member_of(EmptyPolicy, posted["empty"], EmptyPolicy.KEY)
    draft.number = read_number(posted["number"]) or 0
    draft.rows = [_row(row.posted, place) for place, row in enumerate(posted_rows(TargetForm, form.data, "", MAX_ROWS + 1))]
    names = _read_new_names(posted)
    draft.rename(names)
    editing = Editing(
        draft,
        panel=_pair(posted["panel"]),
        sample=posted["sample"].replace("\r\n", "\n") if form.holds("sample") else None,
        keep_values=posted["keep_values"],
        new_name=posted["new_name"],
        new_type=member_of(ValueType, posted["new_type"], ValueType.TEXT),
        new_nested=posted["new_nested"],
        renamed=names,
        **preview_choice(form),
    )
    if editing.panel is not None:
        _read_panel(ChipForm(form.data), editing)
    return editing


def preview_choice(form: MappingForm) -> dict[str, Any]:
    """The fields of `Editing` that a link sets, too: the data to try the mapping with, and the format of the preview."""
    posted = form.posted
    return {
        "preview_format": posted["preview_format"],
        "key": posted["key"],
        "search": posted["person"],
        "made_up": posted["made_up"] == "1",
    }


def _row(posted: Mapping[str, Any], place: int) -> DraftRow:
    # Its place among nested fields, and its chips (`RowShown.at` and `.chip_bodies`). If they cannot be read, they count as empty.
    at: Any = None
    with suppress(ValueError, RecursionError):
        at = json.loads(posted["at"])
    at = at if isinstance(at, dict) else {}
    chips: tuple[RowPart, ...] = ()
    with suppress(ValueError, BodyError, RecursionError):
        bodies = json.loads(posted["parts"]) if posted["parts"] else []
        chips = tuple(read_part(Body(item)) for item in bodies[:MAX_PARTS]) if isinstance(bodies, list) else ()
    under = read_path(str(at.get("under", "")))
    entry = at.get("entry")
    return DraftRow(
        target=str(entry) if isinstance(entry, int) else posted["target"],
        under=under or (),
        entry=entry if isinstance(entry, int) and not isinstance(entry, bool) and 0 <= entry <= 99 else None,
        nested=at.get("nested") is True,
        type=member_of(ValueType, posted["type"], ValueType.TEXT),
        case=member_of(Case, posted["case"], None),
        line=posted["line"].replace("\r\n", "\n"),
        parts_before=chips,
        posted_number=place,
        **{name: posted[name] for name in ("required", "trim", "tidy")},
    )


def _read_new_names(posted: Mapping[str, Any]) -> dict[Path, str]:
    """The new names of objects and lists, by path. An object whose name was emptied keeps it."""
    names = {}
    for written, typed in zip(posted["object"][:MAX_ROWS], posted["object_name"], strict=False):
        path, name = read_path(written), typed.strip()[:LONGEST_NAME]
        if path and isinstance(path[-1], str) and name and name != path[-1]:
            names[path] = name
    return names


def _pair(text: str) -> tuple[int, int] | None:
    row, _, chip = text.partition(".")
    first, second = read_number(row), read_number(chip)
    return None if first is None or second is None else (first, second)


def _read_panel(form: ChipForm, editing: Editing) -> None:
    """Stores the settings of the open panel in its chip. Settings that the panel does not show stay unchanged."""
    assert editing.panel is not None
    place, chip = editing.panel
    row = editing.draft.rows[place] if place < len(editing.draft.rows) else None
    parts = list(row.chips() or ()) if row else []
    if row is None or chip >= len(parts):
        editing.panel = None
        return
    part = parts[chip]
    if isinstance(part, FixedText):
        if form.holds("text"):
            parts[chip] = FixedText(form.posted["text"].replace("\r\n", "\n"))
    else:
        parts[chip] = _read_settings(form, part)
    row.put(parts)


def _read_settings(form: ChipForm, part: SourceValue) -> SourceValue:
    posted = form.posted
    if form.holds("otherwise"):
        pairs = zip(posted["map_from"], posted["map_to"], strict=False)
        entries = tuple((old, new) for old, new in pairs if old or new)[:MAX_VALUE_MAP]
        otherwise = member_of(Otherwise, posted["otherwise"], Otherwise.KEEP)
        given = ValueMap(entries, otherwise, posted["otherwise_text"] if otherwise is Otherwise.TEXT else "")
        part = replace(part, value_map=given if entries or otherwise is not Otherwise.KEEP else None)
    if form.holds("date"):
        if part.date_format is not None or posted["date"] != DateFormat.ISO:  # without a format a date is sent as ISO
            part = replace(part, date_format=member_of(DateFormat, posted["date"], None))
        part = replace(part, date_pattern=posted["date_pattern"] if part.date_format is DateFormat.PATTERN else "")
    if form.holds("if_empty"):
        part = replace(part, if_empty=posted["if_empty"], escape=member_of(Escape, posted["escape"], None))
    if form.holds("longest"):
        part = replace(part, longest=min(read_id(posted["longest"].strip()) or 0, MAX_TEXT))
    return part


# --- the buttons


def act(editing: Editing, do: str, form: MappingForm) -> None:
    """Changes the state as a button says.

    do: the value of the button: a verb, and after a colon its object
    """
    verb, _, about = do.partition(":")
    if verb in _SIMPLE:
        _SIMPLE[verb](editing, about)
    elif verb in ("open", "cut"):
        _on_chip(editing, verb, about)
    elif verb in ("inside", "entry"):
        _add_nested(editing, verb, about)
    elif verb in ("take", "take-proposed"):
        _take(editing, form.posted, proposed=verb == "take-proposed")
    elif verb == "start":
        _start(editing, form.posted["start"])
    else:
        row, _, rest = about.partition("/")
        place = read_number(row)
        if place is not None and place < len(editing.draft.rows):
            _on_row(editing, verb, place, rest)


def _open_sample(editing: Editing, _about: str) -> None:
    editing.sample, editing.focus = "", "sample"


def _close_sample(editing: Editing, _about: str) -> None:
    editing.sample, editing.focus = None, "new-target"


def _close_panel(editing: Editing, _about: str) -> None:
    editing.focus = f"chip-{editing.panel[0]}-{editing.panel[1]}" if editing.panel else ""
    editing.panel = None


def _more_of_map(editing: Editing, _about: str) -> None:
    editing.map_rows, editing.focus = 2, "map-new"


def _show(editing: Editing, about: str) -> None:
    editing.preview_format, editing.focus = about, f"show-{about}"


def _try_with(editing: Editing, about: str) -> None:
    editing.key, editing.search, editing.made_up, editing.focus = about, "", False, "person"


def _search(editing: Editing, _about: str) -> None:
    editing.key, editing.made_up, editing.focus = "", False, "person"


def _make_up(editing: Editing, _about: str) -> None:
    editing.key, editing.search, editing.made_up, editing.focus = "", "", True, "person"


def _on_row(editing: Editing, verb: str, place: int, rest: str) -> None:
    draft = editing.draft
    row = draft.rows[place]
    if verb == "remove":
        del draft.rows[place]
        editing.panel, editing.focus = None, f"more-{min(place, len(draft.rows) - 1)}" if draft.rows else "new-target"
    elif verb in ("up", "down"):
        editing.panel, editing.focus = None, f"more-{draft.move(place, -1 if verb == 'up' else 1)}"
    elif verb == "fields":
        editing.fields, editing.panel, editing.focus = place, None, f"fields-{place}"
    elif verb == "field" and len(row.chips() or ()) < MAX_PARTS:
        parts = row.chips()
        if parts is not None:
            row.put((*parts, SourceValue(rest[:100])))
            editing.focus = f"plus-{place}"


def _unmap(editing: Editing, about: str) -> None:
    entry = read_number(about)
    if editing.panel is None or entry is None:
        return
    row = editing.draft.rows[editing.panel[0]]
    parts = list(row.chips() or ())
    part = parts[editing.panel[1]]
    if isinstance(part, SourceValue) and part.value_map is not None:
        entries = tuple(pair for i, pair in enumerate(part.value_map.entries) if i != entry)
        value_map = replace(part.value_map, entries=entries)
        parts[editing.panel[1]] = replace(part, value_map=value_map if entries or value_map.otherwise is not Otherwise.KEEP else None)
        row.put(parts)
    editing.focus = "map-new"


def _on_chip(editing: Editing, verb: str, about: str) -> None:
    pair = _pair(about)
    if pair is None or pair[0] >= len(editing.draft.rows):
        return
    place, chip = pair
    row = editing.draft.rows[place]
    parts = list(row.chips() or ())
    if chip >= len(parts):
        return
    if verb == "open":
        closes = editing.panel == pair
        editing.panel, editing.focus = None if closes else pair, f"chip-{place}-{chip}" if closes else "panel"
    else:
        del parts[chip]
        row.put(parts)
        editing.panel, editing.focus = None, f"plus-{place}"


def _add(editing: Editing, _about: str) -> None:
    editing.focus = "new-target"
    try:
        place = editing.draft.add(editing.new_name.strip(), nested=editing.new_nested, type=editing.new_type)
    except MappingError as error:
        editing.new_error = error.reason
    else:
        editing.new_name, editing.new_type, editing.new_nested, editing.focus = "", ValueType.TEXT, False, f"plus-{place}"


def _add_nested(editing: Editing, verb: str, about: str) -> None:
    posted_path = read_path(about)
    path = renamed(posted_path, editing.renamed) if posted_path else None
    there = [row for row in editing.draft.rows if path and row.nested and row.path[: len(path)] == path and len(row.path) > len(path)]
    if not path or not there or len(editing.draft.rows) >= MAX_ROWS:
        return
    if verb == "inside":
        editing.focus = TargetForm(prefix=str(editing.draft.add_inside(path)))["target"].auto_id
    elif all(isinstance(row.path[len(path)], int) for row in there):
        editing.focus = f"plus-{editing.draft.add_entry(path)}"


def _take(editing: Editing, posted: Mapping[str, Any], *, proposed: bool) -> None:
    """Adds the chosen rows of the sample.

    proposed: the rows get the source fields that the page proposed by their names
    """
    try:
        new = editing.draft.sample(editing.sample or "", values=editing.keep_values).new
        if posted["sample_mark"] != mark_of(editing.sample):  # the page must first show the rows of this sample
            editing.focus = "take"
            return
        pairs = [text.partition(" ") for text in posted["proposed"]] if proposed else []  # a key contains no space
        keys = {target: key for key, space, target in pairs if space and len(key) <= 100}
        chosen_rows = [row for row in new if row.target in posted["sample_row"]]
        editing.draft.take([replace(row, parts=(SourceValue(keys[row.target]),)) if row.target in keys else row for row in chosen_rows])
    except MappingError as error:
        editing.sample_error, editing.focus = error.reason, "sample"
    else:
        editing.sample, editing.focus = None, "new-target"


def _start(editing: Editing, key: str) -> None:
    """Adds the rows of a preset's mapping, if the draft has none yet.

    key: the key of the preset
    """
    draft = editing.draft
    _name, mapping = starts(draft.kind, draft.subject).get(key, ("", None))
    if mapping is None or draft.rows:
        return
    draft.rows, draft.empty = MappingDraft.from_mapping(mapping).rows, mapping.empty
    draft.name = draft.name if draft.name.strip() else mapping.name
    editing.focus = "name"


def mark_of(sample: str | None) -> str:
    """A digest that identifies a pasted sample."""
    return hashlib.sha256((sample or "").encode("utf-8", "replace")).hexdigest()[:16]


_SIMPLE: Final[Mapping[str, Callable[[Editing, str], None]]] = {
    "add": _add,
    "sample": _open_sample,
    "sample-close": _close_sample,
    "close": _close_panel,
    "map-more": _more_of_map,
    "unmap": _unmap,
    "show": _show,
    "whom": _try_with,
    "search": _search,
    "made-up": _make_up,
}
