"""Names that turn the direction of writing, on every page that shows them: they turn nothing but themselves."""

from __future__ import annotations

from html.parser import HTMLParser

from django.test import Client
from tests.builders import signal_account
from tests.builders.registration import person
from tests.databases import DatabaseFacts

TURN = "\u202e"
NAME = f"Zoë{TURN}gnp.exe"
ISOLATING = {"bdi", "textarea", "option", "title", "dd", "dt", "td", "th", "h1", "h2", "h3", "li", "p", "legend", "label", "pre"}
"""Elements at whose end every turn of the direction ends: those that isolate, and blocks. In a block nothing else may stand behind the turn."""


class Turns(HTMLParser):
    """Texts of a page with what stands behind a turn in the same block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self._inside: list[str] = []
        self._turned: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"input", "br", "img", "meta", "link", "hr", "use", "path", "rect", "circle", "col", "wbr", "line", "polyline"}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass
        if tag in ISOLATING or tag == "div":
            self._turned = None

    def handle_data(self, data: str) -> None:
        if not {"script", "style"}.isdisjoint(self._inside):
            return
        if self._turned is not None and data.strip():
            self.wrong.append(f"{self._turned} before {data.strip()!r}")
            self._turned = None
        depth = 0
        for i, sign in enumerate(data):
            depth += (sign == "\u2068") - (sign == "\u2069")
            if sign == TURN and not depth and "bdi" not in self._inside:
                rest = data[i:].rpartition("gnp.exe")[2].strip()
                if rest:
                    self.wrong.append(f"{self._inside[-3:]} before {rest!r}")
                else:
                    self._turned = self._inside[-3:]


def test_a_name_turns_nothing_but_itself_on_any_page(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        keys = signal_account.fill(site)
        site.record(person("T-1", NAME, NAME, status="Attended"))
        site.signs_in(client)
        wrong = {}
        for url in (
            "/registrations/",
            "/registrations/SUMMIT-26/T-1/",
            "/registration-active/SUMMIT-26/T-1/",
            "/signal/registrations/SUMMIT-26/T-1/",
            "/signal/metrics/feed/",
            "/signal/retry/",
            f"/registrations/?q={NAME}",
            f"/signal/flows/?q={NAME}",
            f"/signal/connections/?q={NAME}",
            f"/signal/mappings/?q={NAME}",
        ):
            page = client.get(url)
            assert page.status_code == 200, url
            found = Turns()
            found.feed(page.content.decode())
            if found.wrong:
                wrong[url] = found.wrong[:4]
        assert keys
        assert not wrong
