"""The visible text of a page."""

from __future__ import annotations

import re


def text_of(html: bytes) -> str:
    """The visible text of a page, with whitespace collapsed."""
    body = html.decode().partition("<main")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())
