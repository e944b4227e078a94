"""URLs of Account Settings and of the set-up of events."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.generic import RedirectView

from heliograph.setup.views import account_statuses, coverage, custom_fields, event_actions, event_kinds, event_rows, events, tags

urlpatterns: list[URLPattern] = [
    path("settings/", RedirectView.as_view(pattern_name="tags"), name="settings"),
    path("settings/tags/", tags.tags, name="tags"),
    path("settings/tags/coverage/", coverage.coverage, name="tag-coverage"),
    path("settings/tags/<int:id>/", tags.tag, name="tag"),
    path("settings/tags/<int:id>/merge/", tags.merge, name="tag-merge"),
    path("settings/tags/<int:id>/delete/", tags.delete, name="tag-delete"),
    *(
        path(f"settings/{url_name}/", account_statuses.statuses, {"url_name": url_name}, name=url_name)
        for url_name in account_statuses.PAGES
    ),
    *(path(f"settings/{url_name}/", custom_fields.fields, {"url_name": url_name}, name=url_name) for url_name in custom_fields.PAGES),
    *(
        path(f"settings/{url_name}/<int:id>/", custom_fields.edit, {"url_name": url_name}, name=f"{url_name}-edit")
        for url_name in custom_fields.PAGES
    ),
    *(
        path(f"settings/{url_name}/<int:id>/delete/", custom_fields.delete, {"url_name": url_name}, name=f"{url_name}-delete")
        for url_name in custom_fields.PAGES
    ),
    path("events/", events.events, name="events"),
    path("events/add/", events.add, name="event-add"),
    path("events/<segment:event>/details/", events.details, name="event-details"),
    path("events/<segment:event>/leave-testing/", event_actions.leave_testing, name="event-leave-testing"),
    path("events/<segment:event>/copy/", event_actions.copy, name="event-copy"),
    *(
        path(f"events/<segment:event>/{url_name}/", event_rows.listed, {"url_name": url_name}, name=url_name)
        for url_name in event_kinds.KINDS
    ),
    *(
        path(f"events/<segment:event>/{url_name}/<int:id>/", event_rows.edit, {"url_name": url_name}, name=f"{url_name}-edit")
        for url_name in event_kinds.KINDS
    ),
    *(
        path(f"events/<segment:event>/{url_name}/<int:id>/delete/", event_rows.delete, {"url_name": url_name}, name=f"{url_name}-delete")
        for url_name in event_kinds.KINDS
    ),
]
