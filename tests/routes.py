"""Every URL of the product, from its own URL table."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse
from django.urls.resolvers import RoutePattern


@dataclass(frozen=True, slots=True)
class Route:
    """A URL with its arguments filled in. name: for `reverse`; view: the view that answers."""

    path: str
    name: str
    view: Any


def every_route(number: str = "1", text: str = "x") -> Iterator[Route]:
    """All routes. number, text: the values of arguments."""

    def walk(patterns: list[Any], before: str) -> Iterator[Route]:
        for each in patterns:
            assert isinstance(each.pattern, RoutePattern)
            route = before + re.sub(r"<(int:)?[^>]*>", lambda m: number if m[1] else text, str(each.pattern))
            if isinstance(each, URLPattern):
                yield Route(f"/{route}", each.name or "", each.callback)
            else:
                yield from walk(each.url_patterns, route)

    yield from walk(get_resolver().url_patterns, "")


def routes(number: str = "1", text: str = "x") -> Iterator[str]:
    """The paths of all routes."""
    return (route.path for route in every_route(number, text))


def addresses() -> Iterator[str]:
    """Every page without arguments."""
    for name in sorted(name for name in get_resolver().reverse_dict if isinstance(name, str)):
        with contextlib.suppress(NoReverseMatch):
            yield reverse(name)
