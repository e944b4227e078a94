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
    """Why a row is refused."""

    column: str
    """The column's name in the head of the file; empty for the whole row."""
    value: str
    reason: str
    accepted: tuple[str, ...] = ()
    """The accepted values, or words for them."""

    @property
    def accepted_text(self) -> str:
        """The accepted values as one text."""
        return ", ".join(self.accepted)
