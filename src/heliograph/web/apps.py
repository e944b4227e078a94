from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Templates, static files and template tags. No models."""

    name = "heliograph.web"
    label = "web"
