"""The addresses of the API."""

from __future__ import annotations

from typing import Final

from django.urls import URLPattern, URLResolver
from dmr.routing import Router, path

from heliograph.api.endpoints import (
    account_endpoints,
    action_endpoints,
    audit_endpoints,
    connection_endpoints,
    connection_trial_endpoints,
    connection_version_endpoints,
    coverage_endpoints,
    custom_field_endpoints,
    download_endpoints,
    event_endpoints,
    event_setup_endpoints,
    feed_endpoints,
    figure_endpoints,
    flow_endpoints,
    flow_filter_endpoints,
    flow_trial_endpoints,
    flow_version_endpoints,
    job_endpoints,
    mapping_endpoints,
    mapping_preview_endpoints,
    mapping_version_endpoints,
    oauth_endpoints,
    pause_endpoints,
    people_endpoints,
    preset_endpoints,
    registration_endpoints,
    registration_line_endpoints,
    replay_endpoints,
    retry_endpoints,
    rule_endpoints,
    sample_endpoints,
    signing_endpoints,
    status_endpoints,
    tag_endpoints,
    timeline_endpoints,
    usage_endpoints,
)
from heliograph.api.reference_pages import openapi_file, problem_types, reference

ROUTER: Final = Router(
    "api/v1/",
    [
        *download_endpoints.ROUTES,
        *feed_endpoints.ROUTES,
        *figure_endpoints.ROUTES,
        *job_endpoints.ROUTES,
        *registration_endpoints.ROUTES,
        *registration_line_endpoints.ROUTES,
        *timeline_endpoints.ROUTES,
        *action_endpoints.ROUTES,
        *retry_endpoints.ROUTES,
        *tag_endpoints.ROUTES,
        *people_endpoints.ROUTES,
        *audit_endpoints.ROUTES,
        *flow_filter_endpoints.ROUTES,
        *flow_trial_endpoints.ROUTES,
        *flow_endpoints.ROUTES,
        *connection_endpoints.ROUTES,
        *pause_endpoints.ROUTES,
        *connection_trial_endpoints.ROUTES,
        *connection_version_endpoints.ROUTES,
        *signing_endpoints.ROUTES,
        *rule_endpoints.ROUTES,
        *oauth_endpoints.ROUTES,
        *preset_endpoints.ROUTES,
        *sample_endpoints.ROUTES,
        *mapping_preview_endpoints.ROUTES,
        *mapping_endpoints.ROUTES,
        *mapping_version_endpoints.ROUTES,
        *flow_version_endpoints.ROUTES,
        *replay_endpoints.ROUTES,
        *status_endpoints.ROUTES,
        *custom_field_endpoints.ROUTES,
        *event_endpoints.ROUTES,
        *event_setup_endpoints.ROUTES,
        *usage_endpoints.ROUTES,
        *coverage_endpoints.ROUTES,
        *account_endpoints.ROUTES,
    ],
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/openapi.json", openapi_file, {"router": ROUTER}, name="api-openapi"),
    path("settings/api/", reference, {"router": ROUTER}, name="api-reference"),
    path("settings/api/problems/", problem_types, name="api-problems"),
    path("settings/api/<slug:key>/", reference, {"router": ROUTER}, name="api-endpoint"),
    ROUTER.to_urlpatterns(),
]
