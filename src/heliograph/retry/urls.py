"""URLs of the Retry Queue."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.retry.views import item_operations, retry, retry_jobs
from heliograph.web.nearest_page import beginning

urlpatterns: list[URLPattern] = [
    path("signal/retry/", retry.queue, name="retry"),
    path("signal/retry/submit/", item_operations.submit_items, name="retry-submit"),
    path("signal/retry/discard/", item_operations.discard_items, name="retry-discard"),
    beginning("signal/retry/jobs/", "retry"),
    beginning("signal/retry/downloads/", "retry"),
    path("signal/retry/jobs/<int:id>/", retry_jobs.job, name="retry-job"),
    path("signal/retry/download/", retry_jobs.new_download, name="retry-download"),
    path("signal/retry/downloads/<int:id>/", retry_jobs.download, name="retry-download-ready"),
    path("signal/retry/downloads/<int:id>/failed.csv", retry_jobs.download_file, name="retry-download-file"),
    path("signal/retry/downloads/<int:id>/submit/", retry_jobs.submit_download, name="retry-download-again"),
    path("signal/retry/<segment:item>/resend/", item_operations.resend_item, name="retry-resend"),
    path("signal/retry/<segment:item>/", retry.item, name="retry-item"),
]
