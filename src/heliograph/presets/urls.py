"""URLs of presets."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.presets import views

urlpatterns: list[URLPattern] = [
    path("signal/connections/new/<slug:start>/", views.connection_add, name="connection-add"),
]
