"""The rows of the mapping editor for its templates: the headings of nested fields, the chips, each row's result, and the panel of a chip."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.languages import translated
from heliograph.domain.mapping.headers import SEALED
from heliograph.domain.mapping.mapping import (
    Case,
    DateFormat,
    FixedText,
    MappingError,
    MappingRow,
    Otherwise,
    RowPart,
    SourceValue,
    ValueType,
    part_body,
)
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_renderer import FactSource, ValueProblem, preview
from heliograph.domain.mapping.paths import Json, Path, format_path
from heliograph.domain.mapping.row import has_text_between
from heliograph.domain.mapping.transform import Unfit, formatted, text_of
from heliograph.domain.setup.fields import FieldError, FieldGroup, Shape, parse_source
from heliograph.mappings.mapping_drafts import DraftRow
from heliograph.mappings.views.field_list import FieldList, group_name, shortened
from heliograph.mappings.views.mapping_fields import ChipForm, TargetForm
from heliograph.setup.source_fields import SourceFields
from heliograph.web.shown_fields import Choice, FormField, Pair

DEEPEST = 3
"""The deepest indentation, also for rows that are nested deeper."""


@dataclass(frozen=True, slots=True)
class ChipPiece:
    """A piece of a chip's text: a word, or a run of spaces and line breaks."""

    word: str
    dots: str = ""
    """A middle dot for each space, an arrow for each line break."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip of a row."""

    text: str
    typed: bool
    """Whether it is typed text, not a source field."""
    pieces: tuple[ChipPiece, ...]
    mods: tuple[str, ...] = ()
    """Its settings, in words."""
    open: bool = False
    """Whether its panel is open."""
    gone: bool = False
    """Whether the account no longer has the field."""
    data: str = ""
    """The part's body as JSON, for script."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of an object, a list or a list entry, above its rows."""

    id: str
    name: str
    type: str
    count: str
    depth: int
    do: str = ""
    """The value of its button."""
    button: str = ""
    """The label of its button."""
    path: str = ""
    """The written path; "" for a list entry, which has no name to change."""
    is_heading: bool = True


@dataclass(slots=True)
class RowShown:
    """A row of the editor."""

    place: int
    """Its place among the rows, from 0."""
    draft: DraftRow
    depth: int
    name: str
    chips: tuple[Chip, ...] | None
    types: list[Choice]
    result: str = ""
    """Its result for the chosen person, in words."""
    validation_error: str = ""
    """Its validation error for the chosen person, as a sentence."""
    problem: str = ""
    """The validation error, shortened."""
    refusal: str = ""
    """Why it cannot be saved."""
    todo: str = ""
    """What it still lacks."""
    warns: list[tuple[str, str, str]] = field(default_factory=list)
    """Its warnings: the text, and the URL and label of a link."""
    panel: Panel | None = None
    fields: FieldList | None = None
    is_heading: bool = False

    @property
    def form(self) -> TargetForm:
        """The names of its fields."""
        return TargetForm(prefix=str(self.place))

    @property
    def label(self) -> str:
        """The accessible name of its controls."""
        return self.draft.whole_target or _("row %(n)s") % {"n": self.place + 1}

    @property
    def at(self) -> str:
        """Its place among nested fields as JSON, for its hidden field."""
        place: dict[str, object] = {}
        if self.draft.nested:
            place = {"nested": True, "under": format_path(self.draft.under) if self.draft.under else ""}
        if self.draft.entry is not None:
            place["entry"] = self.draft.entry
        return json.dumps(place, ensure_ascii=False)

    @property
    def chip_bodies(self) -> str:
        """Its chips with their settings as JSON, for its hidden field."""
        parts = self.draft.chips()
        return json.dumps([part_body(part) for part in (self.draft.parts_before if parts is None else parts)], ensure_ascii=False)

    @property
    def cases(self) -> list[Choice]:
        """The choices of its letter case: as it is, and the three cases."""
        return [
            Choice("", _("As it is"), self.draft.case is None),
            *(Choice(case.value, _(case), case is self.draft.case) for case in Case),
        ]

    @property
    def traits(self) -> str:
        """In words, whether it is required, and its type unless that is text; "" for neither."""
        typed = self.draft.type is not ValueType.TEXT
        return ", ".join(x for x in (_("Required") if self.draft.required else "", type_name(self.draft.type) if typed else "") if x)

    @property
    def transformations(self) -> str:
        """Its transformations in words; "" for none."""
        return ", ".join(x for x in (_("Trim") if self.draft.trim else "", _(self.draft.case) if self.draft.case else "") if x)

    @property
    def is_tidied(self) -> bool:
        """Whether typed text beside an empty source field is left out."""
        return self.draft.tidy and not self.draft.type.is_list and has_text_between(self.draft.chips() or ())


# --- chips


def type_name(type: ValueType) -> str:
    """The type of a target field in words."""
    return {
        ValueType.TEXT: _("Text"),
        ValueType.NUMBER: _("Number"),
        ValueType.BOOLEAN: _("Yes/No"),
        ValueType.LIST: _("List of text"),
        ValueType.NUMBERS: _("List of numbers"),
    }[type]


def types(chosen: ValueType) -> list[Choice]:
    """The types of target fields as choices."""
    return [Choice(each.value, type_name(each), each is chosen) for each in ValueType]


def chip(part: RowPart, fields: SourceFields, *, open: bool = False, sealed: bool = False) -> Chip:
    """The chip of a part.

    open: its panel is open
    sealed: typed text is stored encrypted, so it is not shown
    """
    data = json.dumps(part_body(part), ensure_ascii=False)
    if sealed and isinstance(part, FixedText):
        return Chip(_("a secret"), True, (ChipPiece(_("a secret")),), open=open, data=json.dumps({"text": SEALED}, ensure_ascii=False))
    if isinstance(part, SourceValue):
        label = fields.label(part.key)
        return Chip(label, False, (ChipPiece(label),), _mods(part), open, part.key not in fields.by_key, data)
    return Chip(part.text, True, tuple(_pieces(part.text)), open=open, data=data)


def _pieces(text: str) -> Iterator[ChipPiece]:
    """Splits a text into words and runs of spaces and line breaks."""
    run = ""
    for letter in text:
        if run and (letter in " \n") != (run[-1] in " \n"):
            yield _run(run)
            run = ""
        run += letter
    if run:
        yield _run(run)


def _run(run: str) -> ChipPiece:
    return ChipPiece("", run.replace(" ", "·").replace("\n", "⏎")) if run[0] in " \n" else ChipPiece(run)


def _mods(source: SourceValue) -> tuple[str, ...]:
    mods = []
    if source.value_map is not None:
        count = len(source.value_map.entries)
        mods.append(ngettext("%(n)s value mapped", "%(n)s values mapped", count) % {"n": count})
    if source.date_format is not None:
        mods.append(source.date_pattern if source.date_format is DateFormat.PATTERN else _(source.date_format))
    if source.if_empty:
        mods.append(_("if empty: %(text)s") % {"text": shortened(source.if_empty, 40)})
    if source.escape is not None:
        mods.append(_("escaped for %(target)s") % {"target": _(source.escape.value)})
    if source.longest:
        mods.append(_("one line of at most %(n)d characters") % {"n": source.longest})
    return tuple(mods)


# --- rows


def displayed(rows: Sequence[RowShown]) -> list[RowShown | Heading]:
    """The rows, with the headings of the objects and lists that contain them. Sets each row's depth."""
    items: list[RowShown | Heading] = []
    above: Path = ()
    for row in rows:
        under = row.draft.under if row.draft.nested else ()
        shared_depth = 0
        while shared_depth < min(len(under), len(above)) and under[shared_depth] == above[shared_depth]:
            shared_depth += 1
        items += [_heading(under[: depth + 1], row, rows) for depth in range(shared_depth, len(under))]
        above = under
        row.depth = min(len(under), DEEPEST)
        items.append(row)
    return items


def _heading(path: Path, row: RowShown, rows: Sequence[RowShown]) -> Heading:
    last, depth = path[-1], len(path) - 1
    inside = {
        each.draft.path[len(path)]
        for each in rows
        if each.draft.nested and each.draft.path[: len(path)] == path and len(each.draft.path) > len(path)
    }
    name = _("Entry %(n)s") % {"n": last + 1} if isinstance(last, int) else str(last)
    is_list = isinstance(row.draft.path[len(path)], int)
    written = format_path(path)
    if is_list:
        count = ngettext("%(n)s entry", "%(n)s entries", len(inside)) % {"n": len(inside)}
        kind, do, button = _("List of objects"), f"entry:{written}", _("Add an entry")
    else:
        count = ngettext("%(n)s field", "%(n)s fields", len(inside)) % {"n": len(inside)}
        kind, do, button = _("Object"), f"inside:{written}", _("Add a field")
    return Heading(f"in-{row.place}-{depth}", name, kind, count, min(depth, DEEPEST), do, button, "" if isinstance(last, int) else written)


def result_text(value: Json, *, left_out: bool) -> str:
    """The result of a row in words."""
    if left_out:
        return _("Left out")
    if value is None:
        return _("null")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        entries = ", ".join(str(entry) for entry in value)
        return ngettext("%(n)s entry: %(entries)s", "%(n)s entries: %(entries)s", len(value)) % {"n": len(value), "entries": entries}
    text = str(value)
    return text or _("Empty")


def problem_text(problem: ValueProblem) -> str:
    """The validation error of a row as a sentence."""
    reason = translated(problem.reason)
    what = f"“{problem.value}” {reason}" if problem.value else reason[:1].upper() + reason[1:]
    return _("%(what)s. A validation error: not sent, not retried.") % {"what": what}


# --- a chip's panel


@dataclass(frozen=True, slots=True)
class Panel:
    """The panel of a chip."""

    row: int
    chip: int
    title: str
    group: str
    text: str | None = None
    value: str = ""
    """The chosen person's value."""
    result: str = ""
    """What is sent for that value; "" if there is neither a value nor a text if empty."""
    form: ChipForm = field(default_factory=ChipForm)
    """Its fields, with the values of the chip."""
    date: FormField | None = None
    """The choice of a date format; None if the field cannot be a date."""
    entries: tuple[tuple[str, str, bool], ...] = ()
    """The rows of the value map: old value, new value, and whether the row applies to the chosen person's value."""
    options: tuple[str, ...] = ()
    """The values that the field can have."""
    unlisted: str = ""
    """A sentence that names the options without a row in the value map."""
    more: tuple[int, ...] = ()
    """One entry for each empty row at the end of the value map."""
    map_shown: bool = False
    otherwise: tuple[Choice, ...] = ()
    settings: Sequence[FormField | Pair] = ()
    """Its further settings: the date pattern, the text if empty, escaping and the longest length."""


def panel(row: DraftRow, at: tuple[int, int], fields: SourceFields, facts: FactSource, zone: tzinfo, more: int) -> Panel | None:
    """The panel of a chip; None if the row has no such chip.

    at: the index of the row, and that of the chip within it, from 0
    more: the empty rows at the end of the value map
    """
    parts = row.chips() or ()
    row_place, chip_place = at
    if chip_place >= len(parts):
        return None
    part = parts[chip_place]
    if not isinstance(part, SourceValue):
        return Panel(row_place, chip_place, _("Typed text"), _("Sent as it is typed"), text=part.text)
    known = fields.by_key.get(part.key)
    value = facts.value(part.key)
    value_text = text_of(value, zone)
    is_date = known is not None and known.shape in (Shape.DATE, Shape.INSTANT)
    entries = part.value_map.entries if part.value_map else ()
    otherwise = part.value_map.otherwise if part.value_map else Otherwise.KEEP
    form = ChipForm(
        initial={
            "otherwise_text": part.value_map.text if part.value_map else "",
            "date": part.date_format,
            "date_pattern": part.date_pattern,
            "if_empty": part.if_empty,
            "escape": part.escape,
            "longest": part.longest or "",
        }
    )
    # An answer or a custom field may be a date: it can get a date format too, but without examples.
    date = form.draw_field("date") if is_date or _may_be_date(part.key) else None
    return Panel(
        row_place,
        chip_place,
        fields.label(part.key),
        group_name(known.group) if known else _("Not in your account any more"),
        value=value_text or _("empty"),
        result=_result_of(part, row, facts, zone) if value_text or part.if_empty else "",
        form=form,
        date=replace(date, kind="checks", input="radio", options=_date_choices(part, value, zone)) if is_date and date else date,
        entries=tuple((old, new, old.strip().casefold() == value_text.strip().casefold()) for old, new in entries),
        more=tuple(range(more)),
        map_shown=not is_date or part.value_map is not None,
        otherwise=(
            Choice(Otherwise.KEEP.value, _("Keep it"), otherwise is Otherwise.KEEP),
            Choice(Otherwise.TEXT.value, _("A text"), otherwise is Otherwise.TEXT),
            Choice(Otherwise.ERROR.value, _("Validation error"), otherwise is Otherwise.ERROR),
        ),
        settings=form.draw_fields(*(["date_pattern"] if date else []), "if_empty", "escape", "longest"),
    )


def _result_of(part: SourceValue, row: DraftRow, facts: FactSource, zone: tzinfo) -> str:
    try:
        alone = FieldMapping("?", rows=(MappingRow("x", (part,), trim=row.trim, case=row.case),))
    except MappingError as error:  # a setting of the chip is invalid; saving refuses the row with the reason
        return translated(error.reason)
    mapping_preview = preview(alone, facts, timezone=zone)
    return (
        translated(mapping_preview.problems[0].reason)
        if 0 in mapping_preview.problems
        else result_text(mapping_preview.values[0], left_out=False)
    )


def _may_be_date(key: str) -> bool:
    try:
        return parse_source(key).name == "answer" or parse_source(key).group in (
            FieldGroup.PROFILE_CUSTOM,
            FieldGroup.EVENT_CUSTOM,
            FieldGroup.PREVIOUS,
        )
    except FieldError:
        return False


def _date_choices(part: SourceValue, value: object, zone: tzinfo) -> tuple[Choice, ...]:
    """The date formats, each with the chosen person's value in it if that is a date."""
    choices = []
    for date_format in DateFormat:
        try:
            sub = formatted(value, date_format, zone, part.date_pattern) if value else ""  # type: ignore[arg-type]
        except Unfit:
            sub = ""
        choices.append(Choice(date_format.value, _(date_format), date_format is (part.date_format or DateFormat.ISO), sub))
    return tuple(choices)
