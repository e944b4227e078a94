"""The guide in docs/guide: README.md lists the chapters in reading order, under the headings of their groups.

There is a guide for each language of the pages. A chapter that a language lacks is the English one in it; links to headings work in all, since a
translated heading has the anchor of the English one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language

from heliograph.guide.chapter_file import SOURCE_LANGUAGE, read_english, read_translation
from heliograph.guide.folder import CONTENTS, GUIDE, PICTURES
from heliograph.guide.markdown import Addresses, GuidePage, Section, rendered

_ENTRY = re.compile(r"^(?:## (?P<group>.+)|[-*] \[(?P<title>[^\]]+)\]\((?P<file>[\w-]+)\.md\).*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the guide."""

    slug: str
    """The file's name, and the chapter's part of the URL."""
    text: GuidePage
    language: str
    """Of the text."""
    is_behind: bool
    """Whether the English chapter has changed since this one was translated."""

    @property
    def title(self) -> str:
        return self.text.title

    @property
    def headings(self) -> tuple[Section, ...]:
        """The headings that a reader can jump to."""
        return tuple(s for s in self.text.sections if s.level == 2)

    @property
    def anchors(self) -> frozenset[str]:
        return frozenset(s.anchor for s in self.text.sections if s.anchor)


@dataclass(frozen=True, slots=True)
class ChapterGroup:
    """A group of chapters, with its heading in README.md."""

    title: str
    chapters: tuple[Chapter, ...]


@dataclass(frozen=True)
class Guide:
    """The whole guide."""

    contents: Chapter
    """The page of README.md, without a slug."""
    groups: tuple[ChapterGroup, ...]

    @cached_property
    def chapters(self) -> dict[str, Chapter]:
        """By slug, in reading order."""
        return {c.slug: c for group in self.groups for c in group.chapters}

    def beside(self, slug: str) -> tuple[Chapter | None, Chapter | None]:
        """The previous and the next chapter."""
        known = list(self.chapters)
        at = known.index(slug)
        before = self.chapters[known[at - 1]] if at else None
        after = self.chapters[known[at + 1]] if at + 1 < len(known) else None
        return before, after


def read(folder: Path, pictures: Path, language: str = SOURCE_LANGUAGE) -> Guide:
    """Reads the guide from a folder, in one language."""
    listed = read_translation(folder, CONTENTS, language) or read_english(folder, CONTENTS)
    groups: list[tuple[str, list[Chapter]]] = []
    for entry in _ENTRY.finditer(listed.markdown):
        if entry["group"]:
            groups.append((entry["group"], []))
        else:
            groups[-1][1].append(_read_chapter(folder, pictures, entry["file"], language))
    contents = _read_chapter(folder, pictures, CONTENTS.removesuffix(".md"), language)
    return Guide(replace(contents, slug=""), tuple(ChapterGroup(title, tuple(chapters)) for title, chapters in groups))


def _read_chapter(folder: Path, pictures: Path, slug: str, language: str) -> Chapter:
    """The chapter in the language, else in English."""
    addresses = Addresses(_page, lambda name: static(f"heliograph/guide/{name}"))
    english, translation = read_english(folder, f"{slug}.md"), read_translation(folder, f"{slug}.md", language)
    text = rendered(english.markdown, addresses, pictures)
    if translation is None:
        return Chapter(slug, text, english.language, is_behind=False)
    text = rendered(translation.markdown, addresses, pictures, [section.anchor for section in text.sections[1:]])
    return Chapter(slug, text, translation.language, translation.is_behind)


def _page(file: str, anchor: str) -> str:
    path = reverse("help") if file == CONTENTS else reverse("help-chapter", args=(file.removesuffix(".md"),))
    return f"{path}#{anchor}" if anchor else path


@cache
def guide(language: str = SOURCE_LANGUAGE) -> Guide:
    """The guide of this version in one language of the pages, read once per process."""
    return read(GUIDE, PICTURES, language)


def readers_guide() -> Guide:
    """The guide in the language of the page that is being made."""
    return guide(get_language() or SOURCE_LANGUAGE)
