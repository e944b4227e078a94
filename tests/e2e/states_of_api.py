"""The states of the pages of the REST API's reference."""

from __future__ import annotations

from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State

from heliograph.api.reference import endpoints
from heliograph.api.urls import ROUTER

REFERENCE, PROBLEMS = "api/reference.html", "api/problem_types.html"


def _endpoint(of: Showcase) -> str:
    """The page of an endpoint with parameters, a body and an answer."""
    return next(f"/settings/api/{row.key}/" for row in endpoints(ROUTER).values() if (row.method, row.path) == ("PATCH", "/flows/{flow}"))


STATES = (
    State("the API", REFERENCE, "REST API", "/settings/api/", names=("api-reference",)),
    State("the API, searched", REFERENCE, "REST API", "/settings/api/?q=merge", "longest-reading"),
    State("the API, nothing matches", REFERENCE, "REST API", "/settings/api/?q=zeppelin"),
    State("an endpoint", REFERENCE, "REST API", _endpoint, names=("api-endpoint",)),
    State("problem types", PROBLEMS, "REST API", "/settings/api/problems/", names=("api-problems",)),
)

ACTIONS = {"api-openapi"}
