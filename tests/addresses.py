"""How browsers, and servers on the way, read the URLs on our pages; and texts that make them misread."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import SplitResult, unquote, urlsplit

HOSTILE = (
    "../../connections/7/pause",
    "..",
    ".",
    "./",
    "../",
    "a/b",
    "/a",
    "a/",
    "//evil.example/a",
    "a//b",
    "a\\b",
    "..\\..\\x",
    "\\\\evil.example",
    "%2e%2e",
    "%2E%2e/%2e",
    ".%2e",
    "%252e%252e",
    "..%2f..%2fx",
    "..%5c",
    "?x#y",
    "a?b=c&planted=1",
    "#planted",
    "a#b/../..",
    ";planted=1",
    "..;",
    "~2E~2E",
    "~",
    "a b",
    "a+b",
    "+",
    "javascript:alert(1)",
    "https://evil.example/",
    "data:,x",
    "\"'><img src=x>",
    "{{7*7}}",
    "Zoë ~ Ünï·çq\u0308de",
    "\u202e\u200b\ufeff",
    "．．／ｘ",
    "🎟️",
    "add",
    "set-status",
    "new/test",
    "S26-1",
    "x" * 100,
)
"""Texts that someone may use as a code. `planted` is a parameter and a fragment that no URL of ours has."""

_PLACES = re.compile(r"^(href|action|formaction|src|hx-(get|post|put|patch|delete|push-url|replace-url))$")
_DOTS = re.compile(r"^(\.|%2e)(\.|%2e)?$", re.IGNORECASE)


def browsed(base: str, written: str) -> SplitResult:
    """The URL that a browser requests for a link on the page at `base` (WHATWG URL, special scheme); both begin with a path."""
    text = re.sub(r"[\t\n\r]", "", written.strip(" \t\n\r\f"))
    path, mark, rest = re.match(r"([^?#]*)([?#]?)(.*)", text, re.DOTALL).groups()
    path = path.replace("\\", "/")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", path):
        return urlsplit(path + mark + rest)  # it leads to another site
    base_path, _, base_query = base.partition("?")
    if not path and mark != "?":
        mark, rest = (f"?{base_query}" if base_query else ""), mark + rest
    whole = path if path.startswith("/") else (base_path if not path else base_path.rpartition("/")[0] + "/" + path)
    kept: list[str] = []
    segments = whole.split("/")[1:]
    for n, segment in enumerate(segments):
        if (dots := _DOTS.match(segment)) is not None:
            if dots[2] and kept:
                kept.pop()
            if n == len(segments) - 1:
                kept.append("")
        else:
            kept.append(segment)
    return urlsplit("/" + "/".join(kept))._replace(query=(mark + rest).partition("#")[0].removeprefix("?"), fragment=rest.partition("#")[2])


def decoded(path: str) -> str:
    """The path that a server looks up."""
    return unquote(path)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name, value or "") for name, value in attrs if _PLACES.match(name)]


def written_on(page: str) -> list[tuple[str, str, str]]:
    """Every URL on a page: the tag, the attribute, its raw text."""
    reader = _Page()
    reader.feed(page)
    reader.close()
    return reader.found
