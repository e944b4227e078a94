"""The guide and the pages belong together: every screen has its chapter, every link of the guide leads somewhere, every picture is shown."""

from __future__ import annotations

import itertools
import re

import pytest
from django.urls import get_resolver
from tests.e2e.states import ACTIONS

from heliograph.guide.chapters import Chapter, guide
from heliograph.guide.folder import CONTENTS, GUIDE, PICTURES
from heliograph.guide.places import PLACES, place_of

REDIRECTS = {"start", "settings", "signal"}
LARGEST = 100_000  # bytes of a picture
CHAPTERS = [pytest.param(chapter, id=slug) for slug, chapter in guide().chapters.items()]


def test_every_screen_has_a_chapter_that_is_there() -> None:
    screens = {name for name in get_resolver().reverse_dict if isinstance(name, str)} - ACTIONS - REDIRECTS
    missing = sorted(screens - set(PLACES))
    assert not missing, f"say in src/heliograph/guide/places.py which chapter of docs/guide belongs to {missing}"
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
    source = (GUIDE / f"{chapter.slug}.md").read_text("utf-8")
    for file, anchor in re.findall(r"\]\(([\w-]+\.md)(?:#([\w-]+))?\)", source):
        if file == CONTENTS:
            continue
        there = guide().chapters[file.removesuffix(".md")]
        assert not anchor or anchor in there.anchors, f"{chapter.slug}.md links to {file}#{anchor}, which is not there"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_reads_well_in_any_reader(chapter: Chapter) -> None:
    """Headings go down one level at a time, pictures say what they show, and no HTML stands in the text."""
    assert chapter.title
    levels = [1, *(section.level for section in chapter.text.sections if section.anchor)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels
    source = (GUIDE / f"{chapter.slug}.md").read_text("utf-8")
    assert all(len(alt) > 5 for alt in re.findall(r"!\[([^\]]*)\]", source))
    assert "&lt;/" not in chapter.text.html


def test_every_picture_is_shown_and_small() -> None:
    shown = set(re.findall(r"\(pictures/([\w-]+\.png)\)", "".join(path.read_text("utf-8") for path in GUIDE.glob("*.md"))))
    there = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert shown == set(there), "run `make pictures`"
    assert not {name: size for name, size in there.items() if size > LARGEST}
