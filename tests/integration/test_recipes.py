"""Recipes: their pages against strict imitations of chats, and by REST (B3, F1, P1, P11)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django_scopes import scope
from tests.api_client import ApiClient
from tests.builders.people import user
from tests.builders.platform_account import planned
from tests.confirming import promise_in
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.receiver import Answer
from tests.story import Story
from tests.vendors import Mattermost, RocketChat

from heliograph.accounts.models import Role, User
from heliograph.connections.models import Connection
from heliograph.connections.services import save_and_test
from heliograph.connections.services.networks import allow_networks
from heliograph.connections.services.test_limiter import UnsavedSamples
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.flow import FilterRow, Flow, Mode, Op
from heliograph.domain.flow.recipes import Recipe
from heliograph.mappings.models import Mapping
from heliograph.presets.services import preset
from heliograph.recipes.recipe_file import recipe_of, recipes
from heliograph.recipes.services import apply_recipe
from heliograph.recipes.views import recipe_done_page
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.store.models import Event, Registration

LIST = "/signal/recipes/"
HOOK = Mattermost.path


@pytest.fixture(autouse=True)
def _no_samples_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stories share the id of their account, and its samples are counted in this process."""
    monkeypatch.setattr(save_and_test, "unsaved_samples", UnsavedSamples())


@pytest.fixture
def people(story: Story) -> dict[Role, User]:
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    return {role: story.person(role) for role in Role}


@pytest.fixture
def ada(client: Client, people: dict[Role, User]) -> Client:
    """An Administrator's browser."""
    client.force_login(people[Role.ADMINISTRATOR])
    return client


def counts(story: Story) -> tuple[int, int, int, int]:
    """How many connections, mappings, flows and tags there are."""
    config = story.provider.account(story.account)
    return len(config.connections), len(config.mappings), len(config.flows), len(config.tags)


@pytest.mark.parametrize("recipe", [pytest.param(each, id=each.key) for each in recipes()])
def test_B3_F1_a_recipe_sets_up_all_that_is_needed(story: Story, recipe: Recipe) -> None:
    values = preset(recipe.preset).sample["blanks"]
    with story.saving() as transaction:
        applied = apply_recipe(transaction, recipe, values, events=["SUMMIT"])
    config = story.provider.account(story.account)
    flow = config.flows[applied.flow.pk]
    assert missing(flow, config) == ()
    assert flow.mode is Mode.LIVE  # SUMMIT is live
    assert [row.values for row in flow.filters] == [("SUMMIT",)]
    assert flow.destinations[0].does is preset(recipe.preset).does
    labels = {config.tags[tag].label for tag in flow.statuses}
    expected = {"New": "New", "Pre-Registered": "Registered", "Attended": "Attended", "Cancelled": "Cancelled"}
    assert labels == {expected[status] for status in recipe.statuses}
    if recipe.needs_tags:
        assert all(status.tags for status in config.statuses.values())
    with story.saving() as transaction:
        again = apply_recipe(transaction, recipe, values, mode=Mode.TEST)
    assert (again.connection.name, again.flow.name) == (f"{recipe.app} 2", f"{recipe.name} 2")
    assert story.provider.account(story.account).flows[again.flow.pk].mode is Mode.TEST


def test_F1_a_recipe_that_is_refused_leaves_nothing_behind(story: Story) -> None:
    before = counts(story)
    recipe = recipe_of("slack")
    for values, events, field in (
        ({"url": "https://example.org/services/x"}, [], "url"),
        ({}, [], "url"),
        ({"url": "https://hooks.slack.com/services/T/B/X"}, ["NOWHERE"], "events"),
    ):
        with pytest.raises(Invalid) as wrong, saving(story.account, by="user:1", whole_account=True) as transaction:
            apply_recipe(transaction, recipe, values, events=events)
        assert wrong.value.fields.keys() == {field}
    assert counts(story) == before


def test_B3_from_the_address_to_the_first_delivery(story: Story, ada: Client) -> None:
    chat = Mattermost()
    story.receiver.answer_all(chat)
    before = counts(story)
    assert "Tell Mattermost when somebody registers" in text_of(ada.get(LIST, {"q": "mattermost"}).content)
    url = f"{LIST}mattermost/"
    page = text_of(ada.get(url).content)
    assert "Ada Sample (Example Ltd): Registered, Sample Event" in page
    assert "With an invented registration" in page
    typed = {"url": story.receiver.url(HOOK), "events": ""}
    early = ada.post(url, {**typed, "do": "on"})
    assert early.status_code == 422
    assert "Send a sample first to see that it arrives." in text_of(early.content)
    sample = ada.post(url, {**typed, "do": "sample"})
    assert (sample.status_code, len(chat.taken)) == (200, 1)
    assert "Mattermost took the sample" in text_of(sample.content)
    assert "Look for “Ada Sample” there" in text_of(sample.content)
    assert "Ada Sample" in chat.taken[0]["text"]
    assert counts(story) == before, "nothing is created before Switch on"
    other = ada.post(url, {"url": story.receiver.url(HOOK + "x"), "do": "on"})
    assert other.status_code == 422, "the sample was sent to another address"
    done = ada.post(url, {**typed, "do": "on"})
    assert done.status_code == 302, text_of(done.content)
    assert "Waiting for the first registration" in text_of(ada.get(done["Location"]).content)
    assert ada.post(done["Location"], {"first_name": "", "last_name": "", "event": "SUMMIT"}).status_code == 422
    assert ada.post(done["Location"], {"first_name": "Zoë", "event": "NOWHERE"}).status_code == 422
    with story.worker():
        assert ada.post(done["Location"], {"first_name": "Zoë", "last_name": "Lindqvist", "event": "SUMMIT"}).status_code == 302
        story.wait_for(lambda: len(chat.taken) == 2)
        story.wait_for(lambda: "Delivered to Mattermost: Zoë Lindqvist" in text_of(ada.get(done["Location"]).content))
    assert chat.taken[1]["text"] == "Zoë Lindqvist: New, Summit"
    assert "Zoë Lindqvist" in text_of(ada.get(url).content), "the preview has the latest registration now"


def test_B3_the_first_registration_is_of_an_event_that_the_flow_takes(story: Story, ada: Client) -> None:
    with story.saving() as transaction:
        values = {"url": "https://hooks.slack.com/services/T/B/X"}
        flow = apply_recipe(transaction, recipe_of("slack"), values, mode=Mode.TEST).flow.pk
    url = f"{LIST}slack/{flow}/"
    for rows, codes in (
        ((), {"SUMMIT", "REHEARSAL"}),
        ([(Op.IS_ANY_OF, "SUMMIT")], {"SUMMIT"}),
        ([(Op.IS_NONE_OF, "SUMMIT")], {"REHEARSAL"}),
        ([(Op.CONTAINS, "hears"), (Op.IS_NONE_OF, "SUMMIT")], {"REHEARSAL"}),
    ):
        story.change_flow(flow, filters=tuple(FilterRow("event.code", op, (value,)) for op, value in rows))
        assert set(re.findall(r'<option value="([A-Z]+)"', ada.get(url).text)) == codes, rows


def test_B3_without_an_event_the_first_registration_brings_one(database: DatabaseFacts, client: Client) -> None:
    with planned(database):
        account = create_account(AccountFacts("EMPTY", "Empty", "Europe/Vienna"), by="test")
        client.force_login(user(account))
        with saving(account.pk, by="user:1", whole_account=True) as transaction:
            flow = apply_recipe(transaction, recipe_of("slack"), {"url": "https://hooks.slack.com/services/T/B/X"}).flow
        assert flow.mode == Mode.TEST.value
        url = f"{LIST}slack/{flow.pk}/"
        assert "Name of your first event" in text_of(client.get(url).content)
        assert client.post(url, {"first_name": "Zoë", "new_event": ""}).status_code == 422
        assert client.post(url, {"first_name": "Zoë", "new_event": "Frühlings-Gala 2027"}).status_code == 302
        page = text_of(client.get(url).content)
        assert "Name of your first event" not in page
        assert "FRUHLINGS-GALA-2027 is still in Testing" in page
        with scope(account=account.pk):
            event = Event.objects.get(account_id=account.pk)
            (registration,) = Registration.objects.filter(event_id=event.pk)
        assert (event.code, event.name, registration.name) == ("FRUHLINGS-GALA-2027", "Frühlings-Gala 2027", "Zoë")
        assert registration.is_test


def test_B3_what_a_recipe_advises_can_be_done_on_its_page(story: Story, ada: Client) -> None:
    story.receiver.answer_all(lambda _request: Answer(401, {}))
    refused = text_of(ada.post(f"{LIST}mattermost/", {"url": story.receiver.url(HOOK), "do": "sample"}).content)
    assert "Mattermost refused the sample" in refused
    assert "Authentication Type" not in refused
    assert "Copy the whole address once more." in refused
    elsewhere = text_of(ada.post(f"{LIST}slack/", {"url": "https://example.org/services/x", "do": "look"}).content)
    assert "this one is example.org; for another application, go back and choose that one" in elsewhere
    assert "Generic JSON" not in elsewhere


def test_B3_a_first_registration_that_is_refused_leaves_no_event(
    database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe_done_page, "recipe_of", lambda key: replace(recipe_of(key), statuses=("Nowhere",)))
    with planned(database):
        account = create_account(AccountFacts("EMPTY", "Empty", "Europe/Vienna"), by="test")
        client.force_login(user(account))
        with saving(account.pk, by="user:1", whole_account=True) as transaction:
            flow = apply_recipe(transaction, recipe_of("slack"), {"url": "https://hooks.slack.com/services/T/B/X"}).flow
        url = f"{LIST}slack/{flow.pk}/"
        refused = client.post(url, {"first_name": "Zoë", "new_event": "Gala"})
        assert refused.status_code == 422
        with scope(account=account.pk):
            assert not Event.objects.filter(account_id=account.pk).exists()
        assert "Name of your first event" in text_of(client.get(url).content)


def test_B3_the_answer_to_a_sample_stands_where_its_remedy_names_it(story: Story, ada: Client) -> None:
    story.receiver.answer_all(lambda _request: Answer(500, {"notice": "Queue is full"}))
    text = text_of(ada.post(f"{LIST}webhook/", {"url": story.receiver.url("/hook"), "events": "SUMMIT", "do": "sample"}).content)
    assert "include its answer." in text
    assert re.search("The answer .*Queue is full", text), text


def test_B3_a_refused_sample_says_why_and_loses_nothing(story: Story, ada: Client) -> None:
    story.receiver.answer_all(lambda _request: Answer(400, {"success": False, "error": "Invalid integration id or token provided."}))
    typed = {"url": story.receiver.url(RocketChat.path), "events": "SUMMIT", "do": "sample"}
    refused = ada.post(f"{LIST}rocketchat/", typed)
    text = text_of(refused.content)
    assert refused.status_code == 422
    assert "Rocket.Chat refused the sample" in text
    assert "Invalid integration id or token provided." in text
    page = refused.content.decode()
    assert typed["url"] in page
    assert 'value="SUMMIT"' in page
    assert ada.post(f"{LIST}rocketchat/", typed | {"do": "on"}).status_code == 422
    nonsense = ada.post(f"{LIST}slack/", {"url": "https://example.org/x", "do": "sample"})
    assert nonsense.status_code == 422
    assert "Its host is hooks.slack.com" in text_of(nonsense.content)
    assert 'value="https://example.org/x"' in nonsense.content.decode()


def test_C5_a_typed_secret_waits_and_is_in_no_page(story: Story, ada: Client) -> None:
    story.receiver.answer_all(lambda _request: Answer(200, {}))
    url = f"{LIST}webhook/"
    typed = {"url": story.receiver.url("/crm"), "token": "s3cr3t-t0ken", "do": "sample"}
    sampled = ada.post(url, typed)
    assert sampled.status_code == 200
    assert "s3cr3t" not in sampled.content.decode()
    waiting = sampled.content.decode().split('name="typed" value="')[1].split('"')[0]
    done = ada.post(url, {"url": typed["url"], "token": "", "typed": waiting, "do": "on"})
    assert done.status_code == 302, text_of(done.content)
    assert story.receiver.requests[0].header("authorization") == "Bearer s3cr3t-t0ken"
    with scope(account=story.account):
        row = Connection.objects.get(name="Webhook")
    assert row.type == "API Key / Token"
    assert "s3cr3t" not in ada.get(done["Location"]).content.decode()


def test_C6_a_sample_goes_to_no_address_that_is_not_allowed(story: Story, client: Client) -> None:
    client.force_login(story.person(Role.ADMINISTRATOR))  # no network is allowed
    refused = client.post(f"{LIST}webhook/", {"url": story.receiver.url("/inside").replace("http://", "https://"), "do": "sample"})
    assert refused.status_code == 422
    assert not story.receiver.requests


def test_C3_samples_of_unsaved_connections_are_limited(story: Story, ada: Client) -> None:
    story.receiver.answer_all(lambda _request: Answer(200, {}))
    typed = {"url": story.receiver.url("/crm"), "do": "sample"}
    pages = [ada.post(f"{LIST}webhook/", typed) for _ in range(11)]
    assert [page.status_code for page in pages] == [200] * 10 + [422]
    assert "too often in the last minute" in text_of(pages[-1].content)
    assert len(story.receiver.requests) == 10


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PLANNER])
def test_P1_only_administrators_use_recipes(story: Story, client: Client, people: dict[Role, User], role: Role) -> None:
    client.force_login(people[role])
    with story.saving() as transaction:
        flow = apply_recipe(transaction, recipe_of("slack"), {"url": "https://hooks.slack.com/services/T/B/X"}).flow.pk
    for path in (LIST, f"{LIST}slack/", f"{LIST}slack/{flow}/"):
        assert client.get(path).status_code == 403
        assert client.post(path, {"do": "on"}).status_code in (403, 405)


def test_B3_what_is_not_there_is_not_there(ada: Client) -> None:
    for path in ("nonsense/", "nonsense/1/", "slack/999999/"):
        assert ada.get(LIST + path).status_code == 404
    assert "No recipe for that yet" in text_of(ada.get(LIST, {"q": "no such thing"}).content)


def test_B3_recipes_by_rest(story: Story) -> None:
    api = ApiClient.for_account(story.account)
    listed = api.get("recipes")["items"]
    assert [each["key"] for each in listed] == [recipe.key for recipe in recipes()]
    assert api.get("recipes/mattermost") == next(each for each in listed if each["key"] == "mattermost")
    api.get("recipes/nonsense", status=404)
    before = counts(story)
    body: dict[str, Any] = {"values": {"url": "https://chat.example.org/hooks/s3cr3t"}, "events": ["SUMMIT"], "mode": "Test"}
    for wrong, field in (
        ({"values": {"url": "no address"}}, "values.url"),
        ({"values": {"nonsense": "x"}}, "values.nonsense"),
        ({**body, "events": ["NOWHERE"]}, "events"),
    ):
        problem = api.post("recipes/mattermost/flows", wrong, status=400)
        assert [error["field"] for error in problem["errors"]] == [field]
    assert counts(story) == before
    made = api.post("recipes/mattermost/flows", body)
    assert (made["connection"]["name"], made["mapping"]["name"]) == ("Mattermost", "Mattermost mapping")
    assert (made["flow"]["mode"], made["flow"]["name"]) == ("Test", "Tell Mattermost when somebody registers")
    assert "New" in made["tags"]
    assert api.get(f"flows/{made['flow']['id']}") == made["flow"]
    with scope(account=story.account):
        assert Mapping.objects.filter(pk=int(made["mapping"]["id"])).exists()
    assert isinstance(story.flow_facts(int(made["flow"]["id"])), Flow)


def switched_on(story: Story, ada: Client) -> str:
    """The address of the page of a recipe that was switched on."""
    story.receiver.answer_all(Mattermost())
    url = f"{LIST}mattermost/"
    typed = {"url": story.receiver.url(HOOK), "events": ""}
    sampled = ada.post(url, typed | {"do": "sample"})
    waiting = re.search(r'name="typed" value="([^"]+)"', sampled.text)
    done = ada.post(url, typed | {"do": "on", "typed": waiting[1] if waiting else ""})
    assert done.status_code == 302, text_of(done.content)
    return str(done["Location"])


def tags_of_statuses(story: Story) -> dict[int, frozenset[int]]:
    return {id: frozenset(status.tags) for id, status in story.provider.account(story.account).statuses.items()}


def undone(ada: Client, place: str) -> Any:
    """The answer to Undo, after its page was read."""
    return ada.post(f"{place}undo/", promise_in(ada.get(f"{place}undo/")))


def test_B3_a_recipe_is_undone_with_all_that_came_with_it(story: Story, ada: Client, people: dict[Role, User]) -> None:
    before, tags = counts(story), tags_of_statuses(story)
    place = switched_on(story, ada)
    assert counts(story) != before
    assert tags_of_statuses(story) != tags
    assert f'href="{place}undo/"' in ada.get(place).text
    asks = text_of(ada.get(f"{place}undo/").content)
    assert "Undo “Tell Mattermost when somebody registers”?" in asks
    assert "This stays" not in asks
    answer = undone(ada, place)
    assert answer.status_code == 302, text_of(answer.content)
    assert counts(story) == before
    assert tags_of_statuses(story) == tags
    assert ada.get(f"{place}undo/").status_code == 404
    eve = Client()
    eve.force_login(people[Role.PLANNER])
    assert eve.get(f"{place}undo/").status_code == 403


def test_P15_B3_a_recipe_is_undone_by_what_was_shown_and_what_is_used_stays(story: Story, ada: Client) -> None:
    place = switched_on(story, ada)
    asks = promise_in(ada.get(f"{place}undo/"))
    config = story.provider.account(story.account)
    (connection,) = config.connections
    mapping = max(config.mappings)
    other = story.flow("Else", [story.to(connection, mapping=mapping)])
    changed = ada.post(f"{place}undo/", asks)
    assert changed.status_code == 409
    assert "This stays, because something else uses it" in text_of(changed.content)
    assert undone(ada, place).status_code == 302
    config = story.provider.account(story.account)
    assert (list(config.flows), list(config.connections)) == ([other], [connection])
    assert mapping in config.mappings
    assert all(status.tags for status in config.statuses.values())


def test_B3_what_is_pasted_is_checked_at_once_and_nothing_is_sent(story: Story, ada: Client) -> None:
    before = counts(story)
    for recipe, typed, words in (
        ("slack", "https://hooks.slack.com/services/T000/B000/XXXX", "This is a Slack address."),
        ("slack", "https://example.org/services/x", "Its host is hooks.slack.com or hooks.slack-gov.com, this one is example.org"),
        ("teams", "https://hooks.slack.com/services/T000/B000/XXXX", "Its host is logic.azure.com"),
        ("mattermost", "https://chat.example.org/hooks/abc", "This can be a Mattermost address."),
        ("webhook", "https://crm.example.org/hooks/1", "The address is complete."),
        ("slack", "", ""),
    ):
        page = ada.post(f"{LIST}{recipe}/", {"do": "look", "url": typed, "events": ""})
        assert page.status_code == 200
        check = re.search(r'id="address-check".*?</div>', page.text, re.DOTALL)
        assert check is not None
        assert ("<p" in check[0]) == bool(words)
        assert words in text_of(page.content)
        assert "is required" not in text_of(page.content)
    assert counts(story) == before
    assert story.receiver.requests == []
