"""Where a person may be led back to: our own pages and nothing else (P1).

Sign-in, the return from an OpenID Connect provider and some forms are told where to lead by whoever made the link: `next`, or the header Referer.
Django's and allauth's own checks also take every Host that this server answers, such as localhost. In a person's browser that is their own machine.
"""

from __future__ import annotations

import inspect
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme


def leads_to_us(request: HttpRequest, address: str) -> bool:
    """True if the address is a path here, or has the very host, port and scheme by which the browser reached this page."""
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())


def readable_page(request: HttpRequest, address: str) -> str:
    """The page to lead a person back to: the address if it is ours and can be read, else the nearest page above it; the start page at last.

    An address that only takes POST is that of a page that such a view has drawn itself, as the answer to a form.
    """
    if not leads_to_us(request, address):
        return "/"
    path = urlsplit(address).path
    if _can_be_read(path):
        return address
    while path != "/":
        path = path.rstrip("/").rpartition("/")[0] + "/"
        if _can_be_read(path):
            break
    return path


def _can_be_read(path: str) -> bool:
    """Whether there is a page at the path, and its view takes GET: none of its decorators (django.views.decorators.http) refuses that."""
    try:
        view: Any = resolve(path).func
    except Resolver404:
        return False
    while inspect.isfunction(view):
        if "GET" not in inspect.getclosurevars(view).nonlocals.get("request_method_list", ("GET",)):
            return False
        view = getattr(view, "__wrapped__", None)
    return True
