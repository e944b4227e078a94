"""URLs of Metrics."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.insights.views import feed_page, insights, record_export_page, records_page

urlpatterns: list[URLPattern] = [
    path("signal/metrics/", insights.summary, name="insights"),
    path("signal/metrics/troubleshooting/", insights.troubleshooting, name="troubleshooting"),
    path("signal/metrics/records/<segment:kind>/", records_page.records, name="records"),
    path("signal/metrics/records/<segment:kind>/export/", record_export_page.export, name="records-export"),
    path("signal/metrics/exports/<int:id>/", record_export_page.download, name="records-download"),
    path("signal/metrics/feed/", feed_page.feed, name="feed"),
    path("signal/metrics/posts/<segment:integration>/", insights.summary, name="posts"),
    path("signal/metrics/posts/<segment:integration>/troubleshooting/", insights.troubleshooting, name="posts-troubleshooting"),
    path("signal/metrics/posts/<segment:integration>/feed/", feed_page.feed, name="posts-feed"),
]
