"""The redirect to the OpenID Connect provider and back.

The steps are allauth's. There is only one provider, and an error page for when it cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from allauth.socialaccount.providers.openid_connect import views
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from requests import RequestException

from heliograph.accounts.openid import failed

AWAY: Final = 15 * 60
"""Seconds that somebody has to sign in at the provider."""


@login_not_required
@require_safe
def leave(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Redirects to the provider's sign-in page. The session of somebody who does not return ends after 15 minutes."""
    response = _steps(views.login, request, provider_id)
    if request.session.modified and not request.user.is_authenticated:
        request.session.set_expiry(AWAY)
    return response


@login_not_required
@require_safe
def back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Handles the return from the provider."""
    return _steps(views.callback, request, provider_id)


def _steps(view: Callable[[HttpRequest, str], HttpResponse], request: HttpRequest, provider_id: str) -> HttpResponse:
    providers = cast("dict[str, Any]", settings.SOCIALACCOUNT_PROVIDERS)["openid_connect"]["APPS"]
    if provider_id not in {app["provider_id"] for app in providers}:
        raise Http404
    try:
        return view(request, provider_id)
    except (RequestException, KeyError, ValueError) as error:  # the provider cannot be reached, or its answer violates OpenID Connect
        return failed(request, error)
