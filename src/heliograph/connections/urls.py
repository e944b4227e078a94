"""URLs of connections."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.connections.views import (
    connection_actions,
    connection_list_page,
    connection_page,
    connection_setup,
    connection_versions,
    oauth_pages,
    response_rule_page,
)

urlpatterns: list[URLPattern] = [
    path("signal/connections/", connection_list_page.connection_list, name="connection-list"),
    path("signal/connections/new/", connection_list_page.connection_new, name="connection-new"),
    path("signal/connections/<int:connection>/", connection_setup.connection, name="connection"),
    path("signal/connections/<int:connection>/overview/", connection_page.connection_overview, name="connection-overview"),
    path("signal/connections/<int:connection>/pause/", connection_actions.pause, name="connection-pause"),
    path("signal/connections/<int:connection>/release/", connection_actions.release, name="connection-release"),
    path("signal/connections/<int:connection>/signing/", connection_actions.sign, name="connection-signing"),
    path("signal/connections/<int:connection>/copy/", connection_actions.copy, name="connection-copy"),
    path("signal/connections/<int:connection>/delete/", connection_actions.delete, name="connection-delete"),
    path("signal/connections/<int:connection>/versions/", connection_versions.connection_versions, name="connection-versions"),
    path("signal/connections/<int:connection>/access/", oauth_pages.connection_access, name="connection-access"),
    path("signal/connections/<int:connection>/connect/", oauth_pages.connect, name="oauth-connect"),
    # Administrators enter this URL on other servers, so it must never change.
    path("oauth/return", oauth_pages.oauth_return, name="oauth-return"),
    path("signal/connections/<int:connection>/rule/", response_rule_page.response_rule, name="connection-rule"),
]
