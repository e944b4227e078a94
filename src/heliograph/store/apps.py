"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """The app "store"."""

    name = "heliograph.store"
