"""URLs of the guide."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.guide import views

urlpatterns: list[URLPattern] = [
    path("help/", views.contents, name="help"),
    path("help/<slug:chapter>/", views.chapter, name="help-chapter"),
]
