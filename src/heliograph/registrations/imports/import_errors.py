"""Errors about a whole file or column mapping, and problems of one row."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.errors import HeliographError


class ImportFileError(HeliographError):
    """The file cannot be imported."""


class FileUnreadable(ImportFileError):
    """The file does not exist, or may not be read."""


class NoTable(ImportFileError):
    """The file contains no table. Save it as CSV or .xlsx and choose it again."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row is refused. column: its name in the file's header, "" for the whole row. accepted: what would have been accepted, in words
    or values."""

    column: str
    value: str
    reason: str
    accepted: tuple[str, ...] = ()

    @property
    def accepted_text(self) -> str:
        """The accepted values as one text."""
        return ", ".join(self.accepted)
