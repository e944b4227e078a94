"""URLs of the search for everything: its page, and the results of the palette."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.search import views

urlpatterns: list[URLPattern] = [
    path("find/", views.find_all, name="find-all"),
    path("find/results/", views.results, name="find-results"),
]
