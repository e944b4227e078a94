"""The numbers on pages of Insights, and the lists behind them."""

from __future__ import annotations

import html
import re

from django.test import Client

from tests.tables import table_rows

NUMBER = re.compile(r'<a[^>]*href="(?P<href>[^"]*/records/[^"]*)"[^>]*>(?P<inside>.*?)</a>', re.DOTALL)


def number_in(inside: str) -> int | None:
    """The number that a link shows, or says of its bar; 0 for an empty bar."""
    inside = re.sub(r"<svg.*?</svg>", "", inside, flags=re.DOTALL)
    said = re.search(r'class="said">[^<]*: ([^<]*)<', inside)
    if said:
        return sum(int(n) for n in re.findall(r"(\d+) (?:change|retr|deliver|failed|waiting|invalid)", said[1]))
    value = re.search(r'class="value">([\d,]+)<', inside) or re.fullmatch(r"\s*([\d,]+)(?: \w+)?\s*(?:<.*)?", inside, re.DOTALL)
    return int(value[1].replace(",", "")) if value else None


def listed(client: Client, href: str) -> int:
    """The records of a list, page by page; its heading says the same number."""
    said, n = None, 0
    url = href
    while url:
        shown = client.get(url).content.decode()
        said = said or re.search(r"<h1>[^<]*: (\d+)</h1>", shown)
        n += len(table_rows(shown))
        older = re.search(r'rel="next" href="([^"]+)"', shown)
        url = href.partition("?")[0] + html.unescape(older[1]) if older else ""
    assert said is not None
    assert int(said[1]) == n, href
    return n
