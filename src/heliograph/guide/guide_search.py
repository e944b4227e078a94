"""The search in the guide: finds sections that contain every word of the query, in any script; case and accents are ignored."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.guide.chapters import Chapter, Guide
from heliograph.guide.markdown import Section
from heliograph.store.registrations import folded

MOST = 30
AROUND = 90
"""Characters of the excerpt before and after the first match."""
LONGEST = 200
"""Characters of a query."""


@dataclass(frozen=True, slots=True)
class HeadingHit:
    """A heading that has every word of the query."""

    chapter: Chapter
    section: Section


@dataclass(frozen=True, slots=True)
class Hit:
    """A matching section."""

    chapter: Chapter
    section: Section
    excerpt: tuple[tuple[str, bool], ...]
    """The text around the first match, as (text, True if it matches)."""


def find_headings(guide: Guide, question: str) -> list[HeadingHit]:
    """The sections whose own heading has every word of the query, in reading order. Texts are not read, so it is fast enough to run while
    somebody types."""
    words = folded(question[:LONGEST]).split()
    return [
        HeadingHit(chapter, section)
        for chapter in (guide.chapters.values() if words else ())
        for section in chapter.text.sections
        if all(word in folded(section.title) for word in words)
    ][:MOST]


def find_hits(guide: Guide, question: str) -> list[Hit]:
    """The sections with every word of the query: first those with the words in their heading, then the rest; both in reading order."""
    words = folded(question[:LONGEST]).split()
    if not words:
        return []
    hits: list[tuple[int, Hit]] = []
    for chapter in guide.chapters.values():
        for section in chapter.text.sections:
            heading = folded(f"{chapter.title} {section.title}")
            everything = f"{heading} {folded(section.text)}"
            if all(word in everything for word in words):
                rank = 0 if all(word in folded(section.title) for word in words) else 1 if all(word in heading for word in words) else 2
                hits.append((rank, Hit(chapter, section, _excerpt(section.text, words))))
    return [hit for _rank, hit in sorted(hits, key=lambda each: each[0])][:MOST]


def _excerpt(text: str, words: list[str]) -> tuple[tuple[str, bool], ...]:
    """The text around the first matching word; the beginning if there is none."""
    origin = [n for n, character in enumerate(text) for _ in folded(character)]
    joined = "".join(map(folded, text))
    places = [(joined.find(word), len(word)) for word in words if word in joined]
    if not places:
        return ((_until(text, 2 * AROUND), False),)
    at, length = min(places)
    first, last = origin[at], origin[at + length - 1] + 1
    start = max(first - AROUND, 0)
    before = text[start:first]
    if start:
        before = "… " + before[before.find(" ") + 1 :]
    return ((before, False), (text[first:last], True), (_until(text[last:], AROUND), False))


def _until(text: str, length: int) -> str:
    """At most `length` characters, cut between words if there are spaces."""
    if len(text) <= length:
        return text
    part = text[:length]
    return (part.rsplit(" ", 1)[0] if " " in part.strip() else part) + " …"
