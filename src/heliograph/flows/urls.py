"""Addresses of Signal's set-up."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.generic import RedirectView

from heliograph.flows.views import flows

urlpatterns: list[URLPattern] = [
    path("signal/", RedirectView.as_view(pattern_name="flow-list"), name="signal"),
    path("signal/flows/", flows.flow_list, name="flow-list"),
    path("signal/flows/<int:flow>/active/", flows.toggle, name="flow-toggle"),
]
