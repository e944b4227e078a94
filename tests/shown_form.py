"""The form of a page as it is shown, to be posted without a change."""

from __future__ import annotations

from html.parser import HTMLParser

from django.test import Client


class _Fields(HTMLParser):
    """What a browser would post of a page's form with the hidden field `version`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        names = dict(attrs)
        if tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select and ("selected" in names or self._select not in self.values):
            self.values[self._select] = [given.get("value", "")]
        elif tag == "input" and given.get("name") and given.get("type") not in ("checkbox", "radio"):
            self.values[given["name"]] = [given.get("value", "")]
        elif tag == "input" and "checked" in names:
            self.values.setdefault(given["name"], []).append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


def as_shown(client: Client, url: str) -> dict[str, list[str]]:
    """The fields of a page as they are shown, to be posted without a change."""
    answer = client.get(url)
    assert answer.status_code == 200, answer
    return _Fields(answer.content.decode()).values
