"""How the form of a page reads a post (docs/design/pages.md)."""

from __future__ import annotations

from django.http import QueryDict

from heliograph.web.form_fields import LONGEST_TEXT, Hidden, TextLine, Ticks
from heliograph.web.forms import Form
from heliograph.web.texts import LONGEST_OPENED, flaws


class Pressed(Form):
    """A form with a text, a list and a button."""

    name = TextLine("Name", longest=5)
    row = Ticks()
    do = Hidden()


def test_what_no_page_posts_is_nothing_and_what_is_refused_is_left_out() -> None:
    form = Pressed(QueryDict(f"name=longer&row=1&row=2&do={'x' * (LONGEST_TEXT + 1)}"))
    assert form.posted == {"row": ("1", "2"), "do": ""}
    assert list(form.errors) == ["name"]
    assert Pressed(QueryDict("name=+ok+&do=save")).posted == {"name": "ok", "row": (), "do": "save"}
    assert Pressed().posted == {}


def test_what_is_hidden_is_not_drawn() -> None:
    assert [getattr(field, "id", "") for field in Pressed().draw_fields()] == ["name", "row"]


def test_A8_what_a_form_showed_may_be_as_long_as_the_largest_registration() -> None:
    given = QueryDict(mutable=True)
    given["opened"] = "x" * LONGEST_OPENED
    assert not list(flaws(given, LONGEST_TEXT))
    given["name"] = "x" * (LONGEST_TEXT + 1)
    assert len(list(flaws(given, LONGEST_TEXT))) == 1
