"""The reference of the API: its OpenAPI file."""

from __future__ import annotations

from functools import cache

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from dmr.routing import Router

from heliograph.api import openapi


@login_not_required
@require_safe
def openapi_file(_request: HttpRequest, router: Router) -> HttpResponse:
    """The OpenAPI file. It says nothing of an account, so it needs no token."""
    return HttpResponse(_encoded(router), content_type="application/json", headers={"Cache-Control": "max-age=300"})


@cache
def _encoded(router: Router) -> bytes:
    return msgspec.json.encode(openapi.document(router))
