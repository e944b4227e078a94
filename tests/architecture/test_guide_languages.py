"""The guide in other languages (docs/adr/0035): each chapter is up to date, and has the headings, links, pictures and code of the English one.

Names of the pages stand in bold, as the catalogue of the language has them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import polib
import pytest
from django.conf import settings
from tests.architecture import source

from heliograph.guide.chapter_file import digest_of
from heliograph.guide.chapters import guide
from heliograph.guide.folder import CONTENTS, GUIDE

LANGUAGES = [code for code, _name in settings.LANGUAGES if (GUIDE / code).is_dir()]
WHOLE = frozenset({"de", "fr"})
"""Languages whose translation is finished: there a chapter without one fails."""
OTHER_WORDS = {"sources": {"done", "failed"}, "glossary": {"Change"}}
"""Words in bold that are no names of the pages, though messages have the same words: folders on a disk, and a term of the glossary."""
TRANSLATIONS = sorted(path for language in LANGUAGES for path in (GUIDE / language).glob("*.md"))

KEYS = {"Delete": {"de": "Entf", "fr": "Suppr"}}
"""Keys that the keyboards of a language name otherwise, while a button of the same English name is a message."""
VALUES = {"New", "Complete", "Badge Printed", "On To Do List", "Invoice Generated"}
"""A status, and the tags of the standard properties, which pages write as they are in every language; properties and fields have translations."""

_HEADING = re.compile(r"^(#{1,6}) ", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")

each_translation: Any = pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: f"{path.parent.name}-{path.stem}")


def english(path: Path) -> str:
    """The chapter that a file translates."""
    return (GUIDE / path.name).read_text("utf-8")


def without_fences(text: str) -> str:
    return _FENCE.sub("", text)


def test_folders_are_named_by_the_languages_of_the_pages() -> None:
    folders = {path.name for path in GUIDE.iterdir() if path.is_dir()} - {"pictures"}
    assert folders == set(LANGUAGES)
    assert {path.name for path in TRANSLATIONS} <= {path.name for path in GUIDE.glob("*.md")}


def test_no_chapter_is_behind_the_english_one() -> None:
    """`git diff` of the English chapter shows what changed. When the translation says it too, its first line gets the new digest."""
    behind = [
        f"docs/guide/{path.parent.name}/{path.name}: <!-- translates: {digest_of(GUIDE / path.name)} -->"
        for path in TRANSLATIONS
        if not path.read_text("utf-8").startswith(f"<!-- translates: {digest_of(GUIDE / path.name)} -->\n")
    ]
    assert not behind, "translate what has changed, and write as the first line:\n" + "\n".join(behind)


def test_a_finished_language_has_every_chapter() -> None:
    missing = [
        f"{language}/{path.name}" for language in WHOLE for path in GUIDE.glob("*.md") if not (GUIDE / language / path.name).is_file()
    ]
    assert not missing


@each_translation
def test_headings_are_those_of_the_english_chapter(path: Path) -> None:
    """Their number and levels, in the same order: a translated heading has the anchor of the English one at its place."""
    levels, levels_in_english = (_HEADING.findall(without_fences(text)) for text in (path.read_text("utf-8"), english(path)))
    assert levels == levels_in_english


@pytest.mark.parametrize("language", LANGUAGES)
def test_anchors_and_order_of_chapters_are_the_same(language: str) -> None:
    own, in_english = guide(language), guide()
    assert [[chapter.slug for chapter in group.chapters] for group in own.groups] == [
        [chapter.slug for chapter in group.chapters] for group in in_english.groups
    ]
    assert {slug: chapter.anchors for slug, chapter in own.chapters.items()} == {
        slug: chapter.anchors for slug, chapter in in_english.chapters.items()
    }


@each_translation
def test_links_and_pictures_are_those_of_the_english_chapter(path: Path) -> None:
    links = Counter(_LINK.findall(without_fences(path.read_text("utf-8"))))
    links_in_english = Counter(_below(link) for link in _LINK.findall(without_fences(english(path))))
    assert links == links_in_english


def _below(link: str) -> str:
    """The link as a file one folder below writes it."""
    return f"../{link}" if "/" in link and "://" not in link else link


@each_translation
def test_code_is_that_of_the_english_chapter(path: Path) -> None:
    texts = path.read_text("utf-8"), english(path)
    blocks, blocks_in_english = (_FENCE.findall(text) for text in texts)
    assert blocks == blocks_in_english
    words, words_in_english = (Counter(_CODE.findall(without_fences(text))) for text in texts)
    assert words == words_in_english


@each_translation
def test_a_translated_chapter_reads_well_in_any_reader(path: Path) -> None:
    text = path.read_text("utf-8")
    assert all(len(alt) > 5 for alt in re.findall(r"!\[([^\]]*)\]", text))
    chapter = guide(path.parent.name).contents if path.name == CONTENTS else guide(path.parent.name).chapters[path.stem]
    assert chapter.title
    assert "&lt;!--" not in chapter.text.html
    assert "&lt;/" not in chapter.text.html


@cache
def catalogue(language: str) -> dict[str, set[str]]:
    """The translations of each message, of all its contexts and forms."""
    translations: dict[str, set[str]] = defaultdict(set, {name: {name} for name in VALUES})
    translations.update({name: {names[language]} for name, names in KEYS.items() if language in names})
    for entry in polib.pofile(str(source.PACKAGE / "locale" / language / "LC_MESSAGES" / "django.po")):
        for message in filter(None, (entry.msgid, entry.msgid_plural)):
            translations[_name(message)] |= {_name(form) for form in (entry.msgstr, *entry.msgstr_plural.values()) if form}
    return translations


def _name(text: str) -> str:
    return text.replace("&amp;", "&").strip().rstrip(":. \u00a0\u202f")


def _bold_by_section(text: str) -> list[list[str]]:
    return [[_name(each) for each in _BOLD.findall(section)] for section in _HEADING.split(without_fences(text))[2::2]]


@each_translation
def test_names_of_the_pages_are_those_of_the_catalogue(path: Path) -> None:
    """Each name in bold that is a message stands in the same section, as the catalogue translates it."""
    messages, wrong = catalogue(path.parent.name), []
    for number, (own, in_english) in enumerate(
        zip(_bold_by_section(path.read_text("utf-8")), _bold_by_section(english(path)), strict=True)
    ):
        if len(own) != len(in_english):
            wrong.append(f"section {number}: {len(own)} names in bold instead of {len(in_english)}: {own} {in_english}")
        left = Counter(own)
        for name in in_english:
            expected = () if name in OTHER_WORDS.get(path.stem, ()) else messages.get(name, ())
            if not expected:
                continue
            used = next((each for each in expected if left[each]), None)
            if used is None:
                wrong.append(f"section {number}: “{name}” is {' or '.join(sorted(expected))}")
            else:
                left[used] -= 1
    assert not wrong, "\n".join(wrong)
