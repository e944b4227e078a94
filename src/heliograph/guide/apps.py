"""The Django app of this package."""

from __future__ import annotations

from django.apps import AppConfig


class GuideConfig(AppConfig):
    """The app "guide". No models."""

    name = "heliograph.guide"
