"""Secrets blotted out of texts that are stored, shown or logged (spec C5): as they are, and in every way in which a URL, JSON, HTML or Basic writes them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "…"
SHORTEST: Final = 4
"""A shorter secret would blot out half of every answer."""
SHORTEST_PIECE: Final = 12
"""Of a part of a path: shorter ones are words of an address, not credentials."""

_BREAKS: Final = re.compile(r"[/?&=#{}]")


def blotted(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, longest first."""
    for mask in masks_of(frozenset(secrets)):
        text = text.replace(mask, MASK)
    return text


def without_cut_secret(text: str, secrets: Iterable[str]) -> str:
    """A text that was cut off, without the beginning of a secret at its end."""
    for mask in masks_of(frozenset(secrets)):
        # The places are found by the first characters: comparing at each one would be quadratic in the length of a certificate.
        start = text.find(mask[:SHORTEST], max(0, len(text) - len(mask) + 1))
        while start >= 0:
            if text.endswith(mask[: len(text) - start]):
                return text[:start] + MASK
            start = text.find(mask[:SHORTEST], start + 1)
    return text


@lru_cache(maxsize=1024)
def masks_of(secrets: frozenset[str]) -> tuple[str, ...]:
    """Everything that is looked for, the longest first, so that no rest of a longer one stays."""
    found: set[str] = set()
    for secret in secrets:
        for piece in {secret, *_pieces(secret)}:
            if len(piece) >= SHORTEST:
                found |= _written(piece)
    return tuple(sorted(found, key=lambda mask: (-len(mask), mask)))


def _written(secret: str) -> set[str]:
    """A secret as different writers would write it."""
    try:
        encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
        in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1].replace("/", "\\/")}
        in_base64 = {base64.b64encode(secret.encode()).decode().rstrip("=")} if len(secret) >= SHORTEST_PIECE else set()
    except UnicodeEncodeError:
        return {secret}
    return {secret, html.escape(secret), html.escape(secret, quote=False), *encoded, *in_json, *in_base64}


def _pieces(secret: str) -> Iterable[str]:
    """Parts of a path or query that are a credential by themselves: long, and not a plain word."""
    if not secret.startswith("/"):
        return ()
    return (piece for piece in _BREAKS.split(secret) if len(piece) >= SHORTEST_PIECE and any(c.isdigit() for c in piece))
