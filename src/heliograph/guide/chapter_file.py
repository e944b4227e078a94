"""The Markdown of a chapter: docs/guide/<language>/<chapter>.md, else the English docs/guide/<chapter>.md (docs/adr/0035).

A translated chapter begins with the digest of the English chapter that it translates, so that a change of that one is noticed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCE_LANGUAGE: Final = "en"
"""The language of the chapters in docs/guide itself."""
_TRANSLATES = re.compile(r"<!-- translates: (?P<digest>\w*) -->\n\s*")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ChapterFile:
    """A chapter's Markdown in one language."""

    markdown: str
    """Without the comment that names the English chapter."""
    language: str
    is_behind: bool
    """Whether the English chapter has changed since it was translated."""


def digest_of(chapter: Path) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a file."""
    return hashlib.sha256(chapter.read_bytes()).hexdigest()[:_DIGITS]


def read_english(folder: Path, name: str) -> ChapterFile:
    """The English chapter. name: of the file, such as "flows.md"."""
    return ChapterFile((folder / name).read_text("utf-8"), SOURCE_LANGUAGE, is_behind=False)


def read_translation(folder: Path, name: str, language: str) -> ChapterFile | None:
    """The chapter in another language; None if that has none."""
    path = folder / language / name
    if language == SOURCE_LANGUAGE or not path.is_file():
        return None
    text = path.read_text("utf-8")
    comment = _TRANSLATES.match(text)
    markdown = text[comment.end() :] if comment else text
    return ChapterFile(markdown, language, is_behind=comment is None or comment["digest"] != digest_of(folder / name))
