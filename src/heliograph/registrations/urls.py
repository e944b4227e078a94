"""URLs of registrations and imports."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.registrations.views import bulk, import_wizard, new_registration
from heliograph.registrations.views.is_active_page import is_active
from heliograph.registrations.views.registration import registration
from heliograph.registrations.views.registration_list_page import registrations

urlpatterns: list[URLPattern] = [
    path("registrations/", registrations, name="registrations"),
    path("registrations/add/", new_registration.add, name="registration-add"),
    path("registrations/set-status/", bulk.set_status, name="registrations-status"),
    path("import/", import_wizard.upload, name="import"),
    path("import/<segment:upload>/columns/", import_wizard.columns, name="import-columns"),
    path("import/<segment:upload>/dry-run/", import_wizard.dry_run, name="import-dry-run"),
    path("jobs/<int:id>/refused.csv", import_wizard.refused_lines, name="job-refused"),
    path("registration-active/<segment:event>/<segment:code>/", is_active, name="registration-active"),
    path("registrations/<segment:event>/<segment:code>/", registration, name="registration"),
]
