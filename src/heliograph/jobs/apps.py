"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """The app "jobs"."""

    name = "heliograph.jobs"
