"""What a form of a page reads from a post (docs/design/pages.md)."""

from __future__ import annotations

from django.http import QueryDict

from heliograph.web.forms import Form, Hidden, Line, Ticks


class Pressed(Form):
    """Of a page with a text, a list and a button."""

    name = Line("Name", longest=5)
    row = Ticks()
    do = Hidden()


def test_what_no_page_posts_is_nothing_and_what_is_refused_is_left_out() -> None:
    form = Pressed(QueryDict(f"name=longer&row=1&row=2&do={'x' * 2_000}"))
    assert form.posted == {"row": ("1", "2"), "do": ""}
    assert list(form.errors) == ["name"]
    assert Pressed(QueryDict("name=+ok+&do=save")).posted == {"name": "ok", "row": (), "do": "save"}
    assert Pressed().posted == {}


def test_what_is_hidden_is_not_drawn() -> None:
    assert [getattr(field, "id", "") for field in Pressed().shown()] == ["name", "row"]
