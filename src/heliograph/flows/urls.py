"""Addresses of Signal's set-up."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.generic import RedirectView

from heliograph.flows.views import flows, oauth

urlpatterns: list[URLPattern] = [
    path("signal/", RedirectView.as_view(pattern_name="flow-list"), name="signal"),
    path("signal/flows/", flows.flow_list, name="flow-list"),
    path("signal/flows/<int:flow>/active/", flows.toggle, name="flow-toggle"),
    path("signal/connections/<int:connection>/access/", oauth.connection_access, name="connection-access"),
    path("signal/connections/<int:connection>/connect/", oauth.connect, name="oauth-connect"),
    # Administrators of other servers enter this one: it never changes.
    path("oauth/return", oauth.oauth_return, name="oauth-return"),
]
