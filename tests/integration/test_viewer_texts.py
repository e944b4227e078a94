"""What a Viewer reads names no button and no link that a Viewer has not (P1): all pages, as a Viewer and as an Administrator, are compared."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import Resolver404, resolve
from tests.builders import signal_account
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.models import User

STARTS = (
    "/registrations/",
    "/signal/flows/",
    "/settings/",
    "/events/",
    "/signal/metrics/",
    "/signal/retry/",
    "/signal/replay/",
    "/import/",
)
EACH = 2
"""Pages of a kind that are read."""
ORDERS = r"(?:[Pp]ress|[Cc]hoose|[Cc]lick|[Uu]se|[Ss]elect|[Ww]ith|[Oo]pen) (?:\*\*|“|‘)?"
"""What stands before the name of a control in a sentence that tells somebody to use it."""
CONTROL = re.compile(r"<(button|a|summary)\b([^>]*)>(.*?)</\1>", re.DOTALL)


def labels(page: str) -> set[str]:
    """The names of a page's buttons and links."""
    texts = (
        re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", inside))).strip() for _tag, _attributes, inside in CONTROL.findall(page)
    )
    return {text for text in texts if text}


def prose(page: str) -> str:
    """The text of a page's main part without its controls."""
    return text_of(CONTROL.sub(" ", page[page.index("<main") :]).encode())


def crawled(client: Client) -> dict[str, str]:
    """Pages by their addresses, some of each kind."""
    pages: dict[str, str] = {}
    kinds: dict[str, int] = defaultdict(int)
    waiting = list(STARTS)
    while waiting:
        address = waiting.pop(0)
        path, query = urlsplit(address).path, urlsplit(address).query
        try:
            kind = resolve(path).route + "?" + ",".join(sorted(part.split("=")[0] for part in query.split("&")))
        except Resolver404:
            continue
        if address in pages or kinds[kind] >= EACH or path.startswith(("/help/", "/accounts/sign-out", "/static/")):
            continue
        kinds[kind] += 1
        answer = client.get(address)
        if answer.status_code == 302:
            waiting.append(answer["Location"])
        if answer.status_code != 200 or "text/html" not in answer["Content-Type"] or answer.streaming:
            continue
        page = answer.content.decode()
        if "<main" in page:
            pages[address] = page
            waiting += [html.unescape(link).split("#")[0] for link in re.findall(r'href="(/[^"]*)"', page)]
    return pages


def promises(sentences: str, missing: set[str]) -> list[str]:
    """The missing controls that sentences name."""
    found = []
    for label in sorted(
        (label for label in missing if label in sentences), key=len, reverse=True
    ):  # few of them, and an expression costs more
        name = re.escape(label)
        if re.search(rf"{ORDERS}{name}\b", sentences) or re.search(rf"[“‘]{name}[”’]", sentences):
            found.append(label)
    return found


def test_P1_a_viewer_reads_of_no_control_that_a_viewer_has_not(site: SignalAccount, client: Client) -> None:

    def pages_of(user: User) -> dict[str, str]:
        site.signs_in(client, user)
        return crawled(client)

    whole, read = pages_of(site.administrator), pages_of(site.viewer)
    assert len(read) > 40
    every = set().union(*map(labels, whole.values())) - {"Details", "Status"}
    wrong = {}
    for address, page in read.items():
        own = labels(page)
        if named := promises(prose(page), every - own):
            wrong[address] = named
    assert wrong == {}


def test_P1_the_comparison_sees_a_promise() -> None:
    """Else the test above would hold for texts that promise everything."""
    page = '<main><p>Press Connect to sign in, or choose Sync now.</p><a href="/x/">Open</a></main>'
    assert promises(prose(page), {"Connect", "Sync now", "Release"} - labels(page)) == ["Sync now", "Connect"]


TO_DO = re.compile(
    r"(?:^|[.:;,!?] )((?:[Tt]hen )?(?:[Cc]hoose|[Pp]ress|[Aa]dd|[Tt]ag|[Ss]ubmit|[Cc]onnect|[Ss]witch|[Rr]elease|[Uu]pload|[Mm]ake|[Ss]et|[Ee]nter)"
    r" (?:the|a|an|it|them|one|again|enough|your|it’s)\b[^.:;]*)|\b(if you submit (?:it|them))\b|\b([Yy]ou tag [^.]*)"
)
READS = ("Choose a longer period", "Choose a later beginning", "Set them in your own shell")
"""What a Viewer can do, too: other periods and filters, and a command in a terminal of their own."""
WHO = re.compile(r"A [Pp]lanner or (?:an )?[Aa]dministrator|An [Aa]dministrator")


@pytest.mark.parametrize("is_empty", [True, False])
def test_P1_a_text_that_tells_what_to_do_says_to_a_viewer_who_can(database: DatabaseFacts, client: Client, is_empty: bool) -> None:
    with signal_account.site(database) as site:
        if not is_empty:
            signal_account.fill(site)
        site.signs_in(client, site.viewer)
        orders: dict[str, list[str]] = {}
        for address, page in crawled(client).items():
            sentences = prose(page)
            told = ["".join(order) for order in TO_DO.findall(sentences) if not "".join(order).startswith(READS)]
            if told and not WHO.search(sentences) and not address.startswith("/accounts/me/"):
                orders[address] = told
        assert orders == {}
