"""Every page requires a signed-in user and belongs to that user's account, unless its view is marked `login_not_required`."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any, Final, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist
from django.core.handlers.exception import response_for_exception
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh
from django_scopes import scope

from heliograph.accounts import kept_form, login_sessions, save_order
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Account, User
from heliograph.accounts.refused_access import note_refusal
from heliograph.accounts.return_address import readable_page
from heliograph.accounts.roles import AccountRequest
from heliograph.accounts.save_order import SavedSince
from heliograph.accounts.signal_switch import check_signal
from heliograph.domain.errors import NotInAccount, TooMuchWork
from heliograph.store.access_refusals import Reason
from heliograph.store.django_database import check_database, of_django

SIGNAL = "signal/"
"""The prefix of Signal's pages; an operator can turn them off for an account (N4)."""


SECOND_FACTOR_FIRST: Final = frozenset({"mfa_activate_totp", "account_reauthenticate"})
"""The views open to a user whose required second factor is missing (A6)."""
GONE: Final = (NotInAccount, ObjectDoesNotExist)
WAYS_IN: Final = frozenset(
    {
        "account_login",
        "mfa_authenticate",
        "account_inactive",
        "account_logout",
        "openid_connect_login",
        "openid_connect_callback",
        "invitation",
        "new-password",
        "first-start",
        "language",
    }
)
"""The views open to everyone; they show nothing of an account."""
LETS_NOBODY_IN: Final = frozenset({"account_inactive", "account_logout", "language"})
"""Those of WAYS_IN that let nobody in."""


class AccountMiddleware:
    """Sets `request.account`, and limits the request to its rows and its time zone.

    Comes after the middlewares of sessions, sign-in, messages and htmx. Interfaces that identify their caller by a token mark their views
    `login_not_required` and enter the account's scope themselves.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        login_sessions.seen(request)
        user = request.user
        account: Account | None = user.account if isinstance(user, User) else None
        with ExitStack() as stack:
            if account:
                cast("AccountRequest", request).account = account
                stack.enter_context(scope(account=account.pk))
                stack.enter_context(timezone.override(zoneinfo.ZoneInfo(account.timezone)))
                if request.method == "POST":
                    stack.enter_context(save_order.judged_from(of_django(connections["read"]), account.pk))
            response = self.get_response(request)
        if response.status_code == HTTPStatus.FORBIDDEN and not getattr(request, "refusal_is_noted", False):
            # Without a view, the 403 comes from Django's CSRF check (settings.MIDDLEWARE).
            note_refusal(request, Reason.NOT_PERMITTED if getattr(request, "view_is_chosen", False) else Reason.STALE_FORM)
        leaves = request.method == "POST" and request.resolver_match is not None and request.resolver_match.url_name == "account_logout"
        kept_form.remember(request, response, leaves=leaves)
        if leaves:
            # The cookies stay, because one of them marks a trusted device, which needs no code for 30 days.
            response["Clear-Site-Data"] = '"cache", "storage"'
        # Pages contain personal data: on a shared computer, neither the browser's cache nor "back" may show it after the sign-out.
        response.setdefault("Cache-Control", "no-store")
        return response

    def process_view(self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Refuses requests without a user or an account. None means continue."""
        assert request.resolver_match is not None  # Django calls this method only with a view
        request.view_is_chosen = True  # type: ignore[attr-defined]
        name = request.resolver_match.url_name
        if name not in SECOND_FACTOR_FIRST | WAYS_IN and isinstance(request.user, User) and request.user.second_factor_due:
            return HttpResponseClientRefresh() if getattr(request, "htmx", False) else redirect("mfa_activate_totp")
        if name in WAYS_IN - LETS_NOBODY_IN:
            # Nobody gets in without the database, or while its disk is full. A 503 says so before a password is typed.
            check_database()
        if not getattr(view, "login_required", True):
            return None
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        account: Account | None = getattr(request, "account", None)
        if account is None:
            return render(request, "administration/no_account.html", status=403)
        if request.resolver_match.route.startswith(SIGNAL):
            check_signal(account)
        return _with_what_waited(request, shows_again=getattr(view, "shows_again", False))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answers an error of a view; None for an error of any other kind.

        SavedSince (somebody else saved first) runs the view again; an error of that run is answered in the same way.
        NotInAccount, also for a row that was deleted while the view ran, is a 404.
        A refused job leads back to the page from which the request came.
        """
        for _time in range(save_order.TRIES):
            if not isinstance(error, SavedSince):
                break
            assert request.resolver_match is not None  # the error comes from a view
            view, args, kwargs = request.resolver_match
            with save_order.judged_from(of_django(connections["read"]), cast("AccountRequest", request).account.pk):
                try:
                    return cast("HttpResponse", view(request, *args, **kwargs))
                except (SavedSince, TooMuchWork, *GONE) as again:
                    error = again
        if isinstance(error, TooMuchWork):
            messages.info(request, translated(error))
            page_url = readable_page(request, request.headers.get("Referer", ""))
            return HttpResponseClientRedirect(page_url) if getattr(request, "htmx", False) else redirect(page_url)
        return response_for_exception(request, Http404()) if isinstance(error, GONE) else None


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Leads to the sign-in page. If htmx asks for a part of a page, the whole page is loaded again and then led there.

    A page with an unsent form is not reloaded, so that nothing typed is lost.
    """
    if getattr(request, "htmx", False):
        return HttpResponse(status=204) if request.method == "POST" else HttpResponseClientRefresh()
    response = redirect_to_login(request.get_full_path())
    if request.method == "POST":
        kept_form.keep(request, response)
    return response


def _with_what_waited(request: HttpRequest, *, shows_again: bool) -> HttpResponse | None:
    """Returns a page that offers the kept form, or puts the form into the request of that page's button. None: the view answers.

    shows_again: True if the view can show a form without saving it.
    """
    if request.method == "GET" and not getattr(request, "htmx", False):
        name = kept_form.waiting(request)
        return render(request, "administration/kept_form.html", {"name": name, "shows_again": shows_again}) if name else None
    if request.method == "POST" and kept_form.NAME in request.POST:
        do = request.POST.get("do")
        again = shows_again and do == "show"
        waiting_form = kept_form.take(request, request.POST[kept_form.NAME], again=again)
        if waiting_form is None or do == "forget":
            return redirect(readable_page(request, request.get_full_path()))
        if again:
            messages.info(request, _("This is what you wrote when your session ended. Check it and save it."))
        cast("Any", request).POST = waiting_form
    return None
