"""The response of a view: a whole page, or only the part that htmx requested."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags
from django_htmx.middleware import HtmxDetails


def asks_for_part(request: HttpRequest) -> bool:
    """True if htmx fetches a part of a page. A boosted link needs the whole page, and so does going back to a page that htmx has not
    cached."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    return htmx is not None and bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def page(request: HttpRequest, template: str, /, *, part: str = "", status: int = 200, **context: Any) -> HttpResponse:
    """The page of `template`, or its partial `part` if htmx requests one: with the same context."""
    name = f"{template}#{part}" if part and asks_for_part(request) else template
    response = render(request, name, context, status=status)
    if part:
        patch_vary_headers(response, ("HX-Request",))
    return response


def live(request: HttpRequest, template: str, /, *, part: str, status: int = 200, **context: Any) -> HttpResponse:
    """A page with a list that refreshes itself every two seconds (components/live.html shows it; static/heliograph/ui.js paces it).

    The list is the partial `part`. It is sent only if it differs from what the page shows. Its ETag is computed from the list's text, so
    the partial must contain no form (a CSRF token is masked anew each time) and no "2 min ago". The template gets `live_part` and
    `live_etag`.
    """
    text = render_to_string(f"{template}#{part}", context, request)
    etag = f'"{salted_hmac("heliograph.web.live", text, algorithm="sha256").hexdigest()[:32]}"'
    if not asks_for_part(request):
        response = render(request, template, {**context, "live_part": text, "live_etag": etag}, status=status)
    elif etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(text)
    if asks_for_part(request):
        response["ETag"] = etag
    # Not cached: a browser that answers from its cache would show an old list when going back.
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ("HX-Request",))
    return response
