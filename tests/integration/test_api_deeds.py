"""Each form of the pages has its endpoint, or a reason why programs have none: a new page that changes something fails here until it is decided."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.api_routes import ROUTES
from tests.builders.people import team
from tests.form_endpoints import ENDPOINTS, REASONS
from tests.routes import every_route

from heliograph.accounts.models import Role
from heliograph.setup.services.account_creation import AccountFacts, create_account


@pytest.fixture
def client(db: None) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(team(create_account(AccountFacts("API", "API"), by="test"))[Role.ADMINISTRATOR])
    return client


def test_each_form_of_the_pages_has_its_endpoint_or_a_reason(client: Client) -> None:
    """A view answers OPTIONS with the methods that it takes."""
    forms = set()
    for route in every_route():
        if not route.path.startswith("/api/") and "POST" in client.options(route.path).headers.get("Allow", ""):
            forms.add(route.name)
    assert len(forms) > 80
    assert forms - ENDPOINTS.keys() - REASONS.keys() == set()
    assert ENDPOINTS.keys() - forms == set(), "these pages are gone"
    assert not ENDPOINTS.keys() & REASONS.keys()


def test_the_endpoints_of_the_forms_are_there() -> None:
    known = {f"{method} {path}" for method, path in ROUTES}
    assert {each for names in ENDPOINTS.values() for each in names} - known == set()
