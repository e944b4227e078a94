"""Every endpoint by every scope and role (P1), and the OpenAPI file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from django.urls import resolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from tests.api_client import ApiClient
from tests.api_routes import NOT_OF_SIGNAL, OF_SIGNAL, ROUTES, SIGNAL_ADDRESSES
from tests.builders.platform_account import planned
from tests.databases import DatabaseFacts

from heliograph.accounts.models import Account, Role, TokenScope
from heliograph.accounts.roles import RANKS
from heliograph.api import openapi
from heliograph.api.api_problems import PROBLEM_TYPES
from heliograph.api.urls import ROUTER
from heliograph.setup.services.account_creation import AccountFacts, create_account

PREFIX = "/api/v1/"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 3
"""Requests to each endpoint by each token; `make trials` sends more."""


@schemathesis.serializer("application/x-ndjson")
def _lines(_context: Any, value: Any) -> bytes:
    """A body of lines is sent as it was generated."""
    return str(value).encode("utf-8", "replace")


@pytest.fixture(scope="session")
def schema() -> Any:
    """The OpenAPI file, read once: reading it for each endpoint anew would leave the transaction of a test idle for too long."""
    read: Any = schemathesis.openapi.from_dict(openapi.document(ROUTER))
    read.app = get_wsgi_application()
    return read


@pytest.fixture
def account(db: None) -> int:
    return create_account(AccountFacts("API", "API"), by="test").pk


def test_the_table_has_every_endpoint() -> None:
    endpoints = {
        (method, path.removeprefix(PREFIX)): (access.scope, access.role, access.reads)
        for path, controller in openapi.controllers(ROUTER)
        for method, access in controller.access.items()
    }
    differing = sorted({key for key, _need in endpoints.items() ^ ROUTES.items()})
    assert not differing, "tests/api_routes.py differs from the `access` of the controllers, as api/urls.py has them"
    for path, controller in openapi.controllers(ROUTER):
        assert set(controller.api_endpoints) == set(controller.access), path


def test_every_address_leads_to_its_endpoint() -> None:
    """No path is hidden by one before it whose parameter matches it, too."""
    for path, controller in openapi.controllers(ROUTER):
        view = resolve("/" + re.sub(r"\{\w+\}", "0", path).lstrip("/")).func
        assert view.view_class is controller, path  # type: ignore[attr-defined]


def test_the_openapi_file_is_valid_and_complete() -> None:
    response = Client().get("/api/v1/openapi.json")
    assert response.status_code == 200
    document = response.json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    operation_ids = set()
    for method, path in ROUTES:
        operation = document["paths"][PREFIX + path][method.lower()]
        assert "summary" in operation, f"{method} {path}: its method has no docstring, whose first line is the summary"
        scope, _role, reads = ROUTES[method, path]
        assert operation["security"] == [{"token": [scope.value, "read"] if reads else [scope.value]}]
        assert {str(each.status.value) for each in PROBLEM_TYPES.values()} <= operation["responses"].keys()
        operation_ids.add(operation["operationId"])
    assert len(operation_ids) == len(ROUTES)


@pytest.mark.parametrize("role", list(Role))
def test_each_scope_and_role_reaches_what_it_may_and_nothing_else(account: int, role: Role) -> None:
    for scope in (*TokenScope, None):
        others = [each for each in TokenScope if each is not scope]
        for scopes, has_scope in (([scope], True), (others, False)) if scope else (([TokenScope.INGEST], True),):
            client, reader = (ApiClient.for_account(account, each, role) for each in (scopes, {*scopes, TokenScope.READ}))
            for (method, path), (needed_scope, needed_role, reads) in ROUTES.items():
                if scope is not needed_scope:
                    continue
                allowed = has_scope and RANKS[role] >= RANKS[needed_role]
                if reads and has_scope:
                    assert client.send(method, re.sub(r"\{\w+\}", "0", path)).status_code == 403
                status = (reader if reads else client).send(method, re.sub(r"\{\w+\}", "0", path)).status_code
                assert (status != 403) is allowed, (method, path, scopes, role, status)


def test_N4_what_is_of_signal_is_closed_while_signal_is_off(account: int) -> None:
    assert {path.partition("/")[0] for _method, path in ROUTES} == OF_SIGNAL | NOT_OF_SIGNAL, (
        "say in tests/api_routes.py whether it is of Signal"
    )
    client = ApiClient.for_account(account)
    Account.objects.filter(pk=account).update(signal_enabled=False)
    differing = []
    for method, path in ROUTES:
        is_closed = client.send(method, re.sub(r"\{\w+\}", "0", path)).status_code == 403
        if is_closed is not (path.partition("/")[0] in OF_SIGNAL or path in SIGNAL_ADDRESSES):
            differing.append((method, path))
    assert not differing, "`of_signal` of these controllers differs from OF_SIGNAL in tests/api_routes.py"


def test_no_endpoint_answers_without_a_token(account: int) -> None:
    stranger = ApiClient("hg_000000000000_" + "A" * 43)
    for method, path in ROUTES:
        assert stranger.send(method, re.sub(r"\{\w+\}", "0", path)).status_code == 401


@pytest.mark.django_db(transaction=True)  # PostgreSQL ends a transaction that idles while requests are generated
@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_no_generated_request_breaks_an_endpoint_or_its_description(schema: Any, account: int, method: str, path: str) -> None:
    """No 5xx, no status and no body that the OpenAPI file does not have, whatever is sent."""
    operation = schema[PREFIX + path][method]
    tokens = [ApiClient.for_account(account, tuple(TokenScope), role).token for role in Role]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), token=st.sampled_from(tokens))
    def run(case: Any, token: str) -> None:
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=CHECKS)

    with _open_connections():
        run()


@pytest.mark.trial
@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_no_generated_request_breaks_an_account_that_has_everything(schema: Any, database: DatabaseFacts, method: str, path: str) -> None:
    """The same with more requests, on what exists, by every scope and role, and by nobody."""
    with planned(database) as site:
        operation = schema[PREFIX + path][method]
        tokens = [ApiClient.for_account(site.pk, [scope], role).token for scope in TokenScope for role in Role]
        tokens += [ApiClient.for_account(site.pk, tuple(TokenScope), role).token for role in Role] + [""]

        @settings(max_examples=60, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), token=st.sampled_from(tokens), ids=st.lists(st.integers(1, 6), min_size=4, max_size=4))
        def run(case: Any, token: str, ids: list[int]) -> None:
            case.path_parameters = {name: str(id) for name, id in zip(case.path_parameters or {}, ids, strict=False)}
            response = case.call(headers={"Authorization": f"Bearer {token}"})
            assert response.status_code < 500, response.text
            case.validate_response(response, checks=CHECKS)

        with _open_connections():
            run()


@contextmanager
def _open_connections() -> Iterator[None]:
    """Django closes its connections around each request; those of a test stay open, as with Django's own client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
