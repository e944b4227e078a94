"""The guide in docs/guide: README.md lists the chapters in reading order, under the headings of their groups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from django.templatetags.static import static
from django.urls import reverse

from heliograph.guide.folder import CONTENTS, GUIDE, PICTURES
from heliograph.guide.markdown import Addresses, GuidePage, Section, rendered

_ENTRY = re.compile(r"^(?:## (?P<group>.+)|[-*] \[(?P<title>[^\]]+)\]\((?P<file>[\w-]+)\.md\).*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the guide."""

    slug: str
    """The file's name, and the chapter's part of the URL."""
    text: GuidePage

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

    contents: GuidePage
    """The page of README.md."""
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


def read(folder: Path, pictures: Path) -> Guide:
    """Reads the guide from a folder."""
    listed = (folder / CONTENTS).read_text("utf-8")
    addresses = Addresses(_page, lambda name: static(f"heliograph/guide/{name}"))
    groups: list[tuple[str, list[Chapter]]] = []
    for entry in _ENTRY.finditer(listed):
        if entry["group"]:
            groups.append((entry["group"], []))
        else:
            markdown = (folder / f"{entry['file']}.md").read_text("utf-8")
            groups[-1][1].append(Chapter(entry["file"], rendered(markdown, addresses, pictures)))
    return Guide(rendered(listed, addresses, pictures), tuple(ChapterGroup(title, tuple(chapters)) for title, chapters in groups))


def _page(file: str, anchor: str) -> str:
    path = reverse("help") if file == CONTENTS else reverse("help-chapter", args=(file.removesuffix(".md"),))
    return f"{path}#{anchor}" if anchor else path


@cache
def guide() -> Guide:
    """The guide of this version, read once per process."""
    return read(GUIDE, PICTURES)
