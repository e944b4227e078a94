"""URLs of registrations and imports."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.registrations.views import bulk, erase_pages, import_dry_run_page, import_wizard, new_registration
from heliograph.registrations.views.is_active_page import is_active
from heliograph.registrations.views.registration import registration
from heliograph.registrations.views.registration_list_page import registrations
from heliograph.web.nearest_page import beginning

urlpatterns: list[URLPattern] = [
    path("registrations/", registrations, name="registrations"),
    path("registrations/add/", new_registration.add, name="registration-add"),
    path("registrations/set-status/", bulk.set_status, name="registrations-status"),
    path("import/", import_wizard.upload, name="import"),
    path("import/<segment:upload>/columns/", import_wizard.columns, name="import-columns"),
    path("import/<segment:upload>/dry-run/", import_dry_run_page.dry_run, name="import-dry-run"),
    path("jobs/<int:id>/refused.csv", import_wizard.refused_lines, name="job-refused"),
    path("settings/erase/", erase_pages.erase, name="erase"),
    path("settings/erase/proposed/", erase_pages.erase_proposed, name="erase-proposed"),
    beginning("settings/erase/person/", "erase"),
    path("settings/erase/person/<int:registration>/", erase_pages.erase_person, name="erase-person"),
    path("settings/erase/person/<int:registration>/told.csv", erase_pages.erase_told, name="erase-told"),
    path("settings/erase/person/<int:registration>/confirm/", erase_pages.erase_confirm, name="erase-confirm"),
    path("settings/erase/<int:erasure>/", erase_pages.erase_done, name="erase-done"),
    path("settings/erase/<int:erasure>/resume/", erase_pages.erase_resume, name="erase-resume"),
    path("settings/erase/<int:erasure>/report.csv", erase_pages.erase_report, name="erase-report"),
    path("registration-active/<segment:event>/<segment:code>/", is_active, name="registration-active"),
    path("registrations/<segment:event>/<segment:code>/", registration, name="registration"),
]
