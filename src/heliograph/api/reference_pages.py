"""The reference of the API: its OpenAPI file, and its page under Account Settings > Implementation."""

from __future__ import annotations

from itertools import groupby

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from dmr.routing import Router

from heliograph.accounts.models import Role, TokenScope
from heliograph.accounts.roles import AccountRequest
from heliograph.api import openapi
from heliograph.api.api_problems import PROBLEM_TYPES
from heliograph.api.reference import PREFIX, endpoints
from heliograph.setup.views.setup_frame import settings_page
from heliograph.web.list_filters import ListFilters, SearchFilter


class EndpointFilters(ListFilters):
    """The search of the reference."""

    q = SearchFilter("")


@login_not_required
@require_safe
def openapi_file(_request: HttpRequest, router: Router) -> HttpResponse:
    """The OpenAPI file. It has nothing of any account, so it needs no token."""
    return HttpResponse(openapi.encoded(router), content_type="application/json", headers={"Cache-Control": "no-store"})


@require_safe
def reference(request: AccountRequest, router: Router, key: str = "") -> HttpResponse:
    """Every endpoint by noun, and one of them opened. key: the opened one; "" = the first."""
    all_endpoints = endpoints(router)
    endpoint = all_endpoints.get(key) if key else next(iter(all_endpoints.values()))
    if endpoint is None:
        raise Http404
    words = EndpointFilters(request).cleaned_data["q"].lower().split()
    matching = [
        each
        for each in all_endpoints.values()
        if all(word in f"{each.method} {each.path} {each.title} {each.noun}".lower() for word in words)
    ]
    groups = [
        {"noun": noun, "rows": list(rows), "is_open": bool(words) or noun == endpoint.noun}
        for noun, rows in groupby(sorted(matching, key=lambda each: each.noun), key=lambda each: each.noun)
    ]
    facts = [
        (_("Needs"), TokenScope(endpoint.scope).label),
        (
            _("Role"),
            Role(endpoint.role).label
            if endpoint.role == Role.ADMINISTRATOR
            else _("%(role)s or higher") % {"role": Role(endpoint.role).label},
        ),
    ]
    if endpoint.method == "POST":
        facts.append((_("Repeat safely"), _("With an Idempotency-Key")))
    return settings_page(
        request,
        "api/reference.html",
        entry="api-reference",
        tabs=_tabs("api-reference"),
        base=f"{settings.HELIOGRAPH.base_url}{PREFIX}",
        groups=groups,
        words=" ".join(words),
        endpoint=endpoint,
        facts=facts,
        curl=endpoint.curl.replace("$HOST", str(settings.HELIOGRAPH.base_url)),
    )


@require_safe
def problem_types(request: AccountRequest) -> HttpResponse:
    """All types of problems, and what to do about each."""
    return settings_page(
        request,
        "api/problem_types.html",
        entry="api-reference",
        tabs=_tabs("api-problems"),
        base=f"{settings.HELIOGRAPH.base_url}{PREFIX}",
        problems=PROBLEM_TYPES.values(),
    )


def _tabs(at: str) -> list[tuple[str, str, bool]]:
    """The pages of the API: text, URL, whether it is open."""
    names = (("api-reference", _("Reference")), ("api-tokens", _("API tokens")), ("api-problems", _("Problem types")))
    return [(text, reverse(name), name == at) for name, text in names]
