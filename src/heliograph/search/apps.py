"""The Django app of this package."""

from __future__ import annotations

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """The app "search". No models."""

    name = "heliograph.search"
