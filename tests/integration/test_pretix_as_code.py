"""What is read from a pretix, by REST and as configuration (S4, B5)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django_scopes import scope
from tests.api_client import ApiClient
from tests.configuration_files import WHOLE, applied, new_account

from heliograph.api.configuration.configuration_file import FileRefused
from heliograph.api.configuration.configuration_plan import export_account
from heliograph.api.configuration.configuration_text import write_yaml
from heliograph.domain.source.pretix_list import mapping_of
from heliograph.sources.models import Source
from heliograph.sources.services.pretix_readings import pretix_settings
from heliograph.sources.stored_mapping import stored_mapping

pytestmark = pytest.mark.django_db

SOURCE = """sources:
  - name: Tickets
    platform: pretix
    on: true
    pretix:
      server: https://tickets.example
      organizer: acme
      connection: Sales CRM
      events: [{slug: summit26, code: SUMMIT-26}]
      statuses: {paid: Attended, cancelled: Cancelled}
      items: [{key: "12", use: attendee type, name: Speaker}, {key: 13/1, use: left out}]
      questions: [{identifier: DIET, target: answers.Diet, options: [[VEGAN, Vegan]]}]
"""


@pytest.fixture
def account() -> Iterator[int]:
    id = new_account("ACME")
    applied(id, WHOLE)
    with scope(account=id):
        yield id


def test_S4_a_pretix_is_configured_by_a_file_and_its_mapping_follows(account: int) -> None:
    applied(account, SOURCE)
    source = Source.objects.get(name="Tickets")
    settings = pretix_settings(source)
    assert settings is not None
    assert settings.connection is not None
    assert [event.code for event in settings.events] == ["SUMMIT-26"]
    assert stored_mapping(source) == mapping_of(settings)
    assert source.path  # pretix may call it
    assert source.state == 1
    text = write_yaml(export_account(account))
    assert "connection: Sales CRM" in text[text.index("platform: pretix") :]
    again = applied(account, text)
    assert [change.name for change in again.changes if change.section == "sources"] == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SOURCE.replace("acme", "a/b"), "organizer"),
        (SOURCE.replace("use: left out", "use: shown"), "items[1].use"),
        (SOURCE.replace("connection: Sales CRM", "connection: Nothing"), "Nothing"),
    ],
)
def test_a_pretix_that_cannot_be_is_refused_with_its_place(account: int, text: str, sentence: str) -> None:
    with pytest.raises(FileRefused) as refused:
        applied(account, text)
    assert sentence in str(refused.value)


def test_S4_a_pretix_is_configured_by_rest(account: int) -> None:
    api = ApiClient.for_account(account)
    id = api.post("sources", {"platform": "pretix", "name": "By REST"})["id"]
    api.get(f"sources/{id}/pretix", status=404)
    body = {"organizer": "acme", "statuses": {"paid": "Attended"}, "include_test_mode": True}
    assert api.ask("PUT", f"sources/{id}/pretix", {"pretix": body})["pretix"]["include_test_mode"] is True
    assert api.get(f"sources/{id}/pretix")["pretix"]["statuses"] == {"paid": "Attended"}
    refused = api.ask("PUT", f"sources/{id}/pretix", {"pretix": body | {"rate": 0}}, status=400)
    assert "rate" in json.dumps(refused)
    assert api.post(f"sources/{id}/switch-on", {"kept_calls": "quiet"}, status=200)["state"] == "on"
    other = api.post("sources", {"platform": "rest", "name": "A list"})["id"]
    api.ask("PUT", f"sources/{other}/pretix", {"pretix": body}, status=404)
