"""Shortened addresses: an address that is only the beginning of a page's address leads to the nearest page above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import URLPattern, path, reverse
from django.views.generic import RedirectView


class NearestPage(RedirectView):
    """Leads on to a page. keeps: the parts of the address that the page has, too."""

    keeps: Sequence[str] = ()

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        return reverse(str(self.pattern_name), kwargs={name: kwargs[name] for name in self.keeps})


def beginning(route: str, page: str, *keeps: str) -> URLPattern:
    """A beginning of addresses and the name of the page that it leads to."""
    return path(route, NearestPage.as_view(pattern_name=page, keeps=keeps))
