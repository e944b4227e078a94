"""Shortened addresses: an address that is only the beginning of a page's address leads to the nearest page above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import URLPattern, path, reverse
from django.views.generic import RedirectView


class NearestPage(RedirectView):
    """Redirects to a page."""

    keeps: Sequence[str] = ()
    """The parts of the address that the page's own address has, too."""

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        return reverse(str(self.pattern_name), kwargs={name: kwargs[name] for name in self.keeps})


def beginning(route: str, page: str, *keeps: str) -> URLPattern:
    """The URL pattern that redirects a shortened address.

    route: the address
    page: the name of the page
    keeps: the parts of the address that the page's own address has, too
    """
    return path(route, NearestPage.as_view(pattern_name=page, keeps=keeps))
