"""What a person reads of a page."""

from __future__ import annotations

import re


def text_of(html: bytes) -> str:
    """What a person reads of a page, spaces counted once."""
    body = html.decode().partition("<main")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())
