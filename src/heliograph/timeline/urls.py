"""URLs of the timeline, of the search and of why / why not."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.timeline.views import search_page, timeline_page, why_page

urlpatterns: list[URLPattern] = [
    path("signal/registrations/<segment:event>/<segment:code>/", timeline_page.timeline, name="timeline"),
    path("signal/sync/<segment:event>/<segment:code>/", timeline_page.sync, name="sync-now"),
    path("signal/find/", search_page.find, name="find"),
    path("signal/why/<int:change>/<int:flow>/", why_page.why, name="why"),
    path("signal/why/<int:change>/<int:flow>/others/", why_page.others, name="why-others"),
    path("signal/flows/<int:flow>/decisions/", why_page.decisions, name="flow-decisions"),
]
