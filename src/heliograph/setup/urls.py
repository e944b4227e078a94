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
    *(path(f"settings/{here}/", account_statuses.statuses, {"here": here}, name=here) for here in account_statuses.PAGES),
    *(path(f"settings/{here}/", custom_fields.fields, {"here": here}, name=here) for here in custom_fields.PAGES),
    *(path(f"settings/{here}/<int:id>/", custom_fields.edit, {"here": here}, name=f"{here}-edit") for here in custom_fields.PAGES),
    *(
        path(f"settings/{here}/<int:id>/delete/", custom_fields.delete, {"here": here}, name=f"{here}-delete")
        for here in custom_fields.PAGES
    ),
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
