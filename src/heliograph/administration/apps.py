"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class AdministrationConfig(AppConfig):
    """The app "administration"."""

    name = "heliograph.administration"
