"""URLs of the Retry Queue."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.retry.views import retry

urlpatterns: list[URLPattern] = [
    path("signal/retry/", retry.queue, name="retry"),
    path("signal/retry/submit/", retry.submit_items, name="retry-submit"),
    path("signal/retry/discard/", retry.discard_items, name="retry-discard"),
    path("signal/retry/<segment:item>/", retry.item, name="retry-item"),
]
