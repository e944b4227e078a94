"""Signing in and out, one-time links, one's own profile. Of allauth's many pages these are ours: nobody signs up, and people are managed by an Administrator."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as second_factor
from allauth.mfa.recovery_codes.views import view_recovery_codes
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache

from heliograph.administration.views import me, one_time_links, openid
from heliograph.administration.views.second_factor import Activate, Authenticate, Deactivate, NewCodes, Replace

urlpatterns: list[URLPattern] = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-in/code/", Authenticate.as_view(), name="mfa_authenticate"),
    path("sign-in/refused/", account.account_inactive, name="account_inactive"),
    path("openid/<slug:provider_id>/", openid.leave, name="openid_connect_login"),
    path("openid/<slug:provider_id>/return/", openid.back, name="openid_connect_callback"),
    path("sign-out/", login_not_required(account.logout), name="account_logout"),
    path("invitation/<segment:token>/", one_time_links.invitation, name="invitation"),
    path("new-password/<segment:token>/", one_time_links.new_password, name="new-password"),
    path("me/", me.me, name="me"),
    path("me/sessions/", me.end_session, name="end-session"),
    path("me/password/", me.Password.as_view(), name="account_change_password"),
    path("me/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("me/confirm/code/", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path("me/second-factor/", never_cache(Activate.as_view()), name="mfa_activate_totp"),
    path("me/second-factor/replace/", never_cache(Replace.as_view()), name="second-factor-replace"),
    path("me/second-factor/remove/", Deactivate.as_view(), name="mfa_deactivate_totp"),
    path("me/recovery-codes/", never_cache(view_recovery_codes), name="mfa_view_recovery_codes"),
    path("me/recovery-codes/new/", NewCodes.as_view(), name="mfa_generate_recovery_codes"),
]
