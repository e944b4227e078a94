"""Signing in and out. Of allauth's many pages these are ours: nobody signs up, and people are managed by an Administrator."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as second_factor
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-in/code/", login_not_required(second_factor.authenticate), name="mfa_authenticate"),
    path("sign-in/refused/", account.account_inactive, name="account_inactive"),
    path("sign-out/", login_not_required(account.logout), name="account_logout"),
]
