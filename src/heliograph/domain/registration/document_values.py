"""Reads one value of a document, and says what is wrong with it (I2).

It refuses here what a database would refuse later (ARCHITECTURE.md, rule 2): NUL, lone surrogates, texts that are too long, numbers that
are too large.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from math import isfinite
from typing import TypeGuard

from heliograph.domain.errors import HeliographError
from heliograph.domain.registration.change import KEEP, Keep
from heliograph.domain.sentence_template import Sentence, at_place, joined
from heliograph.domain.setup.name_index import MAX_NAME, NameIndex, code_of

MAX_BITS = 1_000  # of a number given where a text is expected; Python refuses to print numbers of thousands of digits
SHOWN_ALLOWED = 50  # allowed values listed in a message
MOST_PROBLEMS = 25  # per document; reading stops there, or a megabyte of unknown names would produce a twenty-megabyte answer
YES, NO = "Yes", "No"


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """Why a document is refused."""

    field: str
    """Such as `answers.dietary`."""
    reason: str
    """The end of a sentence that begins with the field."""
    allowed: tuple[str, ...] = ()
    """The accepted values."""
    value: str = ""


class DocumentRefused(HeliographError):
    """The document is refused; nothing of it was recorded."""

    def __init__(self, problems: Iterable[DocumentProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(joined(" ", (at_place(p.field, p.reason) for p in self.problems)))


class DocumentReader:
    """Reads values of a document and collects the problems."""

    def __init__(self) -> None:
        self.problems: list[DocumentProblem] = []

    def problem(self, field: str, reason: str, allowed: Iterable[str] = (), value: object = "") -> None:
        """Notes a problem. Raises DocumentRefused if there are already MOST_PROBLEMS."""
        if len(self.problems) == MOST_PROBLEMS:
            raise DocumentRefused(
                [*self.problems, DocumentProblem("", Sentence("has more problems than these %(most)s.", most=MOST_PROBLEMS))]
            )
        self.problems.append(DocumentProblem(clean(field, 200), reason, tuple(islice(allowed, SHOWN_ALLOWED)), excerpt(value)))

    def stop(self) -> None:
        """Raises DocumentRefused if there are problems."""
        if self.problems:
            raise DocumentRefused(self.problems)

    def code(self, value: object, field: str, longest: int) -> str:
        if isinstance(value, str) and len(value) > MAX_NAME:  # before it is normalized
            self.problem(
                field, Sentence("is too long: %(count)s characters, at most %(most)s.", count=len(value), most=longest), value=value
            )
            return ""
        code = code_of(value) if isinstance(value, str) else ""
        if not code:
            self.problem(field, "is missing: a code is needed.")
            return ""
        text = self.text(code, field, longest)
        if not text.isprintable() and any(unicodedata.category(c) == "Cc" for c in text):
            self.problem(field, "must not contain control characters.", value=value)
        return text

    def text(self, value: object, field: str, longest: int) -> str:
        """A text unchanged, null as empty; numbers and booleans become text."""
        if is_plain_text(value, longest):
            return value
        if value is None:
            return ""
        if isinstance(value, bool):
            return YES if value else NO
        if isinstance(value, (int, float)):
            value = _digits(value)
        if not isinstance(value, str):
            self.problem(field, "must be a text.", value=value)
            return ""
        if len(value) > longest:
            self.problem(
                field, Sentence("is too long: %(count)s characters, at most %(most)s.", count=len(value), most=longest), value=value
            )
        elif "\0" in value:
            self.problem(field, "contains a NUL character.", value=value)
        elif not _is_encodable(value):
            self.problem(field, "contains half of a surrogate pair, which is not a character.", value=value)
        else:
            return value
        return ""

    def flag(self, value: object, field: str) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().casefold() in ("yes", "no"):
            return value.strip().casefold() == "yes"
        self.problem(field, "is neither yes nor no.", (YES, NO), value)
        return False

    def instant(self, value: object, field: str) -> datetime | None:
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.problem(field, "is not a time with an offset.", ("2026-03-01T09:30:00Z",), value)
            return None
        try:
            return at.astimezone(UTC)
        except OverflowError:
            self.problem(field, "is out of range.", value=value)
            return None

    def chosen(self, document: Mapping[str, object], field: str, known: NameIndex[int]) -> int | Keep:
        """The thing that the document names. Null or empty keeps the current one, because a registration always has a status (P3)."""
        id = self.chosen_or_none(document, field, known)
        return KEEP if id is None else id

    def chosen_or_none(self, document: Mapping[str, object], field: str, known: NameIndex[int]) -> int | Keep | None:
        if field not in document:
            return KEEP
        value = document[field]
        if value is None or value == "":
            return None
        return self.one_of(value, field, known)

    def one_of(self, value: object, field: str, known: NameIndex[int]) -> int | None:
        id = known.find(value) if isinstance(value, str) else None
        if id is None:
            self.problem(field, Sentence("“%(value)s” is not known here.", value=excerpt(value)), known.exact, value)
        return id

    def second(self, field: str, name: object, first: object, what: str) -> None:
        """Notes that the document names a thing twice: it is not clear which is meant."""
        self.problem(
            field,
            Sentence("names the same %(what)s as “%(first)s”. Name it once.", what=Sentence(what), first=excerpt(first)),
            value=name,
        )

    def mapping(self, value: object, field: str) -> Mapping[str, object]:
        if type(value) is dict:
            return value
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return value
        self.problem(field, "must be an object.", value=value)
        return {}


def is_plain_text(value: object, longest: int) -> TypeGuard[str]:
    """True for a text that certainly has no problem, as nearly all have none. Then no path for an error message has to be built."""
    return type(value) is str and len(value) <= longest and value.isascii() and "\0" not in value


def _is_encodable(text: str) -> bool:
    """True if it contains no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def excerpt(value: object) -> str:
    """A value for a message: short, and of characters that every database and encoder accepts."""
    if value is None:
        return "null"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return clean(_digits(value) or "a number", 100)
    return clean(value if isinstance(value, str) else type(value).__name__ if not isinstance(value, bool) else (YES if value else NO), 100)


def clean(text: str, longest: int) -> str:
    """A text for a message: truncated, with only characters that every database and encoder accepts, and none that controls a terminal."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    if not cut.isprintable():
        cut = "".join(c if unicodedata.category(c) != "Cc" else " " if c.isspace() else "�" for c in cut)
    return cut.encode("utf-8", "replace").decode()


def _digits(value: float) -> str | None:
    """A number as text; None if it cannot be stored as digits: NaN, infinity, or thousands of digits."""
    fits = value.bit_length() <= MAX_BITS if isinstance(value, int) else isfinite(value)
    return str(value) if fits else None
