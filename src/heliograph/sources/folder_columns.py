"""The reading that a watched folder remembers: which column of its files means what (S7). Its JSON is that of docs/reference/import-columns.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from django.utils.translation import gettext as _

from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.jobs.models import Job, JobState
from heliograph.registrations.imports.columns import (
    Column,
    ColumnsError,
    Given,
    check_together,
    from_json,
    given_from_body,
    guess_unchecked,
)
from heliograph.registrations.imports.preparation import KIND
from heliograph.registrations.imports.row_mapper import Mapper
from heliograph.registrations.imports.uploads import Sheet

MOST_COLUMNS: Final = 2_000
_MAY_BE_DATES: Final = ("modified", "event.start", "event.end", "answers.", "profile.custom.")


@dataclass(frozen=True, slots=True)
class FolderReading:
    """How the files of a folder are read."""

    columns: Mapping[str, Column] = field(default_factory=dict)
    """Those that are imported, by name; empty for registration documents (NDJSON)."""
    event: str = ""
    """The event of rows that name none."""

    @classmethod
    def from_body(cls, body: object) -> Self:
        """Reads a reading. Raises BodyError, ColumnsError."""
        given = given_from_body(body)
        if len(given.columns) > MOST_COLUMNS:
            raise BodyError("columns", "at most %(most)s columns are possible", most=MOST_COLUMNS)
        columns = {name: column for name, column in given.columns.items() if column.target}
        reading = cls(columns, given.event)
        if columns:
            check_together(list(columns.values()))
        if reading.lacks_event:
            raise ColumnsError(_("No column names the event; say which event the rows belong to, or which column names it."))
        return reading

    @property
    def lacks_event(self) -> bool:
        """Whether nothing says to which event a row belongs."""
        return bool(self.columns) and not self.event and "event" not in (column.target for column in self.columns.values())

    @classmethod
    def from_import(cls, job: Job) -> Self:
        """The reading of an import by hand.

        The order of dates is remembered if it was certain, and the sign between several answers if there were such cells; each file decides on
        what is not remembered.
        """
        columns = from_json(job.parameters["columns"])
        remembered = {
            column.name: replace(column, why="given", date_given=_has_certain_dates(column), split_given=bool(column.split))
            for column in columns
            if column.target
        }
        return cls(remembered, job.parameters["event"])

    def to_body(self) -> dict[str, Any]:
        """The reading as JSON."""
        return {"event": self.event, "columns": {name: _column_body(column) for name, column in self.columns.items()}}

    def fitted(self, sheet: Sheet) -> list[Column]:
        """The columns of a file. Columns that the reading does not name are not imported. Raises ColumnsError if the file does not fit."""
        if sheet.form.is_documents:
            return []
        if not self.columns:
            raise ColumnsError(_("The files of this folder are registration documents (NDJSON), and this one is a table."))
        columns = guess_unchecked(sheet.names, sheet.sample, sheet.known, Given(self.columns, only=True))
        check_together(columns)
        Mapper(columns, sheet.known, self.event)
        return columns


def reading_of(settings: str) -> FolderReading | None:
    """The reading in the settings of a source; None if it remembers none."""
    stored = json.loads(settings or "{}")
    try:
        return FolderReading.from_body(stored["folder"]) if isinstance(stored, dict) and "folder" in stored else None
    except (BodyError, ColumnsError):
        return None


def imports_to_remember(most: int) -> Sequence[Job]:
    """The newest imports of the account in scope that were done, without those of folders; newest first."""
    done = Job.objects.filter(kind=KIND, state=JobState.DONE).exclude(parameters__dry_run=True).exclude(created_by__startswith="source:")
    return list(done.order_by("-pk")[:most])


def _has_certain_dates(column: Column) -> bool:
    return column.date_given or (not column.doubt and column.target.startswith(_MAY_BE_DATES))


def _column_body(column: Column) -> dict[str, Any]:
    body: dict[str, Any] = {"to": column.target}
    if column.split_given:
        body["split"] = column.split
    if column.date_given:
        body["date"] = column.date.value
    return body
