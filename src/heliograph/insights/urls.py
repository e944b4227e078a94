"""Addresses of Signal's operation."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.insights.views import feed, response_rule, retry, timeline, trying

urlpatterns: list[URLPattern] = [
    path("signal/metrics/feed/", feed.feed, name="feed"),
    path("signal/retry/", retry.queue, name="retry"),
    path("signal/retry/submit/", retry.submit_items, name="retry-submit"),
    path("signal/retry/<segment:item>/", retry.item, name="retry-item"),
    path("signal/connections/<int:connection>/rule/", response_rule.response_rule, name="connection-rule"),
    path("signal/registrations/<segment:event>/<segment:code>/", timeline.timeline, name="timeline"),
    path("signal/flows/new/test/", trying.try_flow, name="flow-new-test"),
    path("signal/flows/<int:flow>/test/", trying.try_flow, name="flow-test"),
    path("signal/flows/<int:flow>/send/<int:change>/", trying.send, name="flow-send"),
    path("signal/sync/<segment:event>/<segment:code>/", timeline.sync, name="sync-now"),
]
