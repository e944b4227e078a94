"""The Django app of this package."""

from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The app "api". No models."""

    name = "heliograph.api"
