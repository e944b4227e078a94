"""The root URL table: it includes each noun's own `urls.py`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from heliograph.insights.views.feed_page import feed_of_event
from heliograph.registrations.views.registration_list_page import registrations_of_event
from heliograph.web.nearest_page import beginning

NOUNS = (
    *("administration", "setup", "registrations", "connections", "mappings", "presets", "sources", "flows", "recipes"),
    *("retry", "timeline", "insights", "overview", "replay", "guide", "search"),
    "notifications",
)

BEGINNINGS: list[URLPattern] = [
    beginning("accounts/", "me"),
    beginning("accounts/openid/", "account_login"),
    beginning("accounts/invitation/", "account_login"),
    beginning("accounts/new-password/", "account_login"),
    beginning("first-start/", "start"),
    beginning("settings/tokens/<int:id>/", "api-tokens"),
    beginning("settings/sources/<int:id>/calls/", "sources"),
    beginning("jobs/", "start"),
    beginning("events/<segment:event>/", "event-details", "event"),
    beginning("import/<segment:upload>/", "import-columns", "upload"),
    beginning("registration-active/", "registrations"),
    path("registration-active/<segment:event>/", registrations_of_event),
    path("registrations/<segment:event>/", registrations_of_event),
    beginning("oauth/", "connection-list"),
    beginning("signal/flows/<int:flow>/send/", "flow", "flow"),
    beginning("signal/registrations/", "find"),
    path("signal/registrations/<segment:event>/", feed_of_event),
    beginning("signal/sync/", "find"),
    path("signal/sync/<segment:event>/", feed_of_event),
    beginning("signal/why/", "feed"),
    beginning("signal/why/<int:change>/", "feed"),
    beginning("signal/metrics/records/", "insights"),
    beginning("signal/metrics/exports/", "insights"),
    beginning("signal/metrics/posts/", "insights"),
    beginning("signal/notifications/rules/<slug:scope>/", "notification-rules"),
    beginning("unsubscribe/", "account_login"),
]
"""Beginnings of pages' addresses, and where each leads. They come last, so that a page at the same address takes precedence."""

handler500 = "heliograph.web.server_errors.server_error"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="registrations"), name="start"),
    *(path("", include(f"heliograph.{noun}.urls")) for noun in NOUNS),
    path("", include("heliograph.api.urls")),
    *BEGINNINGS,
]
