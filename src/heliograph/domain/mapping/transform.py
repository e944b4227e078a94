"""How a mapping transforms values: trim and case, date formats, escapes, and the types of target fields (guide: Transformations; M4, M9).

Everything is a pure function of a text or one value. Regular expressions are fixed and linear; none comes from a user.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from heliograph.domain.sentence_template import Sentence, SentenceValue
from heliograph.domain.setup.fields import Value


class Case(StrEnum):
    """At most one per row, applied to the whole result."""

    LOWER = "lower case"
    PROPER = "Proper Case"
    UPPER = "UPPER CASE"


class DateFormat(StrEnum):
    """The formats of dates and instants; instants are in the event's timezone."""

    ISO = "ISO 8601"
    DATE = "Date only"
    DAY_FIRST = "Day-month-year"
    WORDS = "In words"
    EPOCH = "Epoch, ms"
    PATTERN = "A pattern"


class Escape(StrEnum):
    """Prevents a registrant's text from acting as markup in the target application."""

    SLACK = "Slack"
    HTML = "HTML"
    MARKDOWN = "Markdown"
    CHAT = "Chat"
    """For chats in which a backslash does not disarm everything: marks and mentions become their full-width twins."""


class Unfit(Exception):
    """A value does not fit its row: `reason` says why. Caught within rendering; it never leaves the domain."""

    def __init__(self, reason: str, value: str = "", /, **values: SentenceValue) -> None:
        """values: those of the reason, if it is a template."""
        self.reason = Sentence(reason, **values)
        self.value = value
        super().__init__(self.reason)


# --- trim and case

# Runs of spaces of any width, but not line breaks: notes keep their lines.
_SPACES: Final = re.compile(r"[^\S\n\r\v\f\x1c-\x1e\x85\u2028\u2029]{2,}")
_MARKS: Final = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PIECE: Final = rf"(?:[^\W_]|[{_MARKS}])+"
_WORD: Final = re.compile(rf"{_PIECE}(?:['’]{_PIECE})*")
_TITLE_AGREES: Final = "\u0180"  # beyond Latin Extended-A, str.title() starts a new word after letters without case
_APOSTROPHE: Final = re.compile(r"(['’])")
_ENDINGS: Final = frozenset({"s", "t", "d", "m", "re", "ve", "ll"})  # it's, don't, we're: no new name starts after these apostrophes


def trim(text: str) -> str:
    """Strips surrounding spaces, and collapses runs of spaces to one."""
    text = text.strip()
    return text if " ".join(text.split()) == text else _SPACES.sub(" ", text)


def one_line(text: str, *, longest: int) -> str:
    """The text on one line, and of one that is longer the beginning, with "…"."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def proper_case(text: str) -> str:
    """Each word with a capital first letter: O'Brien, Jean-Luc, Élodie D'Angelo, but don't as Don't, 3rd as 3rd."""
    if text.replace(" ", "").replace("-", "").isalpha() and max(text) < _TITLE_AGREES:
        return text.title()  # the usual name, four times as fast
    return _WORD.sub(_proper_word, text)


def _proper_word(match: re.Match[str]) -> str:
    word = match[0]
    if "'" not in word and "’" not in word:
        return _capitalised(word)
    first, *rest = _APOSTROPHE.split(word)
    return _capitalised(first) + "".join(piece.lower() if piece.lower() in _ENDINGS else _capitalised(piece) for piece in rest)


def _capitalised(piece: str) -> str:
    first = piece[:1]
    # title(), not upper(): ǆ becomes ǅ. The rest is cut from the lower-cased whole, so that a final sigma stays one
    return first.title() + piece.lower()[len(first.lower()) :]


CASES: Final[Mapping[Case, Callable[[str], str]]] = {Case.LOWER: str.lower, Case.PROPER: proper_case, Case.UPPER: str.upper}


# --- escapes

_MARKDOWN: Final = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]()<>#|~&"})
_LINE_START: Final = re.compile(r"^(\s*(?:\d{1,9})?)([-+=.)])", re.MULTILINE)  # the start of a list or an underlined heading

_CHAT: Final = str.maketrans({c: chr(ord(c) + 0xFEE0) for c in "@#*_~`|<>[]\\"})  # "@" becomes "＠": it reads the same, and mentions nobody


def _slack(text: str) -> str:
    return html.escape(text, quote=False)  # exactly & < >, as Slack asks for


def _markdown(text: str) -> str:
    return _LINE_START.sub(r"\1\\\2", text.translate(_MARKDOWN))


ESCAPES: Final[Mapping[Escape, Callable[[str], str]]] = {
    Escape.SLACK: _slack,
    Escape.HTML: html.escape,
    Escape.MARKDOWN: _markdown,
    Escape.CHAT: lambda text: text.translate(_CHAT),
}


# --- dates

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


MAX_PATTERN: Final = 100
_TOKENS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "YYYY": lambda at: f"{at.year:04}",
    "YY": lambda at: f"{at.year % 100:02}",
    "MMMM": lambda at: _MONTHS[at.month - 1],
    "MMM": lambda at: _MONTHS[at.month - 1][:3],
    "MM": lambda at: f"{at.month:02}",
    "M": lambda at: str(at.month),
    "DD": lambda at: f"{at.day:02}",
    "D": lambda at: str(at.day),
    "HH": lambda at: f"{at.hour:02}",
    "H": lambda at: str(at.hour),
    "mm": lambda at: f"{at.minute:02}",
    "ss": lambda at: f"{at.second:02}",
}
_TOKEN: Final = re.compile(rf"'([^']*)'|({'|'.join(_TOKENS)})")


def has_token(pattern: str) -> bool:
    """Whether a pattern names any part of a date."""
    return any(match[2] for match in _TOKEN.finditer(pattern))


def formatted(value: Value, how: DateFormat, zone: tzinfo, pattern: str = "") -> str:
    """A date, an instant or the ISO text of one, in this format. Raises Unfit for anything else.

    pattern: that of DateFormat.PATTERN, with YYYY, YY, MMMM (January), MMM (Jan), MM, M, DD, D, HH, H, mm and ss. Any other text, and text in single
        quotes, is sent as it is.
    """
    moment = _moment(value)
    try:
        if isinstance(moment, datetime):
            moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
        if how is DateFormat.EPOCH:
            start = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day, tzinfo=zone)
            return str((start - _EPOCH) // _MILLISECOND)
    except (OverflowError, ValueError):
        raise Unfit("is too far away for a date", str(value)) from None
    if how is DateFormat.ISO:
        return moment.isoformat(timespec="seconds") if isinstance(moment, datetime) else moment.isoformat()
    if how is DateFormat.PATTERN:
        at = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - a day has no zone
        return _TOKEN.sub(lambda match: _TOKENS[match[2]](at) if match[2] else match[1], pattern)
    if how is DateFormat.DATE:
        return f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
    if how is DateFormat.DAY_FIRST:
        return f"{moment.day:02}-{moment.month:02}-{moment.year:04}"
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _moment(value: Value) -> date:
    if isinstance(value, date):
        return value
    text = text_of_plain(value).strip()
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise Unfit("is not a date", text) from None


# --- values as text


def texts_of(value: Value, zone: tzinfo) -> tuple[str, ...]:
    """The value's texts: several only for a multi-select; empty ones are omitted."""
    if isinstance(value, tuple):
        return tuple(text for text in value if text)
    text = text_of(value, zone)
    return (text,) if text else ()


def text_of(value: Value, zone: tzinfo) -> str:
    """The value as text (M9): Yes or No for flags, ISO 8601 in the event's time zone for instants, ", " between the values of a multi-select."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, date):
        return formatted(value, DateFormat.ISO, zone)
    return text_of_plain(value)


def text_of_plain(value: Value) -> str:
    """The text of a value that is not a date."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, tuple):
        return ", ".join(text for text in value if text)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        if abs(value).bit_length() > 1024:  # Python refuses to print numbers with too many digits
            raise Unfit("is too large a number")
        return str(value)
    return "" if value is None else str(value)


# --- text as the target's types

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TRUE: Final = frozenset({"yes", "true", "1", "on"})
_FALSE: Final = frozenset({"no", "false", "0", "off"})
_LARGEST: Final = 2**63
_EXACT: Final = 2**53  # beyond it a number with a point or an exponent may not be the whole number that it seems


def number_of(text: str) -> int | float:
    """The number in a text, as an int if it is whole: 3 for 3.0, 1000 for 1e3.

    Raises Unfit for anything that is not a finite decimal number that fits a 64-bit float or integer, such as "1,000" or "2 and a baby".
    """
    stripped = text.strip()
    if len(stripped) > 40 or not _NUMBER.fullmatch(stripped):
        raise Unfit("is not a number", text)
    if stripped.lstrip("+-").isdigit():
        whole = int(stripped)
        if -_LARGEST <= whole < _LARGEST:
            return whole
        raise Unfit("is too large a number", text)
    number = float(stripped)
    if abs(number) == float("inf"):
        raise Unfit("is too large a number", text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def boolean_of(text: str) -> bool:
    """True for Yes, true, 1 and on, False for their opposites, in any case. Raises Unfit for anything else."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Unfit("is neither Yes nor No", text)
