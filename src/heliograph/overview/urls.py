"""URLs of Signal's home."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.overview.views import overview_page

urlpatterns: list[URLPattern] = [
    path("signal/", overview_page.start, name="signal"),
    path("signal/overview/", overview_page.overview, name="overview"),
]
