"""The answer when an account has too many jobs: nothing is begun, and the page that the person came from says so."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_htmx.http import HttpResponseClientRedirect

from heliograph.accounts.return_address import leads_to_us
from heliograph.jobs.control import TooMuchWork
from heliograph.web.toasts import say


class TooMuchWorkMiddleware:
    """Leads a refused request back to its page, where the refusal stands. Comes after the middlewares of messages and htmx."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """None: the error is of another kind."""
        if not isinstance(error, TooMuchWork):
            return None
        say(request, str(error))
        referrer = request.headers.get("Referer", "")
        page_url = referrer if leads_to_us(request, referrer) else "/"
        return HttpResponseClientRedirect(page_url) if getattr(request, "htmx", False) else HttpResponseRedirect(page_url)
