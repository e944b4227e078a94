"""Return addresses: a person is led back to our own pages only (P1).

The author of a link can choose the return address, by `next` or the header Referer: for the sign-in, the return from an OpenID Connect
provider, and some forms. Django's and allauth's own checks accept every Host that this server answers, such as localhost. In a person's
browser, that is the person's own machine.
"""

from __future__ import annotations

import inspect
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme


def leads_to_us(request: HttpRequest, address: str) -> bool:
    """True if the address is a path of this server, or has the same host, port and scheme by which the browser reached this page."""
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())


def readable_page(request: HttpRequest, address: str) -> str:
    """The address if it is one of our pages and answers GET; otherwise the nearest page above it, or "/".

    An address that answers only POST comes from a page that was the response to a form.
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
    """True if the path has a view that no decorator (django.views.decorators.http) keeps from taking GET."""
    try:
        view: Any = resolve(path).func
    except Resolver404:
        return False
    while inspect.isfunction(view):
        if "GET" not in inspect.getclosurevars(view).nonlocals.get("request_method_list", ("GET",)):
            return False
        view = getattr(view, "__wrapped__", None)
    return True
