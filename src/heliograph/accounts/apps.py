"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app "accounts"."""

    name = "heliograph.accounts"
