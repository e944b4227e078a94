"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class DeliveriesConfig(AppConfig):
    """The app "deliveries"."""

    name = "heliograph.deliveries"
