"""One's own profile: name, password, second factor, and active sessions."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.views import PasswordChangeView
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import User
from heliograph.accounts.people import PersonRefused, end_sessions, rename
from heliograph.accounts.recovery_codes import count_codes
from heliograph.accounts.roles import AccountRequest
from heliograph.accounts.user_agents import device
from heliograph.administration.views.language_forms import language_fields
from heliograph.setup.views.shared_form import SharedForm
from heliograph.web.context import THEMES
from heliograph.web.form_fields import Radios, TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

A_YEAR = 365 * 24 * 3600
"""Seconds for which a browser remembers a choice."""
SHOWN = 50
"""Sessions listed; the rest can be ended by "Sign out everywhere else"."""


class NameForm(SharedForm):
    """The user's own name."""

    name = TextLine(gettext_lazy("Name"), required=True, autocomplete="name")


class AppearanceForm(Form):
    """Light or dark; "" follows the device."""

    theme = Radios(
        gettext_lazy("Appearance"),
        options=[Choice("", gettext_lazy("System")), Choice("light", gettext_lazy("Light")), Choice("dark", gettext_lazy("Dark"))],
        help=gettext_lazy("System follows your device, also at night. The choice applies to this browser."),
    )


class EndSessionForm(Form):
    """The session to end: its id, or "others"."""

    session = TextLine()


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def me(request: AccountRequest) -> HttpResponse:
    """A user's own name, password and second factor. Only an Administrator changes roles and e-mail addresses."""
    user = request.user
    now = User.objects.get(pk=user.pk)  # the request's instance is older than its count of saves (accounts/save_order.py)
    form = NameForm(posted(request), stored={"name": now.name})
    if form.is_valid():
        try:
            rename(user, form.cleaned_data["name"])
        except PersonRefused as refused:
            form.add_error("name", " ".join(refused.fields.get("name", [str(refused)])))
        else:
            say(request, _("Your name is saved."))
            return HttpResponseRedirect(request.path)
    return page(
        request,
        "administration/me.html",
        status=form.status,
        section="me",
        here="me",
        fields=form.draw_fields(),
        language_choice=language_fields(user),
        appearance=AppearanceForm(initial={"theme": request.COOKIES.get("theme", "")}).draw_fields(),
        has_password=user.has_usable_password(),
        second=_second_factor(request),
        sessions=_sessions(request),
    )


class ChangePasswordView(PasswordChangeView):  # type: ignore[misc]
    """Changes the password, given the old one. Users who sign in elsewhere have none to change."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not cast("AccountRequest", request).user.has_usable_password():
            return HttpResponseRedirect(reverse("me"))
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "section": "me", "here": "me"}

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        say(self.request, _("Your password is changed. You are signed out everywhere else."))
        return response


@require_POST
def appearance(request: AccountRequest) -> HttpResponse:
    """Chooses light or dark pages for this browser: a cookie, since the same person may want the one in the office and the other at night."""
    form = AppearanceForm(request.POST)
    response = HttpResponseRedirect(reverse("me"))
    theme = form.cleaned_data["theme"] if form.is_valid() else ""
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=A_YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax")
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_POST
def end_session(request: AccountRequest) -> HttpResponse:
    """Ends one of the user's own sessions, or all but this one."""
    form = EndSessionForm(request.POST)
    chosen = form.cleaned_data["session"] if form.is_valid() else ""
    others = UserSession.objects.filter(user=request.user).exclude(session_key=request.session.session_key)
    if chosen != "others":
        others = others.filter(pk=int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else others.none()
        if not others:
            raise Http404
    end_sessions(others)
    say(request, _("Signed out there.") if chosen != "others" else _("Signed out everywhere else."))
    return HttpResponseRedirect(reverse("me"))


def _second_factor(request: AccountRequest) -> dict[str, Any]:
    rows = {row.type: row for row in Authenticator.objects.filter(user=request.user)}
    codes = rows.get(Authenticator.Type.RECOVERY_CODES)
    authenticator = rows.get(Authenticator.Type.TOTP)
    return {
        "since": authenticator.created_at if authenticator else None,
        "left": count_codes(codes) if codes else 0,
        "required": request.user.needs_second_factor,
    }


def _sessions(request: AccountRequest) -> list[dict[str, Any]]:
    known = list(UserSession.objects.filter(user=request.user).order_by("-last_seen_at")[:SHOWN])
    alive = set(
        Session.objects.filter(session_key__in=[row.session_key for row in known], expire_date__gt=timezone.now()).values_list(
            "session_key", flat=True
        )
    )
    current = request.session.session_key
    return [
        {
            "id": row.pk,
            "device": device(row.user_agent),
            "address": row.ip,
            "began": row.created_at,
            "seen": row.last_seen_at,
            "current": row.session_key == current,
        }
        for row in known
        if row.session_key in alive
    ]
