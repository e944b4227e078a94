"""URLs of Metrics."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.insights.views import feed

urlpatterns: list[URLPattern] = [
    path("signal/metrics/feed/", feed.feed, name="feed"),
]
