"""Texts in the path of a page's URL: a stored text becomes one segment that everything reads alike, and dot segments are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.utils.translation import gettext as _

DOT_SEGMENTS: Final = frozenset({".", ".."})


class Segment:
    """A URL converter: any text as one segment of letters, digits, `-`, `_` and `~`.

    Percent-encoding is not enough. Browsers treat `%2e` as a dot and go up a folder; servers decode `%2F` before routing; and a path that
    was decoded once, as in `request.path`, would be decoded again when written into a response. So each octet that is not allowed becomes
    `~` and two upper-case hexadecimal digits, which nothing on the way decodes:

        ../7/pause    ~2E~2E~2F7~2Fpause
        Q&A ~ Zoë     Q~26A~20~7E~20Zo~C3~AB

    Each text has exactly one spelling; any other spelling is not a URL of ours.
    """

    regex = r"(?:[A-Za-z0-9_-]|~[0-9A-F]{2})+"

    def to_url(self, text: str) -> str:
        """The segment of a text. Raises ValueError for an empty text or lone surrogates."""
        if not text:
            raise ValueError("an empty text has no segment")
        return quote(text, safe="").replace("~", "%7E").replace(".", "%2E").replace("%", "~")

    def to_python(self, segment: str) -> str:
        """The text of a segment. Raises ValueError for a spelling that `to_url` does not produce."""
        text = unquote(segment.replace("~", "%"), errors="strict")
        if self.to_url(text) != segment:
            raise ValueError("another spelling")
        return text


class NoDotSegments:
    """Refuses URLs with `.` and `..` as segments, which browsers, proxies and servers read differently.

    None of our URLs contains a backslash, which browsers treat as a slash, or a percent sign after decoding: that was encoded twice, for
    something on the way that decodes twice.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if "\\" in path or "%" in path or not DOT_SEGMENTS.isdisjoint(path.split("/")):
            return HttpResponseBadRequest(
                _("This address is not allowed."), content_type="text/plain", headers={"Cache-Control": "no-store"}
            )
        return self.get_response(request)
