"""URLs of the timeline."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.timeline import views

urlpatterns: list[URLPattern] = [
    path("signal/registrations/<segment:event>/<segment:code>/", views.timeline, name="timeline"),
    path("signal/sync/<segment:event>/<segment:code>/", views.sync, name="sync-now"),
]
