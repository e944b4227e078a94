"""Rows of a table as registration documents, by the meaning of their columns (I2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from heliograph.domain.sentence_template import gettext_noop, with_capital
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.domain.setup.name_index import code_of
from heliograph.domain.setup.statuses import SESSION_STATUSES
from heliograph.registrations.imports.column_words import NO, YES, plain
from heliograph.registrations.imports.columns import Column, ColumnsError, Known
from heliograph.registrations.imports.import_errors import RowProblem
from heliograph.registrations.imports.rows import FileRow, clip_value
from heliograph.registrations.imports.values import DATE_EXAMPLES, day, flag, moment, parts, zone

_SEVERAL: Final = ("answers.", "profile.custom.")
"""The prefixes of targets that take a list of values."""


class Mapper:
    """Turns rows into registration documents.

    event: the event of rows that name none
    """

    def __init__(self, columns: Sequence[Column], known: Known, event: str = "") -> None:
        self.columns = tuple(columns)
        self._event = event
        self._zones = {e.code: zone(e.state.timezone) for e in known.events}
        self._zone = zone(known.account.timezone)
        options: dict[str, set[str]] = {}
        date_questions: set[str] = set()
        for question in known.questions():
            options.setdefault(plain(question.code), set()).update(question.options)
            if question.type == QuestionType.DATE:
                date_questions.add(plain(question.code))
        date_fields = {f"custom.{f.code}" for f in known.account.profile_fields.values() if f.type == QuestionType.DATE}
        self._date_columns = [
            (index, column.name)
            for index, column in enumerate(columns)
            for area, _, key in [column.target.partition(".")]
            if column.target in ("modified", "event.start", "event.end")
            or (area == "answers" and plain(key) in date_questions)
            or key in date_fields
        ]
        self._readers: list[tuple[int, Column, Callable[[str], object]]] = [
            (index, column, self._reader(column, options, date_questions, date_fields))
            for index, column in enumerate(columns)
            if column.target and not column.target.startswith("event.")
        ]
        self._facts = [(index, column) for index, column in enumerate(columns) if column.target.startswith("event.")]
        self._by_target = {column.target: column.name for column in columns if column.target}
        self._modified = next((column for column in columns if column.target == "modified"), None)
        if "event" not in self._by_target and not event:
            raise ColumnsError(gettext_noop("No column names the event; say which event the rows belong to, or which column names it."))

    def document(self, row: FileRow) -> tuple[dict[str, Any], list[RowProblem]]:
        """The row as a document, and the problems that show without the database.

        An empty cell becomes null, which clears the stored value (I2); for status, event, code, active, modified, sessions and Test it is left
        out. A cell that the row does not have leaves the stored value alone.
        """
        document: dict[str, Any] = {"event": self._event} if self._event else {}
        problems: list[RowProblem] = []
        cells, absent, lists = row.cells, row.absent, row.lists
        for index, column, read in self._readers:
            if index in absent:
                continue
            cell = cells[index]
            if index in lists and column.target.startswith(_SEVERAL):
                _put(document, column.target, list(lists[index]) or None)
            elif index in lists:
                problems.append(RowProblem(column.name, clip_value(cell), gettext_noop("Takes one value, not a list.")))
            else:
                _put(document, column.target, read(cell) if cell.strip() else None)
        event = document.get("event") or self._event
        document["event"] = event
        text = document.get("modified")
        if text is not None and self._modified is not None:
            at = moment(str(text), self._modified.date, self._zones.get(code_of(str(event or "")), self._zone))
            if at is None:
                problems.append(
                    RowProblem(self._modified.name, str(text)[:100], with_capital(gettext_noop("is not a date or time.")), DATE_EXAMPLES)
                )
                del document["modified"]
            else:
                document["modified"] = at.isoformat()
        return document, problems

    def dates(self, cells: Sequence[str]) -> Iterable[tuple[str, str]]:
        """The name and the cell of each column of dates, also of empty cells."""
        return ((name, cells[i]) for i, name in self._date_columns)

    def facts(self, cells: Sequence[str]) -> dict[str, str]:
        """The row's facts about its event: name, status, start, end, timezone, location."""
        return {c.target.removeprefix("event."): cells[i].strip() for i, c in self._facts if cells[i].strip()}

    def column_of(self, place: str) -> str:
        """The column of a problem's path in the document; the path itself if there is none. For a session, the first session column."""
        if place.startswith("sessions["):
            return next((n for t, n in self._by_target.items() if t.startswith("sessions.")), place)
        return self._by_target.get(place, place)

    def _reader(
        self, column: Column, options: Mapping[str, set[str]], date_questions: set[str], date_fields: set[str]
    ) -> Callable[[str], object]:
        area, _, key = column.target.partition(".")
        if column.target == "active" or area == "properties":
            return flag
        if area == "sessions":
            return _session_status
        if (area == "answers" and plain(key) in date_questions) or key in date_fields:
            return lambda cell: parsed_day.isoformat() if (parsed_day := day(cell, column.date)) else cell
        if column.split:
            known = options.get(plain(key), set())
            return lambda cell: parts(cell, column.split, known)
        return lambda cell: cell


def _session_status(cell: str) -> object:
    """Yes means registered; an empty or No cell is ignored."""
    word = cell.strip().casefold()
    return SESSION_STATUSES[0] if word in YES else None if word in NO else cell.strip()


def _put(document: dict[str, Any], target: str, value: object) -> None:
    area, _, key = target.partition(".")
    if area == "profile" and key.startswith("custom."):
        document.setdefault("profile", {}).setdefault("custom", {})[key.removeprefix("custom.")] = value
    elif area == "sessions":
        if value is not None:
            document.setdefault("sessions", []).append({"code": key, "status": value})
    elif area == target:  # a target without a dot
        if value is not None or target not in ("status", "event", "code", "active", "modified"):
            document[target] = value
    elif value is not None or target != "properties.Test":  # an empty cell leaves a new registration in a test event marked Test (P9)
        document.setdefault(area, {})[key] = value
