"""URLs of Metrics."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.insights.views import feed, insights, record_export, records

urlpatterns: list[URLPattern] = [
    path("signal/metrics/", insights.summary, name="insights"),
    path("signal/metrics/troubleshooting/", insights.troubleshooting, name="troubleshooting"),
    path("signal/metrics/records/<segment:kind>/", records.records, name="records"),
    path("signal/metrics/records/<segment:kind>/export/", record_export.export, name="records-export"),
    path("signal/metrics/exports/<int:id>/", record_export.download, name="records-download"),
    path("signal/metrics/feed/", feed.feed, name="feed"),
    path("signal/metrics/posts/<segment:integration>/", insights.summary, name="posts"),
    path("signal/metrics/posts/<segment:integration>/troubleshooting/", insights.troubleshooting, name="posts-troubleshooting"),
    path("signal/metrics/posts/<segment:integration>/feed/", feed.feed, name="posts-feed"),
]
