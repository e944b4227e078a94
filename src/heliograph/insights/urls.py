"""Addresses of Signal's operation."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.connections.views import response_rule
from heliograph.flows.views import flow_test
from heliograph.insights.views import feed
from heliograph.retry.views import retry
from heliograph.timeline import views

urlpatterns: list[URLPattern] = [
    path("signal/metrics/feed/", feed.feed, name="feed"),
    path("signal/retry/", retry.queue, name="retry"),
    path("signal/retry/submit/", retry.submit_items, name="retry-submit"),
    path("signal/retry/<segment:item>/", retry.item, name="retry-item"),
    path("signal/connections/<int:connection>/rule/", response_rule.response_rule, name="connection-rule"),
    path("signal/registrations/<segment:event>/<segment:code>/", views.timeline, name="timeline"),
    path("signal/flows/new/test/", flow_test.try_flow, name="flow-new-test"),
    path("signal/flows/<int:flow>/test/", flow_test.try_flow, name="flow-test"),
    path("signal/flows/<int:flow>/send/<int:change>/", flow_test.send, name="flow-send"),
    path("signal/sync/<segment:event>/<segment:code>/", views.sync, name="sync-now"),
]
