"""The language of a page: the user's own choice, else the browser's cookie, else what the browser asks for."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from heliograph.accounts.languages import chosen_language
from heliograph.accounts.models import User


class LanguageMiddleware:
    """Translates the pages of one request. Comes after sign-in, which knows the user, and before whatever renders a page.

    Django's own LocaleMiddleware knows no user, and leaves its language to the thread: the next request there that chooses none, such as the
    API's, would speak it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        own_choice = chosen_language(request.user) if isinstance(request.user, User) else ""
        language = own_choice or translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language  # Django's name
            response = self.get_response(request)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", language)
        return response
