"""Cells of the CSV files that people open in spreadsheets: none of them begins a formula (rule I4; docs/reference/security.md).

The texts come from elsewhere: anybody who registers chooses some of them.
"""

from __future__ import annotations

import re
from typing import Final

_FORMULA: Final = r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
"""The start of a formula. The last four are full-width forms, which some spreadsheets accept; tabs and line ends are dropped by some of
them."""
INVISIBLE: Final = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that a spreadsheet may drop or not show: those of the categories Cf and Cc except white space, and all others that Unicode calls
ignorable by default or draws as nothing.

A byte order mark, a zero-width space or a soft hyphen before `=` would hide a formula from a check of the first character, but not from the
spreadsheet.
"""
_BEGINS: Final = r"(?:\A|(?<=[\s,;|:]))"
"""Where a cell may start for some reader: at the beginning, after a separator or white space, on a new line.

A reader that splits at `;` does not know our quotes: the cell `x;=1`, which we write as `"x;=1"`, ends for it in a cell `=1"`.
"""
_UNSAFE: Final = re.compile(rf"""{_BEGINS}(?=["'{INVISIBLE}]*{_FORMULA})""")
_MADE_SAFE: Final = re.compile(rf"""{_BEGINS}'(?=["'{INVISIBLE}]*{_FORMULA})""")


def without_formula(text: str) -> str:
    """A text that no spreadsheet reads as a formula, at whatever separator it splits the line: each part that would be one gets an apostrophe
    in front.

    Apostrophes that are there already get one more, so that `original_cell` can remove it: `=1` becomes `'=1`, `'=1` becomes `''=1`.
    """
    return _UNSAFE.sub("'", text)


def original_cell(text: str) -> str:
    """Reverts `without_formula`."""
    return _MADE_SAFE.sub("", text)
