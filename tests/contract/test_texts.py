"""The translations: every message of the sources is in them, none is missing, and none has lost a value or a tag (35.10)."""

from __future__ import annotations

import re
import runpy
import shutil
from collections import Counter
from gettext import GNUTranslations
from pathlib import Path
from typing import Any

import polib
import pytest
from django.conf import settings

from heliograph.administration.audit_list import KINDS
from heliograph.overview.account_overview import SAVED_KINDS

ROOT = Path(__file__).resolve().parents[2]
TEXTS: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "texts.py"))
LANGUAGES = sorted(TEXTS["PLURAL_FORMS"])
WHOLE = frozenset({"de", "fr"})
"""Languages whose translation is finished: there a message without one fails."""
PLACES = re.compile(r"%\(\w+\)[a-z]|%%|%[sd](?![a-z])|\{[\w.]*\}")
SPACES = (" ", "\n")
"""Not the no-break ones, which French typesets before a colon."""
STORED = ("domain/", "outbound/", "registrations/imports/table_rows.py")
"""Their sentences are kept in the database in English, and translated by it: another apostrophe would lose the translations of what is kept."""
STRAIGHT = re.compile(r"""(?<=\w)'(?=\w)|(?<=s)'(?= )|(?<![=\w])"(?=\w)""")
TAGS = re.compile(r"</?[a-z][^>]*>")


def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(TEXTS["file_of"](language)))


def forms(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_the_languages_are_those_of_the_settings() -> None:
    assert [code for code, _name in settings.LANGUAGES] == ["en", *LANGUAGES]
    for language in LANGUAGES:
        assert catalogue(language).metadata["Plural-Forms"] == TEXTS["PLURAL_FORMS"][language]


@pytest.mark.needs("gettext")
def test_the_translations_have_exactly_the_messages_of_the_sources() -> None:
    sources = {TEXTS["key_of"](entry) for entry in TEXTS["messages_of_sources"]()}
    for language in LANGUAGES:
        known = {TEXTS["key_of"](entry) for entry in catalogue(language)}
        assert not sources - known, f"{language} lacks messages: make texts"
        assert not known - sources, f"{language} has messages that no source has any more: make texts"


@pytest.mark.needs("gettext")
def test_apostrophes_and_quotation_marks_are_typographic() -> None:
    entries = [entry for entry in TEXTS["messages_of_sources"]() if not any(file.startswith(STORED) for file, _line in entry.occurrences)]
    assert [entry.msgid for entry in entries if STRAIGHT.search(f"{entry.msgid} {entry.msgid_plural}")] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_guessed_and_nothing_is_left_over(language: str) -> None:
    entries = catalogue(language)
    assert [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete] == []
    assert [entry.msgid for entry in entries for _file, line in entry.occurrences if line] == [], "a change of code changes them"


def test_the_kinds_of_objects_in_the_audit_are_messages() -> None:
    """Pages translate them by their stored word, which no source would name otherwise."""
    messages = {entry.msgid for entry in TEXTS["messages_of_sources"]() if not entry.msgctxt}
    assert {*SAVED_KINDS, *(kind for kinds in KINDS.values() for kind in kinds)} - messages == set()


def test_no_message_lacks_a_translation() -> None:
    missing = {language: [entry.msgid for entry in TEXTS["untranslated"](catalogue(language))] for language in WHOLE}
    assert not any(missing.values()), missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_and_tags_are_the_same_in_every_translation(language: str) -> None:
    """The singular may leave a number out: "One flow" for "%(n)s flows"."""
    wrong = []
    for entry in catalogue(language):
        sources = [entry.msgid, *([entry.msgid_plural] if entry.msgid_plural else [])]
        for form in filter(None, forms(entry)):
            places = [set(PLACES.findall(source)) for source in sources]
            tags = [Counter(TAGS.findall(source)) for source in sources]
            ends = [[text[:1] in SPACES, text[-1:] in SPACES] for text in (form, entry.msgid)]
            if set(PLACES.findall(form)) not in places or Counter(TAGS.findall(form)) not in tags or ends[0] != ends[1]:
                wrong.append((entry.msgid, form))
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_django_reads_is_what_is_written(language: str, tmp_path: Path) -> None:
    """The compiled file is made by `make setup` and by the build of the wheel, without gettext's programs."""
    source = TEXTS["file_of"](language)
    copy = tmp_path / language / "LC_MESSAGES" / "django.po"
    copy.parent.mkdir(parents=True)
    shutil.copy(source, copy)
    runpy.run_path(str(ROOT / "scripts" / "build_texts.py"))["build"](tmp_path)
    assert source.with_suffix(".mo").read_bytes() == copy.with_suffix(".mo").read_bytes(), "make setup"
    with copy.with_suffix(".mo").open("rb") as file:
        read = GNUTranslations(file)
    for entry in catalogue(language):
        if entry.translated() and not entry.msgid_plural and not entry.msgctxt:
            assert read.gettext(entry.msgid) == entry.msgstr


def test_all_messages_stand_in_a_list_by_page(capsys: pytest.CaptureFixture[str]) -> None:
    listed = "\n".join(TEXTS["by_file"](catalogue("de")))
    assert "-- accounts/templates/account/login.html\n" in listed
    for entry in catalogue("de"):
        assert entry.msgid.replace("\n", "\\n") in listed
