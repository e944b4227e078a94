"""URLs of Account Settings and of the set-up of events."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.generic import RedirectView

from heliograph.setup.views import (
    account_statuses,
    coverage_page,
    custom_field_pages,
    event_actions,
    event_kinds,
    event_pages,
    event_rows,
    tag_pages,
)

urlpatterns: list[URLPattern] = [
    path("settings/", RedirectView.as_view(pattern_name="tags"), name="settings"),
    path("settings/tags/", tag_pages.tags, name="tags"),
    path("settings/tags/coverage/", coverage_page.coverage, name="tag-coverage"),
    path("settings/tags/<int:id>/", tag_pages.tag, name="tag"),
    path("settings/tags/<int:id>/merge/", tag_pages.merge, name="tag-merge"),
    path("settings/tags/<int:id>/delete/", tag_pages.delete, name="tag-delete"),
    *(
        path(f"settings/{url_name}/", account_statuses.statuses, {"url_name": url_name}, name=url_name)
        for url_name in account_statuses.PAGES
    ),
    *(
        path(f"settings/{url_name}/", custom_field_pages.fields, {"url_name": url_name}, name=url_name)
        for url_name in custom_field_pages.PAGES
    ),
    *(
        path(f"settings/{url_name}/<int:id>/", custom_field_pages.edit, {"url_name": url_name}, name=f"{url_name}-edit")
        for url_name in custom_field_pages.PAGES
    ),
    *(
        path(f"settings/{url_name}/<int:id>/delete/", custom_field_pages.delete, {"url_name": url_name}, name=f"{url_name}-delete")
        for url_name in custom_field_pages.PAGES
    ),
    path("events/", event_pages.events, name="events"),
    path("events/add/", event_pages.add, name="event-add"),
    path("events/<segment:event>/details/", event_pages.details, name="event-details"),
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
