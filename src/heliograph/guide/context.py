"""The link "Help" of a page: to the chapter of its screen."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from heliograph.guide.places import place_of


def help_link(request: HttpRequest) -> dict[str, Any]:
    """The context `help_href`, the URL of the link. It is computed only when a template uses it."""

    def href() -> str:
        match = request.resolver_match
        chapter, anchor = place_of((match.url_name or "") if match else "")
        if not chapter:
            return reverse("help")
        path = reverse("help-chapter", args=(chapter,))
        return f"{path}#{anchor}" if anchor else path

    return {"help_href": href}
