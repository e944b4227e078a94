"""Help: chapters, search, and the link from each screen to its chapter (N3)."""

from __future__ import annotations

import re
from contextlib import closing
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from django.test import Client
from tests.builders import signal_account
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts

from heliograph.guide import chapters
from heliograph.guide.chapter_file import digest_of
from heliograph.guide.chapters import read
from heliograph.guide.guide_search import find_hits
from heliograph.guide.markdown import Addresses, rendered

CONTENTS = """# The guide

## Begin

- [Anfang](beginning.md) the first

## Then

- [次の章](next.md)
"""
BEGINNING = "# Größe und Anfang\n\nÄpfel der Straße.\n\n## Überblick\n\nDer Rest, with *emphasis* and a [link](next.md#二番目)."
NEXT = "# 次の章\n\n出欠は変更されます。\n\n## 二番目\n\nहिन्दी में पाठ और العربية كذلك\n\n## 二番目\n\nAgain."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A guide in several scripts."""
    for name, text in (("README", CONTENTS), ("beginning", BEGINNING), ("next", NEXT)):
        (tmp_path / f"{name}.md").write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("question", "sections"),
    [
        ("apfel STRASSE", ["Größe und Anfang"]),
        ("überblick", ["Überblick"]),
        ("uberblick rest", ["Überblick"]),
        ("出欠", ["次の章"]),
        ("हिन्दी", ["二番目"]),
        ("العربية", ["二番目"]),
        ("emphasis", ["Überblick"]),
        ("<b>", []),
        ("nowhere", []),
        ("  ", []),
    ],
)
def test_the_search_finds_words_of_every_script(folder: Path, question: str, sections: list[str]) -> None:
    assert [hit.section.title for hit in find_hits(read(folder, folder), question)] == sections


def test_an_excerpt_shows_the_hit_as_it_is_written(folder: Path) -> None:
    (hit,) = find_hits(read(folder, folder), "strasse")
    assert [words for words, is_hit in hit.excerpt if is_hit] == ["Straße"]
    assert "".join(words for words, _ in hit.excerpt) == "Äpfel der Straße."


def test_what_the_heading_says_comes_first(folder: Path) -> None:
    (folder / "next.md").write_text("# Rest\n\nOf it.", "utf-8")
    assert [hit.section.title for hit in find_hits(read(folder, folder), "rest")] == ["Rest", "Überblick"]


@pytest.fixture
def german(folder: Path) -> Path:
    """The same guide, with one chapter in German."""
    (folder / "de").mkdir()
    digest = digest_of(folder / "next.md")
    text = "# Das Nächste\n\nWird geändert.\n\n## Wie in Straßen\n\n![Ein Bild](../pictures/a.png)\n\n## 二番目\n\n[Anfang](beginning.md#überblick)"
    (folder / "de" / "next.md").write_text(f"<!-- translates: {digest} -->\n{text}", "utf-8")
    return folder


def test_a_chapter_comes_in_the_readers_language_or_in_english(german: Path) -> None:
    guide = read(german, german, "de")
    beginning, translated = guide.chapters.values()
    assert (beginning.title, beginning.language) == ("Größe und Anfang", "en")
    assert (translated.title, translated.language, translated.is_behind) == ("Das Nächste", "de", False)
    assert "translates" not in translated.text.html
    assert [each.title for each in guide.groups] == ["Begin", "Then"]
    assert [each.language for each in read(german, german).chapters.values()] == ["en", "en"]


def test_a_translated_chapter_has_the_anchors_and_pictures_of_the_english_one(german: Path) -> None:
    translated = read(german, german, "de").chapters["next"]
    assert [each.anchor for each in translated.headings] == ["二番目", "二番目-1"]
    assert 'id="二番目">Wie in Straßen</h2>' in translated.text.html
    assert 'heliograph/guide/a.png"' in translated.text.html
    assert 'href="/help/beginning/#%C3%BCberblick"' in translated.text.html


def test_the_search_reads_the_guide_of_a_language(german: Path) -> None:
    assert [hit.section.title for hit in find_hits(read(german, german, "de"), "strassen")] == ["Wie in Straßen"]
    assert find_hits(read(german, german), "strassen") == []


def test_a_translation_without_the_digest_of_its_chapter_is_behind(german: Path) -> None:
    (german / "next.md").write_text(NEXT + " And again.", "utf-8")
    assert read(german, german, "de").chapters["next"].is_behind
    (german / "de" / "next.md").write_text("# Das Nächste", "utf-8")
    assert read(german, german, "de").chapters["next"].is_behind


def test_a_chapter_that_is_newer_in_english_says_so_and_leads_there(
    site: SignalAccount, client: Client, german: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chapters, "GUIDE", german)
    chapters.guide.cache_clear()
    site.signs_in(client, site.viewer)
    note, ask = "?language=en", {"accept-language": "de"}
    try:
        assert note not in client.get("/help/next/", headers=ask).content.decode()
        (german / "next.md").write_text(NEXT + " And again.", "utf-8")
        chapters.guide.cache_clear()
        shown = client.get("/help/next/", headers=ask).content.decode()
        assert note in shown
        assert '<article class="prose" lang="de">' in shown
        shown = client.get(f"/help/next/{note}", headers=ask).content.decode()
        assert note not in shown
        assert '<article class="prose" lang="en">' in shown
        assert "And again." in shown
        assert '<html lang="de"' in shown
    finally:
        chapters.guide.cache_clear()


def test_help_is_found_and_read_in_the_readers_language(site: SignalAccount, client: Client) -> None:
    """Also where the search for everything finds it."""
    site.signs_in(client, site.viewer)
    german = client.get("/help/opening-signal/", headers={"accept-language": "de"}).content.decode()
    assert '<h1 lang="de">Signal öffnen</h1>' in german
    assert 'id="who-may-do-what"' in german
    link = '"/help/opening-signal/#who-may-do-what"'
    for language, is_found in (("de", True), ("en", False)):
        ask = {"accept-language": language}
        assert (link in client.get("/help/", {"q": "wer darf was"}, headers=ask).content.decode()) == is_found
        assert (link in client.post("/find/results/", {"q": "wer darf was"}, headers=ask).content.decode()) == is_found


def test_anchors_and_links_are_written_for_the_page(folder: Path) -> None:
    guide = read(folder, folder)
    assert guide.chapters["next"].anchors == {"二番目", "二番目-1"}
    assert 'href="/help/next/#%E4%BA%8C%E7%95%AA%E7%9B%AE"' in guide.chapters["beginning"].text.html
    assert [c.slug if c else "" for c in guide.beside("beginning")] == ["", "next"]
    assert [c.slug if c else "" for c in guide.beside("next")] == ["beginning", ""]


def test_tables_fold_on_a_phone(tmp_path: Path) -> None:
    wide = "| Name | What it is | Where |\n| --- | --- | --- |\n| **Tag** | a *field* | Flows |\n"
    two = "| Number | Counts |\n| --- | --- |\n| Flows | all |\n"
    html = rendered(f"# T\n\n{wide}\n{two}", Addresses(lambda page, anchor: page, str), tmp_path).html
    assert html.count('<table class="table folds">') == 2
    assert (
        '<td class="row-lead"><strong>Tag</strong></td>\n<td data-th="What it is">a <em>field</em></td>\n<td data-th="Where">Flows</td>'
        in html
    )
    assert '<td class="row-lead">Flows</td>\n<td>all</td>' in html


def test_markdown_cannot_bring_html_or_script(tmp_path: Path) -> None:
    source = "# T\n\n<script>alert(1)</script>\n\n<b onclick=x>b</b> [x](javascript:alert(1)) [y](data:text/html,z)"
    shown = rendered(source, Addresses(lambda file, anchor: file, lambda name: name), tmp_path)
    assert "<script" not in shown.html
    assert "<b " not in shown.html
    assert 'href="javascript' not in shown.html
    assert 'href="data' not in shown.html


def test_N3_each_screen_links_to_its_chapter(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.viewer)
    for url, chapter in {
        "/settings/tags/": "/help/tags/#setting-tags-up-for-an-account",
        "/events/SUMMIT-26/questions/": "/help/tags/#registration-questions",
        "/signal/flows/": "/help/flows/#the-flow-list",
        "/signal/retry/": "/help/retry/#the-retry-queue",
        "/registrations/": "/help/registrations/#finding-a-registration",
    }.items():
        shown = client.get(url).content.decode()
        (link,) = set(re.findall(r'<a[^>]* href="([^"]+)"[^>]* target="help"', shown))  # in the band, and in the menu of a phone
        assert link == chapter, url
        path, _, anchor = chapter.partition("#")
        assert f'id="{anchor}"' in client.get(path).content.decode()


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_no_link_inside_help_leads_nowhere(site: SignalAccount, client: Client, language: str) -> None:
    """A file of the source code, such as docs/design/sources.md, has no page in Help: a chapter names it without a link."""
    site.signs_in(client, site.viewer)
    pages = dict[str, str]()

    def page(path: str) -> str:
        """The page, as text; "" if there is none."""
        if path not in pages:
            with closing(client.get(path, headers={"accept-language": language})) as response:
                pages[path] = "".join(part.decode() for part in response) if response.status_code == 200 else ""
        return pages[path]

    nowhere = []
    for chapter in ("/help/", *(f"/help/{slug}/" for slug in chapters.guide(language).chapters)):
        (article,) = re.findall(r"<main\b.*</main>", page(chapter), re.DOTALL)
        for link in set(re.findall(r'<a\b[^>]* href="([^"]+)"', article)):
            address = urlsplit(urljoin(f"http://testserver{chapter}", unescape(link)))
            if address.netloc != "testserver":
                continue
            shown = page(f"{address.path}?{address.query}" if address.query else address.path)
            if not shown or (address.fragment and f'id="{unquote(address.fragment)}"' not in shown):
                nowhere.append(f"{chapter}: {link}")
    assert nowhere == []


def test_a_question_is_shown_as_it_was_asked(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client, site.viewer)
        shown = client.get("/help/", {"q": '"><script>alert(1)</script>'}).content.decode()
        assert "<script>alert" not in shown
        assert "Nothing in the guide has all of these words" in shown
        shown = client.get("/help/", {"q": "attendee types"}).content.decode()
        assert 'href="/help/tags/#attendee-types"' in shown
        assert "<mark>" in shown
        assert client.get("/help/", {"q": "x" * 3000}).status_code == 200
        assert client.get("/help/nothing/").status_code == 404
        assert client.post("/help/").status_code == 405


def test_the_pictures_of_a_chapter_are_served(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client, site.viewer)
        shown = client.get("/help/tags/").content.decode()
        pictures = re.findall(r'<img src="([^"]+)"', shown)
        assert pictures
        for address in pictures:
            with closing(client.get(address)) as answer:
                assert answer["Content-Type"] == "image/png"


def test_help_asks_the_database_for_nothing_of_its_own(
    database: DatabaseFacts, client: Client, django_assert_max_num_queries: object
) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client, site.viewer)
        client.get("/help/")
        with django_assert_max_num_queries(4):  # type: ignore[operator]
            client.get("/help/tags/?q=tag")
