"""What of a target's own words may stand in a message: nothing that could be a value of a registration, or a secret (B4)."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 120
_DOUBTFUL: Final = re.compile(
    r"@|[a-z]:\S|//|\]\(|[<>]|\w\.[a-z]{2,}|\d{4,}|[a-z0-9+/_=-]{24,}|\+\d|'[^']*'|\"[^\"]*\"|[‘“„«][^’”»]*[’”»]", re.IGNORECASE
)
"""An address, what mail programs and chats make a link of, a number of four digits or more, what looks like a key, a phone number, and whatever
is quoted."""


def quotable(words: str) -> str:
    """The words in one line, if they name no value; else "".

    A target that refuses its credentials answers with a sentence of its own ("The token has expired."). One that refuses a registration
    often repeats a value of it: such words stay on the pages, behind the sign-in.
    """
    line = " ".join(words.split())
    if not line.isprintable() or len(line) > LONGEST or _DOUBTFUL.search(line):
        return ""
    return line
