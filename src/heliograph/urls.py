"""The root URL table: it includes each noun's own `urls.py`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

NOUNS = (
    *("administration", "setup", "registrations", "connections", "mappings", "presets", "flows"),
    *("retry", "timeline", "insights", "replay", "guide"),
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="registrations"), name="start"),
    *(path("", include(f"heliograph.{noun}.urls")) for noun in NOUNS),
]
