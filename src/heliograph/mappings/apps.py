"""Django's handle on this package."""

from __future__ import annotations

from django.apps import AppConfig


class MappingsConfig(AppConfig):
    """The app "mappings"."""

    name = "heliograph.mappings"
