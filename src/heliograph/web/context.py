"""The template context of every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from heliograph.web.toasts import waiting_toasts

THEMES = ("light", "dark")


def page(request: HttpRequest) -> dict[str, Any]:
    """The context of every page.

    theme: from a cookie; "" follows the system.
    toasts: read late, because reading consumes them and not every page shows them.
    """
    theme = request.COOKIES.get("theme", "")
    return {
        "theme": theme if theme in THEMES else "",
        "toasts": SimpleLazyObject(lambda: list(waiting_toasts(request))),
    }
