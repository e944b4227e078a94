"""Errors about a whole file or column mapping, and problems of one row."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.errors import HeliographError


def gettext_noop(sentence: str) -> str:
    """Marks a sentence for translators, as Django's function of this name does: the process that reads a file has no Django."""
    return sentence


class ImportFileError(HeliographError):
    """The file cannot be imported."""

    def __init__(self, sentence: str | None = None, /, **values: str | int) -> None:
        """values: by their names in the sentence; an int is shown with separators of thousands. Pages put them into the translated sentence."""
        self.sentence, self.values = sentence, values
        texts = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        super().__init__(sentence % texts if sentence and texts else sentence)


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
