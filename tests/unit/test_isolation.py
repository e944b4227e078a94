"""A stored text that turns the direction of writing turns nothing of our sentences."""

from __future__ import annotations

import unicodedata

import pytest
from django.template import Context, Template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy, ngettext, override
from hypothesis import given
from hypothesis import strategies as st

from heliograph.deliveries.delivery_words import isolated as isolated_name
from heliograph.web.isolation import isolated

TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
TEXTS = st.text(st.sampled_from(f"ab יע{TURNS}"), max_size=12)


def open_at_the_end(text: str) -> list[str]:
    """What is still open behind a text, by the rules of UAX #9: a pop of an isolate closes all that was opened within it."""
    opened: list[str] = []
    for sign in text:
        kind = unicodedata.bidirectional(sign)
        if kind in ("LRE", "RLE", "LRO", "RLO", "LRI", "RLI", "FSI"):
            opened.append(kind)
        elif kind == "PDF" and opened and opened[-1] in ("LRE", "RLE", "LRO", "RLO"):
            opened.pop()
        elif kind == "PDI" and any(each.endswith("I") for each in opened):
            while not opened.pop().endswith("I"):
                pass
    return opened


@given(TEXTS)
def test_behind_an_isolated_text_nothing_is_open(text: str) -> None:
    made = isolated(text)
    assert open_at_the_end(made) == []
    assert open_at_the_end("\u2067" + made) == ["RLI"], "it closes nothing that was open before it"
    assert made == text or made.startswith("\u2068")
    assert [c for c in made if c not in TURNS] == [c for c in text if c not in TURNS], "nothing of it is lost"


@given(TEXTS)
def test_behind_a_name_in_a_message_nothing_is_open(text: str) -> None:
    assert open_at_the_end(isolated_name(text)) == []


@pytest.mark.parametrize("turn", TURNS)
def test_every_sentence_isolates_what_is_put_into_it(turn: str) -> None:
    name = f"Zoë{turn}gnp.exe"
    inside = isolated(name)
    template = Template("{% load i18n %}{% blocktranslate with who=name %}Timeline of {{ who }} today{% endblocktranslate %}")
    counted = Template(
        "{% load i18n %}{% blocktranslate count n=2 %}{{ n }} of {{ name }}{% plural %}{{ n }} of {{ name }}{% endblocktranslate %}"
    )
    assert gettext("Delete %(name)s?") % {"name": name} == f"Delete {inside}?"
    assert gettext_lazy("Delete %(name)s?") % {"name": name} == f"Delete {inside}?"
    assert ngettext("%(n)s of %(name)s", "%(n)s of %(name)s", 2) % {"n": 2, "name": name} == f"2 of {inside}"
    assert gettext("%s and %s") % (name, "Ada") == f"{inside} and Ada"
    assert template.render(Context({"name": name})) == f"Timeline of {inside} today"
    assert counted.render(Context({"name": name})) == f"2 of {inside}"


def test_other_texts_stay_as_they_are() -> None:
    for name in ("Zoë", "محمد", "יעל", "a <b> & c", "👩🏽‍🚀", "می‌خواهم"):
        assert gettext("Delete %(name)s?") % {"name": name} == f"Delete {name}?"
    assert gettext("100%") == "100%"


def test_a_translation_is_kept_for_its_language_alone() -> None:
    assert gettext("Sunday") == "Sunday"
    for language, day in (("de", "Sonntag"), ("fr", "dimanche"), ("de", "Sonntag")):
        with override(language):
            assert gettext("Sunday") == day
    assert gettext("Sunday") == "Sunday"


def test_markup_is_not_mistaken_for_a_text_that_reads_alike() -> None:
    """They are equal, but only one of them needs no escaping."""
    assert not isinstance(gettext("<b>Bold</b>"), SafeString)
    assert isinstance(gettext(mark_safe("<b>Bold</b>")), SafeString)
    assert escape(gettext("<b>Bold</b>")) == "&lt;b&gt;Bold&lt;/b&gt;"
