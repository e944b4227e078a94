"""Checks the texts of a request in one place before any view reads them: those of its path, its query and its form (A8).

Views then get texts that every database can store and every page can show: bounded, in UTF-8, without control characters. Line breaks and
tabs are allowed, as in multi-line texts; single-line fields and tighter bounds are checked where they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, NamedTuple

import django
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found

LAST_ID: Final = 2**63 - 1
LONGEST_QUERY: Final = 4_000
"""Characters of one text in a query. SQLite refuses LIKE patterns of more than 50,000 bytes."""
LONGEST_TEXT: Final = 100_000
"""Characters of one text in a form: enough for a line of a mapping, or a certificate with its chain."""
LONGEST_OPENED: Final = 1_000_000
"""Characters of `opened`, the values that a form showed, which it posts back unchanged: enough for the largest registration that can be
recorded (I5)."""
LONGEST_NAME: Final = 200
_NO_TEXT: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters except tab and line breaks, and lone surrogates."""


class TextRequest(WSGIRequest):
    """A request whose query and form are UTF-8. Django decodes them by the codec that the sender names, any of Python's, as soon as the
    request is created: idna, hex and unicode_escape raise there, where no middleware answers. Browsers name none."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:  # of a parameter with its own encoding
            self.content_type, self.content_params = "", {}


class _Pages(WSGIHandler):
    request_class = TextRequest


def pages_application() -> WSGIHandler:
    """Django's WSGI application, for requests that always get an answer."""
    django.setup(set_prefix=False)
    return _Pages()


class TextMiddleware:
    """Refuses requests with texts that no page would send. It precedes everything that reads the query or the form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = str((request.content_params or {}).get("charset", "utf-8"))
        if charset.strip().lower() not in {"utf-8", "utf8"}:
            return HttpResponse(_("Forms have to be in UTF-8."), status=415, content_type="text/plain; charset=utf-8")
        if "\0" in request.path_info:  # nothing has such a name, and PostgreSQL refuses to look for it
            return page_not_found(request, Http404())
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], _args: Any, kwargs: dict[str, Any]) -> HttpResponse | None:
        """None means continue. Views exempt from CSRF tokens are not pages, and read their bodies themselves."""
        if any(isinstance(value, int) and value > LAST_ID for value in kwargs.values()):
            raise Http404  # no database has such an id, and SQLite raises for it
        try:
            text_flaws = [*flaws(request.GET, LONGEST_QUERY)]
            if not getattr(view, "csrf_exempt", False):
                text_flaws += flaws(request.POST, LONGEST_TEXT, but=getattr(view, "own_texts", ()))
        except (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent):
            return _refused(request, _("The request is larger than any page sends. Send less."), status=413)
        return _refused(request, text_flaws[0].sentence) if text_flaws else None


def judges_texts[View: Callable[..., Any]](*names: str) -> Callable[[View], View]:
    """Declares that a view checks these fields of its form itself, with texts of any length and content.

    The view shows the error beside the text; a refusal by the middleware would replace the page. It stores none of the fields as posted.
    """

    def declared(view: View) -> View:
        view.own_texts = frozenset(names)  # type: ignore[attr-defined]  # the middleware reads it
        return view

    return declared


class TextFlaw(NamedTuple):
    """A text that is not allowed: the name of its field, and a sentence about it."""

    field: str
    sentence: str


def flaws(given: QueryDict, longest: int, but: Collection[str] = ()) -> Iterator[TextFlaw]:
    """The texts that are not allowed.

    longest: characters of a text
    but: fields that the view checks itself
    """
    for name, texts in given.lists():
        if name in but:
            continue
        if len(name) > LONGEST_NAME or _NO_TEXT.search(name):
            yield TextFlaw(name, _("One of its fields has a name that no page uses."))
            continue
        most = LONGEST_OPENED if name == "opened" else longest
        for text in texts:
            if len(text) > most:
                words = {"name": name, "n": intcomma(len(text)), "most": intcomma(most)}
                yield TextFlaw(name, _("The field “%(name)s” has %(n)s characters; at most %(most)s are possible. Shorten it.") % words)
            elif control := _NO_TEXT.search(text):
                words = {"name": name, "sign": f"U+{ord(control[0]):04X}"}
                yield TextFlaw(name, _("The field “%(name)s” has a control character (%(sign)s). Type it again without it.") % words)


def _refused(request: HttpRequest, message: str, *, status: int = 400) -> HttpResponse:
    return render(request, "400.html", {"said": message}, status=status)
