"""Keeps the API apart from the pages: no cookie counts, and every error is a problem document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from heliograph.api.api_problems import PROBLEM_TYPES, Problem
from heliograph.api.request_flaws import check_query

PREFIX: Final = "/api/"
_BY_STATUS: Final = {400: "request", 403: "scope", 404: "not-found", 405: "method", 413: "size", 503: "unavailable"}


class ApiMiddleware:
    """The first middleware. It drops cookies: a browser that is signed in to the pages sends them here, too, and they give no right."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        request.META.pop("HTTP_COOKIE", None)
        request.META.pop("HTTP_ACCEPT_LANGUAGE", None)  # programs read one language
        if request.method == "DELETE":
            # It answers without content, which no Accept excludes. Postman asks for problem documents alone: the OpenAPI file has no other answer.
            request.META.pop("HTTP_ACCEPT", None)
        response = self.get_response(request)
        if response.status_code < 400 or "json" in response.get("Content-Type", ""):
            return response
        # An answer of Django's own: no such address, a request that it refuses to read, an error before the endpoint.
        name = _BY_STATUS.get(response.status_code, "internal" if response.status_code >= 500 else "request")
        assert name in PROBLEM_TYPES
        return Problem(name).response()

    def process_view(self, request: HttpRequest, _view: Callable[..., Any], _args: Any, _kwargs: Any) -> HttpResponse | None:
        """The problem document of a query with a text that nobody reads; None for any other query.

        It comes before the middleware of the pages (web/texts.py), whose answer does not name the parameter.
        """
        if request.path_info.startswith(PREFIX):
            try:
                check_query(request)
            except Problem as problem:
                return problem.response()
        return None
