"""Templates: every visible string goes through gettext, and nothing in them violates the strict CSP."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path

import pytest
from tests.architecture import source

# Names and signs that are the same in every language.
UNTRANSLATED = {"Heliograph", "UTC", "JSON", "URL", "ID", "API", "CSV", "HTTP", "curl", "ms"}
SPOKEN_ATTRIBUTES = {
    "alt",
    "aria-description",
    "aria-label",
    "aria-roledescription",
    "aria-valuetext",
    "data-confirm",
    "hx-confirm",
    "placeholder",
    "title",
}
# Command lines are the same in every language.
NOT_SHOWN = {"script", "style", "svg", "code"}

_COMMENTS = re.compile(r"\{#.*?#\}|\{%\s*comment\b.*?\{%\s*endcomment\s*%\}", re.DOTALL)
_TRANSLATED = re.compile(r"\{%\s*(blocktranslate|blocktrans)\b.*?\{%\s*end\1\s*%\}", re.DOTALL)
# Blocks and partials that are (parts of) attributes: class names, required, aria-describedby.
_ATTRIBUTES = re.compile(r"\{%\s*(block|partialdef)\s+(?:shell|area|entry|has|told)\s*%\}.*?\{%\s*end\1(?:\s+\w+)?\s*%\}", re.DOTALL)
_TAGS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]{2,}")


def _blank(match: re.Match[str]) -> str:
    """Removes the match but keeps its lines, so that line numbers stay right."""
    return "\n" * match.group().count("\n")


class Visible(html.parser.HTMLParser):
    """Collects what a person would see or hear."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, str]] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in NOT_SHOWN:
            self._hidden.append(tag)
        given = dict(attrs)
        spoken = SPOKEN_ATTRIBUTES | ({"value"} if tag == "input" and given.get("type") in {"submit", "button", "reset"} else set())
        for name in spoken & given.keys():
            self._take(given[name] or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in NOT_SHOWN:
            self._hidden.pop()

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._take(data)

    def _take(self, text: str) -> None:
        words = text
        for name in UNTRANSLATED:
            words = re.sub(rf"\b{name}\b", "", words)
        if _LETTER.search(words):
            self.found.append((self.getpos()[0], " ".join(text.split())[:80]))


def untranslated(text: str) -> list[tuple[int, str]]:
    """Line and text of strings that would be shown untranslated."""
    for pattern in (_COMMENTS, _TRANSLATED, _ATTRIBUTES, _TAGS):
        text = pattern.sub(_blank, text)
    parser = Visible()
    parser.feed(text)
    parser.close()
    return parser.found


@pytest.mark.parametrize("template", source.templates(), ids=lambda path: str(path.relative_to(source.PACKAGE)))
def test_every_visible_string_goes_through_gettext(template: Path) -> None:
    found = untranslated(template.read_text("utf-8"))
    assert not found, "\n".join(f"{template.relative_to(source.ROOT)}:{line}: {text}" for line, text in found)


@pytest.mark.parametrize("template", source.templates(), ids=lambda path: str(path.relative_to(source.PACKAGE)))
def test_nothing_the_content_security_policy_refuses(template: Path) -> None:
    if template.name == "mail.html":  # it is no page: the reader's own program shows it
        return
    text = _COMMENTS.sub(_blank, template.read_text("utf-8"))
    assert not re.search(r"<[^>]*\sstyle\s*=", text), "style= is refused; use a class or an SVG attribute"
    assert not re.search(r"<style\b", text), "inline styles are refused"
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", text), "on…= is refused; ui.js listens"
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=.application/json)", text), "inline scripts are refused"
    assert not re.search(r"(?:src|href)\s*=\s*.https?://(?![^\"']*(?:www\.w3\.org))", text), "nothing is loaded from elsewhere"


def test_the_test_sees_what_it_must() -> None:
    text = """{% load i18n %}{# a comment #}<p>{% translate "Yes" %}</p><p>No</p>
    <img alt="Picture"><img alt="{% translate 'Picture' %}"><input type="submit" value="Go"><input value="kept">
    <p {% if x %}class="a"{% endif %}>{{ name }} · 5 %</p>{% blocktranslate %}Some text{% endblocktranslate %}<script>var text</script>
    {% comment %}not shown{% endcomment %}<title>{% block title %}{% endblock %} · Heliograph</title>"""
    assert [each for _, each in untranslated(text)] == ["No", "Picture", "Go"]


def test_every_template_that_a_view_names_is_there() -> None:
    there = {path.relative_to(folder).as_posix() for folder in source.PACKAGE.glob("*/templates") for path in folder.rglob("*.html")}
    named = {
        (path.relative_to(source.ROOT).as_posix(), name)
        for path in source.PACKAGE.rglob("*.py")
        for name in re.findall(r'"([a-z_]+/[a-z_/]+\.html)', path.read_text("utf-8"))
    }
    assert named
    assert not {each for each in named if each[1] not in there}
