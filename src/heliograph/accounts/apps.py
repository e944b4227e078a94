"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app "accounts"."""

    name = "heliograph.accounts"

    def ready(self) -> None:
        """People's deeds at the door are written to the audit."""
        from heliograph.accounts import door  # noqa: PLC0415

        door.listen()
