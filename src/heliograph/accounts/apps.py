"""The Django app of this package."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "heliograph.accounts"

    def ready(self) -> None:
        """Starts auditing sign-ins and sign-outs."""
        from heliograph.accounts import login_sessions  # noqa: PLC0415

        login_sessions.listen()
