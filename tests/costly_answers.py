"""Answers of targets that are made to cost as much as they can when they are searched for secrets (C5)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from heliograph.domain.connection.secret import signing_secret
from heliograph.outbound.masks import Masks, masks_of

MEGABYTE = 1_000_000
MOST = 20
ODD = 'p/ä"ss &wör<d>+=7'
SECRETS = {
    "an odd password": [(ODD * 60)[:950]],
    "a path of 150 odd pieces": ["/" + "/".join(f'p{n}"<&+ä>{n * 7919 % 10_007}xyz' for n in range(150))],
    "one letter": ["a" * 950 + "1", "/" + "a" * 7_900 + "1"],
    "punctuation": ["\\/" * 400 + "x", "a-" * 400, "----------------b", "%25" * 300],
    "many short ones": ["/?" + "&".join(f"key{n}=abcdef{n}" for n in range(500))],
    "usual": [
        "/services/T0AAAA/B0BBBB/x9Yk2mQ7wVbN4rTzLp0s?key=abcd1234",
        "wörd+pass-0123456789",
        signing_secret(bytes(range(200, 232))),
    ],
}
WRITERS: dict[str, Callable[[str], str]] = {
    "as they are": str,
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "every byte escaped": lambda text: "".join(f"%25{byte:02x}" for byte in text.encode()),
    "every character escaped": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "a blank after each letter": " ".join,
}


def masks(secrets: list[str]) -> Masks:
    pair = base64.b64encode(b"ada:w\xc3\xb6rd+pass-0123456789").decode()
    return masks_of(secrets, credentials=[f"Basic {pair}"])


def usual_text() -> str:
    return json.dumps(
        [{"id": n, "name": "Ada Sample", "event": "SUMMIT-26", "url": "https://crm.example.com/leads"} for n in range(12_000)]
    )


def costly_texts(of: Masks) -> dict[str, str]:
    """Texts of a megabyte that are made of what is searched for, and of what looks like it."""
    readings = [reading.text for needles in of.needles for reading in needles.readings]
    beginnings = [text[:7] for text in readings]
    texts = {f"every reading, {name}": writer(" ".join(readings)) for name, writer in WRITERS.items()}
    texts |= {f"beginnings, {name}": writer(" ".join(beginnings)) for name, writer in WRITERS.items()}
    texts |= {"backslashes": "\\", "percent": "%25", "entities": "&amp;", "nothing but escapes": "\\u00e4%C3%A4&auml;", "blanks": " a"}
    return {name: (text * (MEGABYTE // len(text) + 1))[:MEGABYTE] for name, text in texts.items()}
