"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class RetryConfig(AppConfig):
    """The app "retry"."""

    name = "heliograph.retry"
