"""What is wrong with a whole file or mapping, and what is wrong with one of its rows."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.errors import HeliographError


class ImportFileError(HeliographError):
    """The file cannot be imported."""


class FileUnreadable(ImportFileError):
    """The file is not there, or may not be read."""


class NoTable(ImportFileError):
    """The file holds no table. Save it as CSV or .xlsx and choose it again."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row is refused. column: as the file's head names it, "" for the whole row. accepted: what would have been accepted, in words or values."""

    column: str
    value: str
    reason: str
    accepted: tuple[str, ...] = ()

    @property
    def accepted_text(self) -> str:
        """The accepted values as one text."""
        return ", ".join(self.accepted)
