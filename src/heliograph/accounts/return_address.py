"""Where a person may be led back to: our own pages and nothing else (P1).

Sign-in, the return from an OpenID Connect provider and some forms are told where to lead by whoever made the link: `next`, or the header Referer.
Django's and allauth's own checks also take every Host that this server answers, such as localhost. In a person's browser that is their own machine.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def leads_to_us(request: HttpRequest, address: str) -> bool:
    """True if the address is a path here, or has the very host, port and scheme by which the browser reached this page."""
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
