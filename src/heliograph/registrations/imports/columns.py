"""The meaning of each column of a table: guessed from its name and values, or given in a file (docs/reference/import-columns.md).

A target is a path in the registration document (I2): `code`, `profile.email`, `answers.dietary`, `properties.Complete`, `sessions.KEYNOTE`;
`event.name` and the like are facts of the event, repeated in every row.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.domain.setup.compiled_setup import EventConfig, Field, QuestionType
from heliograph.domain.setup.fields import EVENT_FIELDS, PROFILE_FIELDS
from heliograph.domain.setup.name_index import code_of
from heliograph.domain.setup.statuses import SESSION_STATUSES
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES
from heliograph.registrations.imports.column_words import plain, standard_targets
from heliograph.registrations.imports.import_errors import ImportFileError
from heliograph.registrations.imports.refusal_file import REPORT_COLUMNS
from heliograph.registrations.imports.values import DateOrder, DateSigns, flag, parts

_UNDIVIDED_TARGETS: Final = ("event", "code", "modified", "status", "attendee_type", "active", "order_code")
_EVENT: Final = tuple(f"event.{name}" for name in EVENT_FIELDS if name != "code")
_KEYED: Final = ("profile.custom.", "answers.", "properties.", "sessions.")
_SPLITS: Final = ("|", ";", ", ")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
SAMPLE: Final = 2_000  # rows used for a guess
_MOST_OPTIONS: Final = 50  # distinct values up to which they still look like options
_NAMES_SHOWN: Final = 30
_TARGET_TAKEN: Final = gettext_noop("“%(column)s” is %(target)s already, so this column is left out.")
_DATES_DISAGREE: Final = gettext_noop(
    "%(most)s of %(dates)s dates can only be read %(order)s, the others only the other way round; unless later rows say otherwise, %(order)s."
)
_ONE_DATE_SHOWS: Final = gettext_noop(
    "Only %(votes)s of %(dates)s dates shows whether the day or the month comes first; unless later rows say otherwise, %(order)s."
)
_FEW_DATES_SHOW: Final = gettext_noop(
    "Only %(votes)s of %(dates)s dates show whether the day or the month comes first; unless later rows say otherwise, %(order)s."
)


class ColumnsError(ImportFileError):
    """The columns cannot be used as they are."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file."""

    name: str
    target: str = ""
    """The target of its values; "" if the column is not imported."""
    split: str = ""
    """The separator between the answers of one cell; "" if each cell is one answer."""
    date: DateOrder = DateOrder.DAY_FIRST
    """How dates are read that do not show their order."""
    split_given: bool = False
    """True if a person gave `split`, even as ""; otherwise it is guessed."""
    date_given: bool = False
    """True if a person gave `date`; otherwise the unambiguous dates of the column decide."""
    why: str = ""
    """The origin of the target: "given" by a person, or guessed from the "name" or the "values"; "" if nobody gave one and none was guessed."""
    doubt: str = ""
    """What a person should check."""


@dataclass(frozen=True, slots=True)
class Given:
    """A column mapping that a person gave, as a file or in the wizard."""

    columns: Mapping[str, Column]
    """By name."""
    event: str = ""
    """The event of rows that name none."""
    only: bool = False
    """True if columns without a mapping are left out; otherwise they are guessed."""


# --- given in a file


def read_given(path: Path) -> Given:
    """Reads a column mapping. Raises ColumnsError with the place and the error."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ColumnsError(gettext_noop("%(file)s cannot be read: %(reason)s."), file=str(path), reason=str(error)) from None
    try:
        return given_from_body(json.loads(text))
    except (ValueError, RecursionError, BodyError) as error:
        raise ColumnsError(gettext_noop("%(file)s is not a column mapping: %(reason)s."), file=str(path), reason=str(error)) from None


def given_from_body(mapping: object) -> Given:
    """A column mapping as JSON. Raises BodyError, ColumnsError."""
    body = Body(mapping)
    columns = mapping.get("columns", {}) if isinstance(mapping, Mapping) else None
    if not isinstance(columns, Mapping):
        raise BodyError("columns", "expected an object: name of the column -> target")
    return Given(
        {name: _given_column(name, value) for name, value in columns.items()}, event=body.text("event", longest=25), only=body.flag("only")
    )


def _given_column(name: str, value: object) -> Column:
    if value is None or value == "":
        return Column(name, why="given")
    body = Body({"to": value} if isinstance(value, str) else value, f"columns[{name!r}]")
    target, split = checked_target(body.text("to")), body.text("split", longest=5)
    date = body.choice("date", DateOrder, DateOrder.DAY_FIRST)
    return Column(name, target, split, date, split_given=body.has("split"), date_given=body.has("date"), why="given")


def checked_target(target: str) -> str:
    """The target itself. Raises ColumnsError if it does not exist."""
    if (
        target in _UNDIVIDED_TARGETS
        or target in _EVENT
        or (target.removeprefix("profile.") in PROFILE_FIELDS and target.startswith("profile."))
    ):
        return target
    if any(target.startswith(area) and code_of(target.removeprefix(area)) for area in _KEYED):
        return target
    raise ColumnsError(
        gettext_noop(
            "There is no target “%(target)s”. Targets are %(targets)s, profile.<field>, and profile.custom.<code>,"
            " answers.<question>, properties.<name>, sessions.<code>."
        ),
        target=target,
        targets=", ".join([*_UNDIVIDED_TARGETS, *_EVENT]),
    )


# --- guessed


@dataclass(frozen=True, slots=True)
class Known:
    """The configuration after which a column may be named: custom fields, questions, properties and sessions."""

    account: AccountConfig
    events: Sequence[EventConfig] = ()

    def questions(self) -> Iterable[Field]:
        return (q for event in self.events for q in event.questions.values())

    def names(self) -> dict[str, str]:
        """Plain name -> target, for custom fields, questions, properties and sessions."""
        targets: dict[str, str] = {}
        for event in self.events:
            for session in event.sessions.values():
                targets |= {plain(n): f"sessions.{session.code}" for n in (session.name, session.code)}
            for flagged in event.properties.values():
                targets |= {plain(n): f"properties.{flagged.name}" for n in (flagged.code, flagged.name)}
        for label in STANDARD_PROPERTY_NAMES.values():
            targets[plain(label)] = f"properties.{label}"
        for field in self.account.profile_fields.values():
            targets |= {plain(n): f"profile.custom.{field.code}" for n in (field.label, field.code)}
        for question in self.questions():
            targets |= {plain(n): f"answers.{question.code}" for n in (question.label, question.code)}
        targets.pop("", None)
        return targets


def guess(names: Sequence[str], sample: Sequence[Sequence[str]], known: Known, given: Given | None = None) -> list[Column]:
    """One column for each name; together they make documents. Raises ColumnsError if they cannot.

    sample: the cells of the first rows.
    given: a person's column mapping; every other column is guessed.
    """
    columns = guess_unchecked(names, sample, known, given)
    check_together(columns)
    return columns


def guess_unchecked(names: Sequence[str], sample: Sequence[Sequence[str]], known: Known, given: Given | None = None) -> list[Column]:
    """Like `guess`, but does not check that the columns together make documents. Raises ColumnsError if `given` names a missing column."""
    mapping = given or Given({})
    unknown = [name for name in mapping.columns if name not in names]
    if unknown:
        sentence = gettext_noop("The file has no column %(missing)s. Its columns are %(names)s.")
        raise ColumnsError(sentence, missing=", ".join(map(repr, unknown)), names=_listed(names))
    standard, own = standard_targets(), known.names()
    taken = {c.target: c.name for c in mapping.columns.values() if c.target}
    columns = []
    for index, name in enumerate(names):
        cells = [row[index] for row in sample if index < len(row)]
        if name in mapping.columns:
            column = mapping.columns[name]
        elif mapping.only or name in REPORT_COLUMNS:
            column = Column(name)
        else:
            column = _guessed(name, cells, standard, own)
            if column.target in taken:
                column = Column(name, doubt=Sentence(_TARGET_TAKEN, column=taken[column.target], target=column.target))
            elif column.target:
                taken[column.target] = name
        columns.append(_with_details(column, cells, known))
    return columns


def check_together(columns: Sequence[Column]) -> None:
    """Raises ColumnsError if two columns have the same target, or none contains the registration's code."""
    twice = [t for t, n in Counter(c.target for c in columns if c.target).items() if n > 1]
    if twice:
        raise ColumnsError(gettext_noop("Two columns go to %(targets)s; only one can."), targets=", ".join(twice))
    if "code" not in (c.target for c in columns):
        sentence = gettext_noop("No column contains the registration code. Name it in a column mapping; the columns are %(names)s.")
        raise ColumnsError(sentence, names=_listed([c.name for c in columns]))


def _guessed(name: str, cells: Sequence[str], standard: Mapping[str, str], own: Mapping[str, str]) -> Column:
    for area in ("answers", "profile.custom", "properties", "sessions"):  # the document's own paths
        key = name[len(area) + 1 :].strip()
        if name.casefold().startswith(f"{area}.") and key:
            return Column(name, f"{area}.{key}", why="name")
    word = plain(name)
    target = standard.get(word) or own.get(word)
    if target:
        return Column(name, target, why="name")
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return Column(name)
    if sum(_EMAIL.fullmatch(cell) is not None for cell in filled) > 0.8 * len(filled):
        return Column(name, "profile.email", why="values", doubt=gettext_noop("A guess: its values are e-mail addresses."))
    if all(cell in SESSION_STATUSES for cell in filled):
        return Column(name, f"sessions.{code_of(name)}", why="values", doubt=gettext_noop("A guess: its values are session statuses."))
    separator = _separator_in(filled)
    options = {part for cell in set(filled) for part in parts(cell, separator)}
    is_yes_or_no = all(isinstance(flag(cell), bool) for cell in set(filled))
    are_few = len(filled) >= 10 * len(options) and len(options) <= _MOST_OPTIONS and max(map(len, options)) <= 100
    if is_yes_or_no or are_few:
        return Column(
            name,
            f"answers.{code_of(name)}",
            why="values",
            doubt=gettext_noop("A guess: its few values look like the answers to a question."),
        )
    return Column(name)


def _with_details(column: Column, cells: Sequence[str], known: Known) -> Column:
    """Guesses the separator of lists and the order of dates from the cells, unless a person gave them, and adds the doubt about that order."""
    area, _, key = column.target.partition(".")
    if column.target == "modified" or column.target in ("event.start", "event.end"):
        return _with_date_order(column, cells)
    if column.target.startswith("profile.custom."):
        fields: list[Field] = [f for f in known.account.profile_fields.values() if f.code == column.target.removeprefix("profile.custom.")]
    elif area == "answers":
        fields = [q for q in known.questions() if plain(q.code) == plain(key) or plain(q.label) == plain(key)]
    else:
        return column
    types = {f.type for f in fields}
    if QuestionType.DATE in types:
        return _with_date_order(column, cells)
    if not column.split and not column.split_given and (not types or types & QuestionType.MANY):
        options = {o for f in fields for o in f.options}
        return replace(column, split=_separator_in([c.strip() for c in cells if c.strip() and c.strip() not in options], options))
    return column


def _with_date_order(column: Column, cells: Sequence[str]) -> Column:
    if column.date_given:
        return column
    signs = DateSigns()
    for cell in cells:
        signs.add(cell)
    return replace(column, date=signs.order, doubt=column.doubt if signs.sure else _date_doubt(signs))


def _date_doubt(signs: DateSigns) -> str:
    order = Sentence(signs.order.value)
    if signs.day_first and signs.month_first:
        most = max(signs.day_first, signs.month_first)
        return Sentence(_DATES_DISAGREE, most=most, dates=signs.votes, order=order)
    if signs.votes:
        return Sentence(_ONE_DATE_SHOWS if signs.votes == 1 else _FEW_DATES_SHOW, votes=signs.votes, dates=signs.dates, order=order)
    if signs.order is DateOrder.DAY_FIRST:
        return gettext_noop("Dates could be read day or month first; unless later rows say otherwise, day first.")
    return gettext_noop("Dates could be read day or month first; unless later rows say otherwise, month first.")


def with_date_orders(columns: Sequence[Column], signs: Mapping[str, DateSigns]) -> list[Column]:
    """The columns with the date order that the whole file shows. The sample may not show it, if all its dates lie in the first 12 days of a month."""
    return [replace(c, date=signs[c.name].order) if c.name in signs and not c.date_given else c for c in columns]


def _separator_in(filled: Sequence[str], options: Iterable[str] = ()) -> str:
    """The separator between the answers of one cell; "" if each cell is one answer.

    A sign is a separator if at least half of the distinct parts that it makes also occur as whole cells or as options. The bar is rare in free
    text, so it is also a separator if at least half of the distinct cells are lists or single items of lists. From ten lists on, more than a
    fifth of their items must then be repeats, because free text repeats less.
    """
    distinct = set(filled)
    whole_values = {*distinct, *options}
    for separator in _SPLITS:
        cells_with_it = [cell for cell in distinct if separator in cell]
        answers = [part.strip() for cell in cells_with_it for part in cell.split(separator) if part.strip()]
        pieces = set(answers)
        are_lists = 2 * (len(cells_with_it) + len(distinct & pieces)) >= len(distinct)
        have_repeats = len(cells_with_it) < 10 or len(pieces) < 0.8 * len(answers)
        if pieces and (len(pieces & whole_values) * 2 >= len(pieces) or (separator == "|" and are_lists and have_repeats)):
            return separator
    return ""


def _listed(names: Sequence[str]) -> str:
    first_names = ", ".join(map(repr, names[:_NAMES_SHOWN]))
    more = len(names) - _NAMES_SHOWN
    return Sentence("%(names)s and %(n)s more", names=first_names, n=more) if more > 0 else first_names


def as_json(columns: Iterable[Column]) -> list[dict[str, Any]]:
    """Columns for a job's parameters."""
    return [asdict(c) for c in columns]


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[Column]:
    """Reads what `as_json` returned."""
    return [Column(**{**row, "date": DateOrder(row["date"])}) for row in rows]
