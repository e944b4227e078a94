"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class RegistrationsConfig(AppConfig):
    """The app "registrations"."""

    name = "heliograph.registrations"
