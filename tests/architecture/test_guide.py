"""The guide matches the pages: every screen has its chapter, every link of the guide leads somewhere, every picture is shown."""

from __future__ import annotations

import itertools
import re
from functools import cache

import pytest
from django.urls import get_resolver
from tests.architecture import source
from tests.e2e.states import ACTIONS
from tests.guide_names import ROWS

from heliograph.guide.chapters import Chapter, guide
from heliograph.guide.folder import CONTENTS, GUIDE, PICTURES
from heliograph.guide.places import PLACES, place_of

REDIRECTS = {"start", "settings", "signal"}
WORDS_OF_THE_ORIGINAL = {row.name for row in ROWS}  # names.md says what is used here instead
KEYS = {"Alt", "Backspace"}
LARGEST = 110_000  # bytes of a picture
CHAPTERS = [pytest.param(chapter, id=slug) for slug, chapter in guide().chapters.items()]


def test_every_screen_has_a_chapter_that_is_there() -> None:
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    missing = sorted(names - ACTIONS - REDIRECTS - set(PLACES))
    assert not missing, f"say in src/heliograph/guide/places.py which chapter of docs/guide belongs to {missing}"
    assert set(PLACES) <= names, "src/heliograph/guide/places.py names screens that are gone"
    for name in PLACES:
        chapter, anchor = place_of(name)
        assert chapter in guide().chapters, f"{name}: docs/guide/README.md lists no {chapter}.md"
        assert not anchor or anchor in guide().chapters[chapter].anchors, f"{name}: {chapter}.md has no heading #{anchor}"


def test_every_chapter_is_listed_once() -> None:
    files = {path.stem for path in GUIDE.glob("*.md")} - {CONTENTS.removesuffix(".md")}
    listed = [chapter.slug for group in guide().groups for chapter in group.chapters]
    assert sorted(listed) == sorted(files)
    assert all(group.chapters for group in guide().groups)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_link_of_a_chapter_leads_to_a_heading(chapter: Chapter) -> None:
    text = (GUIDE / f"{chapter.slug}.md").read_text("utf-8")
    for file, anchor in re.findall(r"\]\(([\w-]+\.md)(?:#([\w-]+))?\)", text):
        if file == CONTENTS:
            continue
        there = guide().chapters[file.removesuffix(".md")]
        assert not anchor or anchor in there.anchors, f"{chapter.slug}.md links to {file}#{anchor}, which is not there"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_reads_well_in_any_reader(chapter: Chapter) -> None:
    """Headings descend one level at a time, pictures have a description, and the text contains no HTML."""
    assert chapter.title
    levels = [1, *(section.level for section in chapter.text.sections if section.anchor)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels
    text = (GUIDE / f"{chapter.slug}.md").read_text("utf-8")
    assert all(len(alt) > 5 for alt in re.findall(r"!\[([^\]]*)\]", text))
    assert "&lt;/" not in chapter.text.html


@pytest.mark.parametrize("chapter", [each for each in CHAPTERS if each.id != "glossary"])
def test_what_stands_in_bold_is_a_name_of_the_pages(chapter: Chapter) -> None:
    """Bold is for names that a reader looks for on a page; emphasis is in italics."""
    text = (GUIDE / f"{chapter.slug}.md").read_text("utf-8")
    bold = {each.strip().rstrip(":.") for each in re.findall(r"\*\*([^*]+)\*\*", text)}
    assert not {
        name for name in bold - WORDS_OF_THE_ORIGINAL - KEYS if name not in written() and name.replace("&", "&amp;") not in written()
    }


@cache
def written() -> str:
    """Everything that pages are built from."""
    parts = (
        path
        for path in source.PACKAGE.rglob("*")
        if path.suffix in {".py", ".html", ".toml"} and "guide" not in path.relative_to(source.PACKAGE).parts
    )
    return "\n".join(path.read_text("utf-8") for path in parts)


def test_every_picture_is_shown_and_small() -> None:
    shown = set(re.findall(r"\(pictures/([\w-]+\.png)\)", "".join(path.read_text("utf-8") for path in GUIDE.glob("*.md"))))
    there = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert shown == set(there), "run `make pictures`"
    assert not {name: size for name, size in there.items() if size > LARGEST}
