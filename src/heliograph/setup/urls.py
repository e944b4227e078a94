"""Addresses of the platform."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.generic import RedirectView

from heliograph.administration.views import account, audit, job, tokens, user_actions, users
from heliograph.administration.views.first_start import first_start
from heliograph.registrations.views import bulk, import_wizard, new_registration
from heliograph.registrations.views.is_active import is_active
from heliograph.registrations.views.registration import registration
from heliograph.registrations.views.registrations import registrations
from heliograph.setup.views import account_statuses, coverage, custom_fields, event_actions, event_kinds, event_rows, events, tags

SETTINGS: list[URLPattern] = [
    path("settings/", RedirectView.as_view(pattern_name="tags"), name="settings"),
    path("settings/tags/", tags.tags, name="tags"),
    path("settings/tags/coverage/", coverage.coverage, name="tag-coverage"),
    path("settings/tags/<int:id>/", tags.tag, name="tag"),
    path("settings/tags/<int:id>/merge/", tags.merge, name="tag-merge"),
    path("settings/tags/<int:id>/delete/", tags.delete, name="tag-delete"),
    *(path(f"settings/{here}/", account_statuses.statuses, {"here": here}, name=here) for here in account_statuses.PAGES),
    *(path(f"settings/{here}/", custom_fields.fields, {"here": here}, name=here) for here in custom_fields.PAGES),
    *(path(f"settings/{here}/<int:id>/", custom_fields.edit, {"here": here}, name=f"{here}-edit") for here in custom_fields.PAGES),
    *(
        path(f"settings/{here}/<int:id>/delete/", custom_fields.delete, {"here": here}, name=f"{here}-delete")
        for here in custom_fields.PAGES
    ),
    path("settings/users/", users.users, name="users"),
    path("settings/users/invite/", users.add, name="user-invite"),
    path("settings/users/<int:id>/", users.user, name="user"),
    path("settings/users/<int:id>/<slug:act>/", user_actions.act, name="user-act"),
    path("settings/tokens/", tokens.tokens, name="api-tokens"),
    path("settings/tokens/new/", tokens.add, name="api-token-new"),
    path("settings/tokens/<int:id>/revoke/", tokens.revoke, name="api-token-revoke"),
    path("settings/audit/", audit.audit, name="audit"),
    path("settings/account/", account.account, name="account-settings"),
]

EVENTS: list[URLPattern] = [
    path("events/", events.events, name="events"),
    path("events/add/", events.add, name="event-add"),
    path("events/<segment:event>/details/", events.details, name="event-details"),
    path("events/<segment:event>/leave-testing/", event_actions.leave_testing, name="event-leave-testing"),
    path("events/<segment:event>/copy/", event_actions.copy, name="event-copy"),
    *(path(f"events/<segment:event>/{here}/", event_rows.listed, {"here": here}, name=here) for here in event_kinds.KINDS),
    *(path(f"events/<segment:event>/{here}/<int:id>/", event_rows.edit, {"here": here}, name=f"{here}-edit") for here in event_kinds.KINDS),
    *(
        path(f"events/<segment:event>/{here}/<int:id>/delete/", event_rows.delete, {"here": here}, name=f"{here}-delete")
        for here in event_kinds.KINDS
    ),
]

urlpatterns: list[URLPattern] = [
    path("", RedirectView.as_view(pattern_name="registrations"), name="start"),
    path("first-start/<segment:token>/", first_start, name="first-start"),
    *SETTINGS,
    *EVENTS,
    path("registrations/", registrations, name="registrations"),
    path("registrations/add/", new_registration.add, name="registration-add"),
    path("registrations/set-status/", bulk.set_status, name="registrations-status"),
    path("import/", import_wizard.upload, name="import"),
    path("import/<segment:upload>/columns/", import_wizard.columns, name="import-columns"),
    path("import/<segment:upload>/dry-run/", import_wizard.dry_run, name="import-dry-run"),
    path("jobs/<int:id>/", job.job, name="job"),
    path("jobs/<int:id>/refused.csv", import_wizard.refused_lines, name="job-refused"),
    path("registration-active/<segment:event>/<segment:code>/", is_active, name="registration-active"),
    path("registrations/<segment:event>/<segment:code>/", registration, name="registration"),
]
