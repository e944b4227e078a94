"""URLs of the timeline, of the search and of why / why not."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.timeline.views import find, timeline

urlpatterns: list[URLPattern] = [
    path("signal/registrations/<segment:event>/<segment:code>/", timeline.timeline, name="timeline"),
    path("signal/sync/<segment:event>/<segment:code>/", timeline.sync, name="sync-now"),
    path("signal/find/", find.find, name="find"),
]
