"""A list that is looked through little by little, page after page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from django.test import Client

_FURTHER = re.compile(r'<p class="looked">.*?href="([^"]+)"', re.DOTALL)
_OLDER = re.compile(r'rel="next" href="([^"]+)"')


def pages_from(client: Client, address: str) -> Iterator[str]:
    """The pages of a list from an address on: where looking was broken off, by "Check further", else by the next page."""
    url = address
    while url:
        shown = client.get(url).content.decode()
        yield shown
        further = _FURTHER.search(shown) or _OLDER.search(shown)
        url = address.partition("?")[0] + html.unescape(further[1]) if further else ""


def is_broken_off(shown: str) -> bool:
    """Whether a page says that it was not looked through to its end."""
    return _FURTHER.search(shown) is not None
