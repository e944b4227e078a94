"""Addresses of Signal's set-up."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.connections.views import connection_actions, connection_setup, connection_versions, connections, oauth
from heliograph.flows.views import editor, first_steps, flow_actions, flow_versions, flows
from heliograph.mappings.views import mapping_versions, mappings
from heliograph.presets import views

urlpatterns: list[URLPattern] = [
    path("signal/", first_steps.signal, name="signal"),
    path("signal/first/", first_steps.first, name="signal-first"),
    path("signal/flows/", flows.flow_list, name="flow-list"),
    path("signal/flows/new/", editor.add, name="flow-new"),
    path("signal/flows/<int:flow>/", editor.flow, name="flow"),
    path("signal/flows/<int:flow>/active/", flows.toggle, name="flow-toggle"),
    path("signal/flows/<int:flow>/copy/", flow_actions.copy, name="flow-copy"),
    path("signal/flows/<int:flow>/delete/", flow_actions.delete, name="flow-delete"),
    path("signal/flows/<int:flow>/versions/", flow_versions.flow_versions, name="flow-versions"),
    path("signal/connections/", connections.connection_list, name="connection-list"),
    path("signal/connections/new/", connections.connection_new, name="connection-new"),
    path("signal/connections/new/<slug:start>/", views.connection_add, name="connection-add"),
    path("signal/connections/<int:connection>/", connection_setup.connection, name="connection"),
    path("signal/connections/<int:connection>/pause/", connection_actions.pause, name="connection-pause"),
    path("signal/connections/<int:connection>/release/", connection_actions.release, name="connection-release"),
    path("signal/connections/<int:connection>/signing/", connection_actions.sign, name="connection-signing"),
    path("signal/connections/<int:connection>/copy/", connection_actions.copy, name="connection-copy"),
    path("signal/connections/<int:connection>/delete/", connection_actions.delete, name="connection-delete"),
    path("signal/connections/<int:connection>/versions/", connection_versions.connection_versions, name="connection-versions"),
    path("signal/connections/<int:connection>/access/", oauth.connection_access, name="connection-access"),
    path("signal/connections/<int:connection>/connect/", oauth.connect, name="oauth-connect"),
    path("signal/mappings/", mappings.mapping_list, name="mapping-list"),
    path("signal/mappings/new/", mappings.mapping_new, name="mapping-new"),
    path("signal/mappings/<int:id>/", mappings.mapping, name="mapping"),
    path("signal/mappings/<int:id>/copy/", mappings.mapping_copy, name="mapping-copy"),
    path("signal/mappings/<int:id>/delete/", mappings.mapping_delete, name="mapping-delete"),
    path("signal/mappings/<int:id>/versions/", mapping_versions.mapping_versions, name="mapping-versions"),
    # Administrators of other servers enter this one: it never changes.
    path("oauth/return", oauth.oauth_return, name="oauth-return"),
]
