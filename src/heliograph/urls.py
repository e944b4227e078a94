"""The one table of addresses."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("heliograph.administration.urls")),
    path("", include("heliograph.setup.urls")),
    path("", include("heliograph.flows.urls")),
    path("", include("heliograph.insights.urls")),
    path("", include("heliograph.guide.urls")),
]
