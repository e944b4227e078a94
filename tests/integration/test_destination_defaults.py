"""A destination takes its name, its mapping and what a request does from its connection (F8, C3)."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.page_text import text_of
from tests.receiver import Answer
from tests.story import Story

from heliograph.accounts.models import Role
from heliograph.connections.preset_files import presets
from heliograph.connections.services.networks import allow_networks
from heliograph.connections.services.save_and_test import try_connection
from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.presets import Preset, preset_of
from heliograph.domain.flow.flow import Mode, Watch
from heliograph.presets.services import make

NEW = "/signal/flows/new/"
BLANK = {"name": "", "watch": Watch.STATUS.value, "statuses": "Registered"}


@pytest.fixture
def ada(story: Story, client: Client) -> Client:
    client.force_login(story.person(Role.ADMINISTRATOR))
    return client


def selected(page: str, field: str) -> str:
    """The label of the chosen option of a list."""
    options = page.split(f'name="{field}"')[1].split("</select>", maxsplit=1)[0]
    found = re.search(r"<option[^>]* selected>([^<]*)</option>", options)
    return found.group(1).strip() if found else ""


def test_F8_the_only_connection_is_chosen_with_what_belongs_to_it(story: Story, ada: Client) -> None:
    with story.saving() as transaction:
        make(transaction, "slack_text", {"url": "https://hooks.slack.com/services/T/B/X", "name": "Team chat"})
    page = ada.post(NEW, BLANK | {"add": "destination"}).content.decode()
    assert selected(page, "d0-connection").startswith("Team chat")
    assert selected(page, "d0-payload") == "Team chat mapping"
    assert 'id="d0-name" name="d0-name"' in re.sub(r"\s+", " ", page)
    assert 'value="Team chat"' in page
    assert re.search(r'value="adds"\s+checked', page)


def test_F8_a_chosen_connection_brings_what_is_empty_and_changes_nothing_else(story: Story, ada: Client) -> None:
    with story.saving() as transaction:
        chat = make(transaction, "slack_text", {"url": "https://hooks.slack.com/services/T/B/X", "name": "Team chat"})
    crm = story.connection("CRM", "/crm")
    posted = BLANK | {"destination": "0", "d0-integration": "Webhooks", "d0-action": "Webhook", "d0-does": "updates", "look": "1"}
    assert selected(ada.post(NEW, BLANK | {"add": "destination"}).content.decode(), "d0-connection") == "", "there are two"
    page = ada.post(NEW, posted | {"d0-connection": str(chat.connection.pk)}).content.decode()
    assert selected(page, "d0-payload") == "Team chat mapping"
    assert re.search(r'value="adds"\s+checked', page)
    own = {"d0-connection": str(chat.connection.pk), "d0-name": "Mine", "d0-payload": str(story.lead)}
    page = ada.post(NEW, posted | own).content.decode()
    assert selected(page, "d0-payload") == "Lead"
    assert 'value="Mine"' in page
    assert re.search(r'value="updates"\s+checked', page)
    assert selected(ada.post(NEW, posted | {"d0-connection": str(crm)}).content.decode(), "d0-payload") == ""


def test_C3_a_sample_is_what_the_connections_mapping_makes(story: Story) -> None:
    story.receiver.answer_all(lambda _request: Answer(200, {}))
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
        made = make(transaction, "generic_json", {"url": story.receiver.url("/crm"), "name": "CRM"}, http=True)
    report = try_connection(story.account, made.connection.pk, sample=True)
    (sent,) = story.receiver.requests
    assert sent.json()["first_name"] == "Ada"
    assert report.trace == "Ada Sample"


def test_F3_a_live_flow_says_that_no_event_is_live(story: Story, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    flow = story.flow("Leads", [story.to(crm)], mode=Mode.LIVE)
    url = f"/signal/flows/{flow}/"
    assert "No event is live yet" not in text_of(ada.get(url).content)  # SUMMIT is
    assert "No event is live yet" not in text_of(ada.get(NEW).content)


@pytest.mark.parametrize(
    "preset", [pytest.param(each, id=each.key) for each in presets() if each.connection.get("rule") or any(b.hosts for b in each.blanks)]
)
def test_B3_the_preset_of_a_connection_is_told_by_its_host_or_rule(preset: Preset) -> None:
    filled = preset.fill(preset.sample["blanks"])
    scheme, _colon, rest = filled.url.partition("://")
    body = {**filled.fields, "name": "C", "origin": f"{scheme}://{rest.partition('/')[0]}", "secrets": ["path"]}
    told = preset_of(Connection.from_body(body), presets())
    assert told is not None
    assert told.does is preset.does
