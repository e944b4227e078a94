"""The editor of a source's mapping for its templates: the lines of a call, the rows, each with its result, and the panel of a chip (S2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from heliograph.accounts.languages import translated
from heliograph.domain.mapping.row import FixedText, Otherwise, SourceValue, ValueMap
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_documents import CallProblem, MappedCall, documents_of, seen_values
from heliograph.domain.source.call_mapping import REQUIRED, CallRow, Clock, Piece, WhenEmpty
from heliograph.domain.source.json_fields import ROOT_LIST, JsonLine, LineKind, lines_of, list_paths
from heliograph.mappings.views.mapping_rows import Chip, ChipPiece
from heliograph.sources.call_targets import CallTargets, group_of, problem_words, shown_value
from heliograph.sources.views.call_mapping_form import CallEditing, CallRowForm
from heliograph.web.shown_fields import Choice

MOST_ENTRIES: Final = 12
"""Registrations of a call between which the page can change."""
DEEPEST: Final = 6
GROUP_NAMES: Final = {
    "registration": ("", gettext_lazy("Add a field")),
    "profile": (gettext_lazy("Profile"), gettext_lazy("Add a profile field")),
    "answers": (pgettext_lazy("to questions", "Answers"), gettext_lazy("Add an answer")),
    "sessions": (gettext_lazy("Sessions"), gettext_lazy("Add a session")),
}
PIECES: Final = {
    Piece.FIRST_WORD: gettext_lazy("First word"),
    Piece.OTHER_WORDS: gettext_lazy("All but the first word"),
    Piece.COMMAS: gettext_lazy("Split at commas"),
}
EMPTIES: Final = {
    WhenEmpty.AS_SENT: gettext_lazy("An empty field clears, a missing one changes nothing"),
    WhenEmpty.KEEP: gettext_lazy("It stays as it is"),
    WhenEmpty.CLEAR: gettext_lazy("It is cleared"),
}
CLOCKS: Final = {
    Clock.ISO: gettext_lazy("2026-10-14T14:11:38+02:00"),
    Clock.ISO_UTC: gettext_lazy("2026-10-14T12:11:38, in UTC"),
    Clock.SECONDS: gettext_lazy("Seconds since 1970"),
    Clock.MILLISECONDS: gettext_lazy("Milliseconds since 1970"),
}


# --- the editor


@dataclass(slots=True)
class MapEntry:
    """A row of an open value map."""

    theirs: str
    ours: str
    calls: int = 0
    options: list[Choice] = field(default_factory=list)
    is_new: bool = False

    @property
    def seen(self) -> str:
        """In how many of the last calls it stood."""
        return ngettext("%(n)s of the last calls", "%(n)s of the last calls", self.calls) % {"n": self.calls} if self.calls else ""


@dataclass(slots=True)
class CallPanel:
    """The panel of a chip."""

    title: str | Promise
    text: str | None = None
    """Typed text; None for a source field."""
    entries: list[MapEntry] = field(default_factory=list)
    otherwise: list[Choice] = field(default_factory=list)
    otherwise_text: str = ""
    if_empty: str = ""


@dataclass(slots=True)
class CallRowShown:
    """A row of the editor."""

    place: int
    row: CallRow
    name: str | Promise
    chips: list[Chip]
    is_open: bool
    result: str | None = None
    error: str = ""
    todo: str = ""
    panel: CallPanel | None = None

    @property
    def form(self) -> CallRowForm:
        """The names of its fields."""
        return CallRowForm(prefix=str(self.place))

    @property
    def is_required(self) -> bool:
        return self.row.target in REQUIRED

    @property
    def is_removable(self) -> bool:
        return bool(self.row.row.parts)

    @property
    def cases(self) -> list[Choice]:
        """The letter cases, and the pieces that can be taken."""
        row = self.row
        return [
            Choice("", _("As it is"), row.row.case is None and row.piece is None),
            *(Choice(case.value, _(case), row.row.case is case and row.piece is None) for case in Case),
            *(Choice(piece.value, words, row.piece is piece) for piece, words in PIECES.items()),
        ]

    @property
    def transformations(self) -> str:
        """Its transformations in words; "" for none."""
        row = self.row
        words = [str(_("Trim"))] if row.row.trim else []
        words += [str(PIECES[row.piece])] if row.piece else [str(_(row.row.case))] if row.row.case else []
        return ", ".join(words)

    @property
    def empties(self) -> list[Choice]:
        """What becomes of the field if nothing comes; none for a field that cannot be cleared."""
        if self.row.target in (*REQUIRED, "modified", "active", "status") or group_of(self.row.target) == "sessions":
            return []
        return [Choice(each.value, words, self.row.when_empty is each) for each, words in EMPTIES.items()]

    @property
    def clocks(self) -> list[Choice]:
        """How times are written; only for Modified."""
        if self.row.target != "modified":
            return []
        return [Choice(each.value, words, self.row.clock is each) for each, words in CLOCKS.items()]


@dataclass
class CallEditor:
    """One rendering of the editor. value: the shown call as decoded JSON; None without one. calls: the last calls, decoded."""

    editing: CallEditing
    targets: CallTargets
    value: object
    calls: Sequence[object]

    @cached_property
    def mapped(self) -> MappedCall:
        """What the shown call becomes."""
        return documents_of(self.editing.mapping, self.value) if self.value is not None else MappedCall()

    def context(self) -> dict[str, Any]:
        """The context of the template."""
        count = len(self.mapped.registrations)
        entry = self.editing.entry if self.editing.entry < count else 0
        shown = list(self._rows(entry))
        there = {row.row.target for row in shown}
        mapping = self.editing.mapping
        lists = list_paths(self.value) if self.value is not None else {}
        each_options = dict.fromkeys((*lists, *([mapping.each] if mapping.each else [])))
        return {
            "lines": self._lines(entry),
            "open_name": shown[self.editing.open_row].name if shown else "",
            "entry_count": count,
            "shown_entry": entry + 1,
            "entries": [(number + 1, number, number == entry) for number in range(min(count, MOST_ENTRIES))] if count > 1 else [],
            "each": [
                Choice("", _("The whole call"), not mapping.each),
                *(Choice(path, path, path == mapping.each) for path in each_options),
            ],
            "each_help": self._each_help(lists),
            "only_fields": [
                Choice("", _("All calls count")),
                *(Choice(path, path, path == mapping.only_field) for path in self._only_fields()),
            ],
            "only_values": ", ".join(mapping.only_values),
            "call_problems": [problem_words(problem, self.targets) for problem in self.mapped.call_problems],
            "groups": [
                {
                    "key": key,
                    "name": name,
                    "add": add,
                    "rows": [row for row in shown if group_of(row.row.target) == key],
                    "addable": self.targets.addable(key, there),
                }
                for key, (name, add) in GROUP_NAMES.items()
            ],
            "mapping_json": json.dumps(mapping.to_body(), ensure_ascii=False),
            "panel_at": f"{self.editing.panel[0]}.{self.editing.panel[1]}" if self.editing.panel else "",
        }

    def _each_help(self, lists: Mapping[str, int]) -> str:
        each = self.editing.mapping.each
        if not each:
            return str(_("This call is one registration.")) if self.value is not None else ""
        count = len(self.mapped.registrations)
        became = ngettext("This call becomes %(n)s registration.", "This call becomes %(n)s registrations.", count) % {"n": count}
        if each == ROOT_LIST:
            return f"{became} {_('Paths begin at the item.')}"
        own_paths = _("A path that begins with “%(list)s” is read from each registration’s own entry; any other applies to all of them.")
        return f"{became} {own_paths % {'list': each}}" if lists else became

    def _only_fields(self) -> list[str]:
        field_paths = [line.path for line in self._plain_lines(0) if line.path and line.kind in (LineKind.TEXT, LineKind.LITERAL)]
        own = self.editing.mapping.only_field
        return list(dict.fromkeys([*field_paths, *([own] if own else [])]))

    def _plain_lines(self, entry: int) -> tuple[JsonLine, ...]:
        if self.value is None:
            return ()
        each = self.editing.mapping.each
        return lines_of(self.value, {each: entry} if each else None, each=each)

    def _lines(self, entry: int) -> list[dict[str, Any]]:
        """The lines of the shown call, each with where it goes."""
        goes: dict[str, list[str]] = {}
        for row in self.editing.mapping.rows:
            for source in row.row.sources:
                goes.setdefault(source.key, []).append(str(self.targets.name(row.target)))
        rows = self.editing.mapping.rows
        open_keys = {source.key for source in rows[self.editing.open_row].row.sources} if rows else set()
        return [
            json_line(line, goes=", ".join(dict.fromkeys(goes.get(line.path, []))), on=line.path in open_keys)
            for line in self._plain_lines(entry)
        ]

    def _rows(self, entry: int) -> Iterator[CallRowShown]:
        registration = self.mapped.registrations[entry] if self.mapped.registrations else None
        problems = {problem.target: problem for problem in reversed(registration.problems)} if registration else {}
        for place, row in enumerate(self.editing.mapping.rows):
            chips = [_chip(part, is_open=self.editing.panel == (place, number)) for number, part in enumerate(row.row.parts)]
            shown = CallRowShown(place, row, self.targets.name(row.target), chips, place == self.editing.open_row)
            if registration is not None and row.row.parts:
                shown.result = shown_value(registration.document, row.target)
                if row.target in problems:
                    shown.error = _sentence(problems[row.target])
            shown.todo = self._todo(row)
            if self.editing.panel is not None and self.editing.panel[0] == place:
                shown.panel = self._panel(row, self.editing.panel[1])
            yield shown

    def _seen(self, row: CallRow, source: SourceValue) -> Counter[str]:
        return seen_values(self.editing.mapping, row, source.key, self.calls)

    def _todo(self, row: CallRow) -> str:
        """Which values of the last calls the row cannot place yet."""
        if not row.row.parts and row.target in REQUIRED:
            return str(_("Choose the field of the call that holds it, or type a text."))
        sources = list(row.row.sources)
        if len(sources) != 1 or len(row.row.parts) != 1 or not self.calls:
            return ""
        value_map, accepted = sources[0].value_map, self.targets.accepted(row.target)
        if value_map is not None and value_map.otherwise is not Otherwise.ERROR:
            return ""
        listed = {old.strip().casefold() for old, _new in value_map.entries} if value_map else accepted
        if not listed:
            return ""
        missing = {text: count for text, count in self._seen(row, sources[0]).items() if text.strip().casefold() not in listed}
        if not missing:
            return ""
        text, count = max(missing.items(), key=lambda pair: pair[1])
        if len(missing) > 1:
            return _("“%(value)s” and %(n)s more values are not matched yet. Open the field to choose values for them.") % {
                "value": text,
                "n": len(missing) - 1,
            }
        return ngettext(
            "“%(value)s” is not matched yet: %(n)s of the last calls would wait.",
            "“%(value)s” is not matched yet: %(n)s of the last calls would wait.",
            count,
        ) % {"value": text, "n": count}

    def _panel(self, row: CallRow, chip: int) -> CallPanel:
        part = row.row.parts[chip]
        name = self.targets.name(row.target)
        if isinstance(part, FixedText):
            return CallPanel(name, part.text)
        value_map = part.value_map or ValueMap((), Otherwise.ERROR)
        options = self.targets.options(row.target)
        seen = self._seen(row, part)
        entries = [MapEntry(old, new, _count(seen, old), _choices(options, new)) for old, new in value_map.entries]
        listed = {entry.theirs.strip().casefold() for entry in entries}
        if options or value_map.entries:
            unlisted = [(text, count) for text, count in seen.most_common(MOST_ENTRIES * 2) if text.strip().casefold() not in listed]
            entries += [MapEntry(text, "", count, _choices(options, "")) for text, count in unlisted]
        entries += [MapEntry("", "", 0, _choices(options, ""), is_new=True) for _number in range(self.editing.more_values)]
        otherwise = [
            Choice(Otherwise.ERROR.value, _("Wait for a corrected mapping"), value_map.otherwise is Otherwise.ERROR),
            Choice(Otherwise.KEEP.value, _("As it came"), value_map.otherwise is Otherwise.KEEP),
            Choice(Otherwise.TEXT.value, _("A value"), value_map.otherwise is Otherwise.TEXT),
        ]
        return CallPanel(name, None, entries, otherwise, value_map.text, part.if_empty)


def _sentence(problem: CallProblem) -> str:
    reason = translated(problem.reason)
    words = f"“{problem.value}” {reason}" if problem.value and problem.value not in reason else reason
    return f"{words[:1].upper()}{words[1:]} {translated(problem.cure)}"


def _count(seen: Counter[str], value: str) -> int:
    return sum(count for text, count in seen.items() if text.strip().casefold() == value.strip().casefold())


def _choices(options: Sequence[str], chosen: str) -> list[Choice]:
    """The options of a value, with the one that is there also if the set-up no longer has it."""
    own = [chosen] if chosen and chosen not in options else []
    return [Choice(option, option, option == chosen) for option in (*options, *own)] if options else []


def _chip(part: FixedText | SourceValue, *, is_open: bool) -> Chip:
    if isinstance(part, FixedText):
        stripped = part.text.strip(" ")
        before, after = len(part.text) - len(part.text.lstrip(" ")), len(part.text) - len(part.text.rstrip(" "))
        pieces = [ChipPiece("", "·" * before)] if before else []
        if stripped:
            pieces += [ChipPiece(stripped), *([ChipPiece("", "·" * after)] if after else [])]
        return Chip(part.text, True, tuple(pieces), open=is_open)
    mods = []
    if part.value_map is not None:
        count = len(part.value_map.entries)
        mods.append(ngettext("%(n)s value mapped", "%(n)s values mapped", count) % {"n": count})
    if part.if_empty:
        mods.append(_("“%(text)s” if empty") % {"text": part.if_empty})
    return Chip(part.key, False, (ChipPiece(part.key),), tuple(mods), is_open)


def json_line(line: JsonLine, *, goes: str = "", on: bool = False, text: str | None = None) -> dict[str, Any]:
    """A line of JSON for sources/json_lines.html. text: in place of the value, where it is masked."""
    words = line.text if text is None else text
    if line.kind is LineKind.OTHERS:
        words = ngettext("… and %(n)s more like it", "… and %(n)s more like it", line.others) % {"n": line.others}
    elif line.kind is LineKind.CUT:
        words = str(_("… and more"))
    return {
        "level": min(line.level, DEEPEST),
        "name": f'"{line.name}": ' if line.name else "",
        "text": words,
        "style": {LineKind.TEXT: "str", LineKind.LITERAL: "lit"}.get(line.kind, "p"),
        "path": line.path,
        "goes": goes,
        "on": on,
    }
