"""URLs of flows."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.flows.views import editor, first_steps, flow_actions, flow_list_page, flow_versions, trial_panel

urlpatterns: list[URLPattern] = [
    path("signal/first/", first_steps.first, name="signal-first"),
    path("signal/flows/", flow_list_page.flow_list, name="flow-list"),
    path("signal/flows/new/", editor.add, name="flow-new"),
    path("signal/flows/<int:flow>/", editor.flow, name="flow"),
    path("signal/flows/<int:flow>/active/", flow_list_page.toggle, name="flow-toggle"),
    path("signal/flows/<int:flow>/copy/", flow_actions.copy, name="flow-copy"),
    path("signal/flows/<int:flow>/delete/", flow_actions.delete, name="flow-delete"),
    path("signal/flows/<int:flow>/versions/", flow_versions.flow_versions, name="flow-versions"),
    path("signal/flows/new/test/", trial_panel.try_flow, name="flow-new-test"),
    path("signal/flows/<int:flow>/test/", trial_panel.try_flow, name="flow-test"),
    path("signal/flows/<int:flow>/send/<int:change>/", trial_panel.send, name="flow-send"),
]
