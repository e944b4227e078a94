"""Addresses of the platform."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.generic import RedirectView

from heliograph.platform.views.registration import registration
from heliograph.platform.views.registrations import registrations

urlpatterns: list[URLPattern] = [
    path("", RedirectView.as_view(pattern_name="registrations"), name="start"),
    path("registrations/", registrations, name="registrations"),
    path("registrations/<str:event>/<path:code>/", registration, name="registration"),
]
