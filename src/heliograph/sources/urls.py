"""URLs of sources."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.sources.views import (
    call_mapping_page,
    certain_page,
    command_form,
    eventbrite_page,
    folder_form,
    ledger_pages,
    ledger_repair_pages,
    list_form,
    missing_page,
    pretix_match_page,
    pretix_pages,
    pretix_start_page,
    proof_page,
    removal_page,
    source_calls_page,
    source_pages,
)

urlpatterns: list[URLPattern] = [
    path("settings/sources/", source_pages.source_list, name="sources"),
    path("settings/sources/new/", source_pages.source_new, name="source-new"),
    path("settings/sources/new/<slug:platform>/", source_pages.source_add, name="source-add"),
    path("settings/sources/ledger/", ledger_pages.ledger, name="ledger"),
    path("settings/sources/ledger/event/", ledger_pages.ledger_event, name="ledger-event"),
    path("settings/sources/ledger/gaps.csv", ledger_pages.ledger_gaps_file, name="ledger-gaps-file"),
    path("settings/sources/ledger/repair/", ledger_repair_pages.ledger_repair, name="ledger-repair"),
    path("settings/sources/ledger/repair-all/", ledger_repair_pages.ledger_repair_all, name="ledger-repair-all"),
    path("settings/sources/ledger/compare/", ledger_repair_pages.ledger_compare, name="ledger-compare"),
    path("settings/sources/<int:id>/", source_pages.source_page, name="source"),
    path("settings/sources/<int:id>/name/", source_pages.source_name, name="source-name"),
    path("settings/sources/<int:id>/pause/", source_pages.source_pause, name="source-pause"),
    path("settings/sources/<int:id>/resume/", source_pages.source_resume, name="source-resume"),
    path("settings/sources/<int:id>/proof/", proof_page.source_proof, name="source-proof"),
    path("settings/sources/<int:id>/list/", list_form.source_list_form, name="source-list-form"),
    path("settings/sources/<int:id>/command/", command_form.source_command, name="source-command"),
    path("settings/sources/<int:id>/run/", command_form.source_run, name="source-run"),
    path("settings/sources/<int:id>/folder/", folder_form.source_folder, name="source-folder"),
    path("settings/sources/<int:id>/first-file/", folder_form.source_first_file, name="source-first-file"),
    path("settings/sources/<int:id>/certain/", certain_page.source_certain, name="source-certain"),
    path("settings/sources/<int:id>/eventbrite/", eventbrite_page.source_eventbrite, name="source-eventbrite"),
    path("settings/sources/<int:id>/read/", list_form.source_read, name="source-read"),
    path("settings/sources/<int:id>/missing/", missing_page.source_missing, name="source-missing"),
    path("settings/sources/<int:id>/pretix/", pretix_pages.source_pretix, name="source-pretix"),
    path("settings/sources/<int:id>/pretix/events/", pretix_pages.source_pretix_events, name="source-pretix-events"),
    path("settings/sources/<int:id>/pretix/match/", pretix_match_page.source_pretix_match, name="source-pretix-match"),
    path("settings/sources/<int:id>/pretix/start/", pretix_start_page.source_pretix_start, name="source-pretix-start"),
    path("settings/sources/<int:id>/remove/", removal_page.source_remove, name="source-remove"),
    path("settings/sources/<int:id>/mapping/", call_mapping_page.source_mapping, name="source-mapping"),
    path("settings/sources/<int:id>/items/", source_calls_page.source_items, name="source-items"),
    path("settings/sources/<int:id>/again/", source_calls_page.source_again, name="source-again"),
    path("settings/sources/<int:id>/calls/<int:call>/", source_calls_page.source_call, name="source-call"),
]
