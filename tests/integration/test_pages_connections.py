"""The Connection pages (C1-C8, B3): for every role, without anything of another account, against a real receiver."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django_scopes import scope
from tests.builders import signal_account
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.counted import counting_pages
from tests.page_text import text_of
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.tables import table_rows
from tests.waiting import PATIENCE, until

from heliograph.accounts.models import AuditEntry, Role, User
from heliograph.accounts.vault import vault
from heliograph.connections import release_job
from heliograph.connections.models import Connection
from heliograph.connections.services import signing_secrets, test_progress
from heliograph.connections.services.connections import connection_row, connection_url
from heliograph.connections.services.networks import allow_networks
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.outcomes import Delivered
from heliograph.flows.models import Flow
from heliograph.jobs.models import Job, JobState
from heliograph.mappings.models import Mapping
from heliograph.store import connection_tests
from heliograph.store.secrets import load_secrets

LIST = "/signal/connections/"
COMMON = {"name": "Sales CRM", "content_type": "application/json", "method": "POST"}


@pytest.fixture(autouse=True)
def no_locks() -> None:
    cache.clear()


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


def address(id: int, *more: str) -> str:
    return LIST + "/".join([str(id), *more]) + "/"


def stored(story: Story, name: str) -> Connection:
    with scope(account=story.account):
        row: Connection = Connection.objects.get(name=name, deleted_at=None)
    return row


def secrets_of(story: Story, id: int) -> dict[str, str]:
    return load_secrets(story.db, vault(), story.account, "connection", [id]).get(id, {})


# --- permissions


DEEDS = ("pause", "release", "copy", "delete", "signing", "rule")


def test_B3_the_presets_are_searched_and_the_waiting_flow_is_kept(story: Story, client: Client, people: dict[Role, User]) -> None:
    client.force_login(people[Role.ADMINISTRATOR])
    flow = story.flow("Waits", [])
    found = client.get(f"{LIST}new/", {"q": "CHAT message", "for": flow, "does": "adds"}).content.decode()
    assert "Rocket.Chat message" in found
    assert "HubSpot" not in found
    assert f"/signal/connections/new/rocketchat/?for={flow}&amp;does=adds" in found
    assert f'<input type="hidden" name="for" value="{flow}">' in found
    nothing = client.get(f"{LIST}new/", {"q": "no such thing"}).content.decode()
    assert "No application has this name" in nothing
    assert "Any webhook" in client.get(f"{LIST}new/", {"q": "webhook any"}).content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_P1_everybody_reads_connections_and_an_administrator_changes_them(
    story: Story, client: Client, people: dict[Role, User], role: Role
) -> None:
    crm = story.connection("CRM", "/s3cr3t-path", auth="API Key / Token", secrets={Secret.KEY: "s3cr3t-key"})
    client.force_login(people[role])
    administers = role is Role.ADMINISTRATOR
    shown = client.get(LIST).content.decode()
    assert ("Add A Connection" in shown) is administers
    assert "s3cr3t" not in shown
    page = client.get(address(crm))
    assert page.status_code == 200
    assert ("s3cr3t-path" in page.content.decode()) is administers  # C5: complete only in Connection Setup for Administrators
    assert "s3cr3t-key" not in page.content.decode()
    assert ("Save &amp; Test" in page.content.decode()) is administers
    versions = client.get(address(crm, "versions"))
    assert versions.status_code == 200
    assert "s3cr3t" not in versions.content.decode()
    before = stored(story, "CRM").number
    for path in (LIST + "new/", LIST + "new/webhook/", LIST + "new/slack_text/", *(address(crm, deed) for deed in DEEDS)):
        assert client.get(path).status_code == (200 if administers else 403), path
    if not administers:
        for path in (LIST + "new/webhook/", LIST + "new/slack_text/", address(crm), *(address(crm, deed) for deed in DEEDS)):
            assert client.post(path, {"do": "new", "name": "x", "rate": "5"}).status_code == 403, path
        assert client.post(address(crm, "versions"), {"version": "1"}).status_code == 403
        assert stored(story, "CRM").number == before
        assert not story.paused(crm)[0]


def test_nothing_of_another_accounts_connections_is_there(story: Story, ada: Client) -> None:
    mine = story.connection("CRM", "/crm")
    other = signal_account.made(story.db, name="Another")
    client = Client()
    client.force_login(other.administrator)
    assert story.receiver.url("").removeprefix("http://") not in client.get(LIST).content.decode()
    for path in (address(mine), *(address(mine, deed) for deed in (*DEEDS, "versions"))):
        assert client.get(path).status_code == 404, path
        assert (
            client.post(path, {"do": "new", "name": "Theirs", "url": "https://evil.example/", "rate": "5", "version": "1"}).status_code
            == 404
        ), path
    flow = story.flow("Mine", [story.to(mine)])
    for path in (LIST + "new/", LIST + "new/webhook/", LIST + "new/slack_text/"):
        assert client.get(f"{path}?for={flow}").status_code == 404, path
        assert ada.get(f"{path}?for={flow}").status_code == 200, path
        for wrong in ("0", "x", "99999999999999999999", "-1", "%C2%B2"):
            assert ada.get(f"{path}?for={wrong}").status_code == 404, wrong
    assert stored(story, "CRM").name == "CRM"
    assert ada.get(address(99999999999999999)).status_code == 404
    assert ada.get(LIST + "new/nonsense/").status_code == 404


# --- the list


def test_the_list_says_how_each_connection_is(story: Story, receiver: Receiver, ada: Client) -> None:
    assert "No connections yet" in ada.get(LIST).content.decode()
    crm, slack = story.connection("CRM", "/crm"), story.connection("Slack", "/slack")
    story.connection("Keyed", "/keyed", auth="API Key / Token")
    story.connection("Door", "/door")
    story.flow("All", [story.to(crm), story.to(slack)])
    receiver.answer("/slack", Answer(401))
    with story.worker():
        story.record("R1", status="Attended")
        receiver.wait_for(2)
        story.until("R1", "success", "queued")
    story.pause(slack, "They move house")
    shown = text_of(ada.get(LIST).content)
    assert "Answers" in shown
    assert "Paused" in shown
    assert "They move house. Items are held in order until somebody releases it. Nothing is lost." in shown
    assert "Missing: API Key / Token." in shown
    assert "Not tried yet" in shown
    assert "1 waiting" in shown
    assert "delivered," in shown
    with story.saving() as transaction:
        signing_secrets.rotate(transaction, crm)
    for query, names in {
        "?q=slack": ["Slack"],
        "?q=all": ["CRM", "Slack"],
        "?health=paused": ["Slack"],
        "?health=incomplete": ["Keyed"],
        "?type=API+Key+%2F+Token": ["Keyed"],
        "?health=nonsense&type=%C2%B2": ["CRM", "Door", "Keyed", "Slack"],
    }.items():
        page = ada.get(LIST + query).content.decode()
        assert re.findall(r'class="name" href="[^"]+"><bdi>([^<]+)', page) == names, query
    assert "No connection matches" in ada.get(LIST + "?q=nowhere").content.decode()
    story.resume(slack)
    assert "Refuses" in text_of(ada.get(LIST).content)
    assert f"connection={slack}&amp;status=waiting" in ada.get(LIST).content.decode()
    assert "R1" in text_of(ada.get(f"/signal/retry/?connection={slack}&status=waiting").content)  # exactly the records of the number


@pytest.mark.parametrize("path", ["", "one", "versions"])
def test_the_number_of_queries_does_not_grow_with_connections(story: Story, receiver: Receiver, ada: Client, path: str) -> None:
    def queries(url: str) -> int:
        ada.get(url)
        with counting_pages() as cost:
            assert ada.get(url).status_code == 200
        return cost.statements

    first = story.connection("C0", "/0")
    story.flow("F0", [story.to(first)])
    story.pause(first)
    story.change_connection(first, rate=100)  # a version's difference needs the one before
    url = {"": LIST, "one": address(first), "versions": address(first, "versions")}[path]
    few = queries(url)
    for n in range(1, 12):
        more = story.connection(f"C{n}", f"/{n}")
        story.flow(f"F{n}", [story.to(more), story.to(first)])
        story.pause(more)
        story.change_connection(first, rate=n)
    assert queries(url) <= few


# --- the form


def test_C1_C3_a_connection_is_added_tested_and_shown_without_its_secrets(story: Story, receiver: Receiver, ada: Client) -> None:
    receiver.answer("/me", lambda r: Answer(200 if r.header("x-api-key") == "s3cr3t-key" else 401, "{}"))
    blank = ada.get(LIST + "new/webhook/")
    assert blank.status_code == 200
    posted = {
        **COMMON,
        "auth": "API Key / Token",
        "key": "s3cr3t-key",
        "key_place": "header",
        "key_name": "X-Api-Key",
        "url": receiver.url("/hook/{event.code}"),
        "test_url": receiver.url("/me"),
        "headers": "X-Client: brightfield\nX-Two: 2",
        "rate": "600",
        "parallel": "4",
        "patient": "1",
        "user_name": "not read",
        "client_id": "not read",
    }
    answer = ada.post(LIST + "new/webhook/", posted)
    row = stored(story, "Sales CRM")
    assert answer["Location"] == address(row.pk)
    assert row.body["headers"] == [["X-Client", "brightfield"], ["X-Two", "2"]]
    assert (row.body["rate"], row.body["parallel"], row.body["patient"], row.body["key_name"]) == (600, 4, True, "X-Api-Key")
    assert "user_name" not in row.body
    assert "client_id" not in row.body
    page = ada.get(answer["Location"]).content.decode()
    assert "answered as it should" in page
    assert "s3cr3t-key" not in page
    assert "Stored; type to replace" in page
    assert receiver.url("/hook/{event.code}") in page
    asked = receiver.wait_for(1, path="/me")[0]
    assert (asked.method, asked.header("x-api-key")) == ("GET", "s3cr3t-key")
    # Saved again without typing: the key stays, and there is no new version.
    ada.post(address(row.pk), {k: v for k, v in posted.items() if k != "key"})
    again = stored(story, "Sales CRM")
    assert again.number == row.number
    assert secrets_of(story, row.pk)[Secret.KEY] == "s3cr3t-key"
    # Another type: the previous one's settings are gone.
    ada.post(address(row.pk), {**COMMON, "auth": "Open / No Auth", "url": receiver.url("/hook"), "test_url": ""})
    assert set(secrets_of(story, row.pk)) == {"path"}
    assert ada.get(LIST).status_code == 200


def test_C3_without_a_test_url_nothing_is_posted_unless_a_sample_is_asked_for(story: Story, receiver: Receiver, ada: Client) -> None:
    hook = story.connection("CRM", "/hook")
    ada.post(address(hook), {**COMMON, "name": "CRM", "auth": "Open / No Auth", "url": receiver.url("/hook")})
    assert "Reached:" in ada.get(address(hook)).content.decode()
    assert not receiver.requests
    receiver.answer("/hook", Answer(200, {"id": "L-1"}))
    assert ada.post(address(hook), {"do": "sample"})["Location"] == address(hook)
    (sent,) = receiver.wait_for(1, path="/hook")
    assert sent.method == "POST"
    page = text_of(ada.get(address(hook)).content)
    assert "took the sample" in page
    assert "L-1" in page


def test_C3_only_what_was_answered_answers_and_nothing_has_no_credentials(story: Story, receiver: Receiver, ada: Client) -> None:
    made = ada.post(f"{LIST}new/webhook/", {**COMMON, "auth": "Open / No Auth", "url": receiver.url("/hook")}, follow=True)
    page = text_of(made.content)
    assert "Reached:" in page  # a new connection shows what its test came to
    assert "credentials were not tried" not in page
    assert "To see what it answers" in page
    listed = text_of(ada.get(LIST).content)
    assert "Reached" in listed
    assert "reached, nothing was sent" in listed
    assert "Answers" not in text_of(ada.get(f"{LIST}?health=reached").content).partition("Sales CRM")[2]


def test_C3_the_failing_step_names_the_field_that_has_the_address(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    form = {**COMMON, "name": "CRM", "auth": "Open / No Auth", "url": receiver.url("/crm")}
    receiver.answer("/me", Answer(404))
    ada.post(address(crm), {**form, "test_url": receiver.url("/me")})
    assert "Its address is in the field “Test Connection URL”." in text_of(ada.get(address(crm)).content)
    ada.post(address(crm), {**form, "url": "http://127.0.0.1:9/crm", "test_url": ""})
    assert "Its address is in the field “URL”." in text_of(ada.get(address(crm)).content)


def test_C3_a_failed_test_is_not_shown_beside_a_later_success(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    receiver.answer("/crm", Answer(500), Answer(200))
    ada.post(address(crm), {"do": "sample"})
    assert "The test failed" in text_of(ada.get(address(crm)).content)
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    page = text_of(ada.get(address(crm)).content)
    assert "Answers" in page
    assert "The test failed" not in page
    assert "it has worked since" in text_of(ada.get(LIST).content)


def test_C3_what_failed_says_what_to_do_and_is_saved_all_the_same(story: Story, receiver: Receiver, ada: Client) -> None:
    receiver.answer("/me", Answer(401))
    ada.post(
        LIST + "new/webhook/",
        {
            **COMMON,
            "auth": "Basic Authentication",
            "user_name": "crm",
            "password": "wr0ng",
            "url": receiver.url("/hook"),
            "test_url": receiver.url("/me"),
        },
    )
    page = text_of(ada.get(address(stored(story, "Sales CRM").pk)).content)
    assert "The test failed at “Sign in”" in page
    assert "What to do" in page
    assert "wr0ng" not in page


def test_C5_another_host_asks_for_the_secrets_again_and_bad_input_loses_nothing(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm", auth="API Key / Token", secrets={Secret.KEY: "s3cr3t-key"})
    posted = {**COMMON, "name": "CRM", "auth": "API Key / Token", "key_place": "bearer"}
    moved = ada.post(address(crm), {**posted, "url": "https://elsewhere.example/hook", "headers": "X-A: 1"})
    assert moved.status_code == 422
    page = text_of(moved.content)
    assert "1 field was refused; nothing was saved" in page
    assert "The host changed, so this has to be entered again." in page
    assert "https://elsewhere.example/hook" in moved.content.decode()
    assert "X-A: 1" in moved.content.decode()
    for wrong, said in (
        ({"url": "ftp://crm.example/"}, "must start with https://"),
        ({"url": ""}, "The URL is missing."),
        ({"name": ""}, "name"),
        ({"rate": "many"}, "whole number"),
        ({"total_timeout": "3600"}, "from 1 to 20"),
        ({"headers": "Authorization: Bearer x"}, "Authorization is a credential"),
        ({"headers": "X-A: a\r\nX-A: b"}, "given twice"),
        ({"headers": "no colon here"}, "no colon here"),
        ({"authorities": "not a certificate"}, "-----BEGIN"),
        ({"client_certificate": "nor this"}, "-----BEGIN"),
        ({"key": "a\nb"}, "line break"),
        ({"key_place": "header", "key_name": "Bad Name"}, "Bad Name"),
        ({"url": receiver.url("/{nonsense}")}, "There is no field"),
        ({"method": "DELETE"}, "method"),
    ):
        answer = ada.post(address(crm), {**posted, "url": receiver.url("/crm"), "key": "typed-now", **wrong})
        assert answer.status_code == 422, wrong
        shown = text_of(answer.content)
        assert said.casefold() in shown.casefold(), (wrong, shown)
        assert "typed-now" not in answer.content.decode()
    other = story.connection("Other", "/other")
    taken = ada.post(address(other), {**COMMON, "name": "crm", "auth": "Open / No Auth", "url": receiver.url("/other")})
    assert "There is a connection of this name already." in text_of(taken.content)
    assert stored(story, "CRM").number == 1


def test_C7_a_signed_connection_that_moves_is_signed_anew(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    with story.saving() as transaction:
        signing_secrets.rotate(transaction, crm)
    posted = {**COMMON, "name": "CRM", "auth": "Open / No Auth", "url": "https://elsewhere.invalid/hook"}
    page = ada.post(address(crm), posted)
    assert page.status_code == 422
    assert "Stop signing" in text_of(page.content)
    assert ada.post(address(crm), {**posted, "forget_signing": "1"}).status_code == 302
    assert not secrets_of(story, crm).get(Secret.SIGNING)


def test_F2_what_would_stop_a_running_flow_asks_first(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("Registered to CRM", [story.to(crm)])
    posted = {**COMMON, "name": "CRM", "auth": "API Key / Token", "url": receiver.url("/crm")}
    asked = ada.post(address(crm), posted)
    assert asked.status_code == 409
    assert "Registered to CRM" in text_of(asked.content)
    assert "Save anyway" in text_of(asked.content)
    assert stored(story, "CRM").type == "Open / No Auth"
    assert confirms(ada, address(crm), posted).status_code == 302
    assert stored(story, "CRM").type == "API Key / Token"


@pytest.mark.parametrize(("start", "name"), [("webhook", "url"), ("webhook", "test_url"), ("generic_json", "url")])
def test_C2_a_field_is_put_into_each_url_without_script(story: Story, receiver: Receiver, ada: Client, start: str, name: str) -> None:
    posted = {**COMMON, "auth": "Open / No Auth", "url": "", "token": "s3cret", name: "https://crm.example/"}
    answer = ada.post(f"{LIST}new/{start}/", {**posted, f"{name}-field": "event.code", "do": f"insert:{name}"})
    assert answer.status_code == 200
    shown = answer.content.decode()
    assert 'value="https://crm.example/{event.code}"' in shown
    assert f'<details class="insert" data-url="{name}"' in shown
    assert "s3cret" not in shown
    assert ("Typed just now" in shown) == (start == "generic_json")
    with scope(account=story.account):
        assert not Connection.objects.filter(name="Sales CRM").exists()


def test_C3_a_slow_test_is_watched_step_by_step(story: Story, receiver: Receiver, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_progress, "PATIENCE", 0.2)  # seconds that the page waits for a quick result
    gate = threading.Event()
    receiver.answer("/me", lambda _request: Answer(200 if gate.wait(2 * PATIENCE) else 500, "{}"))
    crm = story.connection("CRM", "/crm")
    flow = story.flow("Waiting", [story.to(crm)])
    posted = {
        **COMMON,
        "name": "CRM",
        "auth": "Open / No Auth",
        "url": receiver.url("/crm"),
        "test_url": receiver.url("/me"),
        "total_timeout": "20",
    }
    try:
        answer = ada.post(f"{address(crm)}?for={flow}", posted)
        assert answer["Location"] == f"{address(crm)}?for={flow}"
        page = ada.get(f"{address(crm)}?for={flow}")
        assert "Testing…" in text_of(page.content)
        assert "under way" in text_of(page.content)
        assert 'hx-trigger="every 1s"' in page.content.decode()
        assert "Send a sample" not in text_of(page.content)
    finally:
        gate.set()
    until(lambda: "answered as it should" in text_of(ada.get(address(crm)).content))
    assert "hx-trigger" not in ada.get(address(crm)).content.decode()
    # A test watched for a flow leads back to it.
    led = ada.get(f"{address(crm)}?for={flow}", headers={"HX-Request": "true"})
    assert led["HX-Redirect"] == f"/signal/flows/{flow}/?connection={crm}"


def test_C3_a_test_whose_process_has_died_is_not_shown_for_ever(story: Story, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    with story.db.transaction():
        assert connection_tests.may_test(story.db, story.account, crm)
        long_ago = story.db.now() - test_progress.LONGEST - 1
        connection_tests.keep(story.db, story.account, crm, {"under_way": {"since": long_ago, "at": "answer", "steps": []}})
    page = text_of(ada.get(address(crm)).content)
    assert "Testing…" not in page
    assert "Not tried yet" in page
    assert "Not tried yet" in text_of(ada.get(LIST).content)


def test_C1_an_incomplete_connection_is_saved_and_says_what_is_missing(story: Story, receiver: Receiver, ada: Client) -> None:
    ada.post(LIST + "new/webhook/", {**COMMON, "auth": "API Key / Token", "key_place": "bearer", "url": receiver.url("/crm")})
    page = text_of(ada.get(address(stored(story, "Sales CRM").pk)).content)
    assert "Saved; it is incomplete" in page
    assert "Missing: API Key / Token." in page
    assert not receiver.requests


# --- presets


def test_B3_a_preset_makes_a_connection_and_its_mapping_and_hands_both_back(story: Story, ada: Client) -> None:
    start = ada.get(LIST + "new/").content.decode()
    assert start.count("/signal/connections/new/") >= 19  # any webhook and 18 presets
    assert [start.count(f'id="g-{group}"') for group in ("any", "chat", "lists", "crm")] == [1, 1, 1, 1]
    story.connection("slack message", "/elsewhere")
    form = ada.get(LIST + "new/slack_text/").content.decode()
    assert "Ask the administrator" in form
    assert 'value="Slack message 2"' in form
    assert "In a flow choose “Posts a new message each time (chat, sheet)” for it." in form
    refused = ada.post(LIST + "new/slack_text/", {"name": "Slack", "url": "https://evil.example/services/x"})
    assert refused.status_code == 422
    assert "https://evil.example/services/x" in refused.content.decode()
    assert "hooks.slack.com" in text_of(refused.content)
    flow = story.flow("Waiting", [story.to(story.connection("CRM", "/crm"))])
    made = ada.post(f"{LIST}new/generic_json/?for={flow}", {"name": "Hook", "url": story.receiver.url("/hook"), "token": "t0ken-of-hook"})
    row = stored(story, "Hook")
    with scope(account=story.account):
        mapping = Mapping.objects.get(name="Hook mapping")
    assert made.status_code == 302
    where = made["Location"]
    assert where.startswith(f"/signal/flows/{flow}/?")
    assert f"connection={row.pk}" in where
    assert f"mapping={mapping.pk}" in where
    for does in Does:  # what a preset knows about its application is selected in the flow
        shown = ada.get(f"{where.replace('&does=updates', '')}&does={does.value}").content.decode()
        assert re.search(rf'name="d\d+-does" value="{does.value}" checked', shown)
    assert "does=updates" in where
    assert "t0ken-of-hook" not in ada.get(address(row.pk)).content.decode()
    secret = ada.post(LIST + "new/hubspot_contact/", {"name": "CRM", "token": "pat-s3cr3t"})  # a taken name
    assert secret.status_code == 422
    assert "pat-s3cr3t" not in secret.content.decode()
    assert "Typed just now; type to replace" in secret.content.decode()


# --- pause and release, copy, delete, signing


def test_what_is_held_is_counted_by_requests_and_not_by_records(story: Story, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    assert confirms(ada, address(crm, "pause"), {"why": "New server"}).status_code == 302
    for status in ("New", "Attended", "New"):
        story.record("R1", status=status)
    story.record("R2", status="New")
    for url in (LIST, address(crm, "release")):
        assert "4 held" in text_of(ada.get(url).content), url
    confirms(ada, address(crm, "release"), {"do": "rate", "rate": "1"})
    with scope(account=story.account):
        run = release_job.Releasing(Job.objects.get(kind="release"))
    assert run.read() == (0, 4), "the release counts alike"


def test_C8_pause_holds_and_a_release_goes_at_a_rate(story: Story, receiver: Receiver, ada: Client, people: dict[Role, User]) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    assert "Nothing is sent over it until somebody releases it" in text_of(ada.get(address(crm, "pause")).content)
    assert confirms(ada, address(crm, "pause"), {"why": "New server"}).status_code == 302
    assert story.paused(crm) == (True, "New server")
    story.record("R1", status="Attended")
    story.record("R2", status="Attended")
    shown = text_of(ada.get(LIST).content)
    assert "2 held" in shown
    assert re.search(r"Paused .*Since \d+ \w+, \d\d:\d\d, by Administrator\.", shown)
    release = text_of(ada.get(address(crm, "release")).content)
    assert re.search(r"Paused · 2 held Since [^.]+, by Administrator\. New server\. Items are held in order", release)
    assert "Paused by" not in release
    for wrong in ("", "0", "-1", "x", "1000001", "9" * 30):
        answer = confirms(ada, address(crm, "release"), {"do": "rate", "rate": wrong})
        assert answer.status_code == 422, wrong
        assert "from 1 to 1,000,000" in text_of(answer.content)
    assert story.paused(crm)[0]
    assert confirms(ada, address(crm, "release"), {"do": "rate", "rate": "120"})["Location"] == address(crm, "release")
    going = ada.get(address(crm, "release"))
    assert "Waiting to send held items It starts in a moment." in text_of(going.content)
    assert "Waiting to be released, 120 a minute" in text_of(going.content)
    with scope(account=story.account):
        assert Job.objects.get(kind="release").state == JobState.QUEUED
    confirms(ada, address(crm, "release"), {"do": "hold"})
    assert "Release at this rate" in text_of(ada.get(address(crm, "release")).content)
    confirms(ada, address(crm, "release"), {"do": "once"})
    assert not story.paused(crm)[0]
    assert "It is not paused" in text_of(ada.get(address(crm, "release")).content)
    part = ada.get(address(crm, "release"), headers={"HX-Request": "true"})
    assert part["HX-Refresh"] == "true"
    with story.worker():
        receiver.wait_for(2, path="/crm")
        story.until("R1", "success")
        story.until("R2", "success")
    with scope(account=story.account):
        assert AuditEntry.objects.filter(kind="connection", by=f"user:{people[Role.ADMINISTRATOR].pk}", after__paused=True).exists()


def test_a_copy_has_the_same_settings_and_credentials(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm?x=1", auth="API Key / Token", secrets={Secret.KEY: "s3cr3t-key"}, rate=60)
    assert "CRM (copy)" in ada.get(address(crm, "copy")).content.decode()
    assert "There is a connection of this name already." in text_of(confirms(ada, address(crm, "copy"), {"name": "crm"}).content)
    answer = confirms(ada, address(crm, "copy"), {"name": "CRM two"})
    row = stored(story, "CRM two")
    assert answer["Location"] == address(row.pk)
    assert secrets_of(story, row.pk) == secrets_of(story, crm)
    assert row.body["rate"] == 60
    with scope(account=story.account):
        assert connection_url(story.db, story.account, row.pk) == (receiver.url("/crm?x=1"), "")


# --- versions


def test_F10_C5_a_version_is_restored_with_the_secrets_of_today(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/old-path", auth="Basic Authentication", user_name="ann", secrets={Secret.PASSWORD: "first-s3cr3t"})
    url = address(crm, "versions")
    form = COMMON | {"name": "CRM", "auth": "Basic Authentication", "url": receiver.url("/new-path"), "user_name": "bob", "rate": "60"}
    ada.post(address(crm), form | {"password": "second-s3cr3t"})
    shown = ada.get(url)
    said = text_of(shown.content)
    for text in ("From version 1 to version 2, now in use", "•••• ••••"):
        assert text in said, text
    rows = {row["What"]: (row["Version 1"], row["Version 2"]) for row in table_rows(shown.content, "What", "Version 1", "Version 2")}
    assert rows["User Name Changed"] == ("ann", "bob")
    assert rows["At most per minute Added"] == ("Not there", "60")
    asked = ada.get(f"{url}?version=1&restore=1")
    assert "every secret stay as they are now" in text_of(asked.content)
    answer = confirms(ada, url, {"version": "1", "seen": "2"}, follow=True)
    assert "Version 1 is restored" in text_of(answer.content)
    assert "Its URLs and secrets stay as they were before that." in text_of(answer.content)
    body, secrets = stored(story, "CRM").body, secrets_of(story, crm)
    assert (body["user_name"], body.get("rate")) == ("ann", None)
    assert (secrets["password"], secrets["path"]) == ("second-s3cr3t", "/new-path")
    for page in (shown, asked):
        assert not [text for text in ("first-s3cr3t", "second-s3cr3t", "old-path", "new-path") if text in page.content.decode()]


def test_F10_a_version_whose_credentials_are_gone_is_restored_incomplete(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm", auth="Basic Authentication", user_name="ann", secrets={Secret.PASSWORD: "s3cr3t"})
    flow = story.flow("Leads", [story.to(crm)])
    keyed = COMMON | {"name": "CRM", "auth": "API Key / Token", "key_place": "bearer", "url": receiver.url("/crm"), "key": "k3y-of-today"}
    ada.post(address(crm), keyed)
    asked = text_of(ada.get(f"{address(crm, 'versions')}?version=1&restore=1").content)
    assert "This leaves the connection incomplete. Missing: Password" in asked
    stops = ada.post(address(crm, "versions"), {"version": "1", "seen": "2"})
    assert stops.status_code == 409
    assert "This stops these running flows: Leads" in text_of(stops.content)
    assert secrets_of(story, crm)["key"] == "k3y-of-today"
    after = text_of(confirms(ada, address(crm, "versions"), {"version": "1", "seen": "2"}, follow=True).content)
    assert "Missing: Password." in after
    assert set(secrets_of(story, crm)) == {"path"}
    with scope(account=story.account):
        assert not Flow.objects.get(pk=flow).is_complete


def test_F10_C5_a_version_with_tokens_from_another_host_is_refused(story: Story, receiver: Receiver, ada: Client) -> None:
    tokens = {"client_id": "us", "access_token_url": "https://login.example.com/token"}
    crm = story.connection("CRM", "/crm", auth="OAuth2", secrets={Secret.CLIENT_SECRET: "s3cr3t"}, **tokens)
    form = COMMON | {"name": "CRM", "auth": "OAuth2", "grant": "Client Credentials", "url": receiver.url("/crm"), "client_id": "us"}
    ada.post(address(crm), form | {"access_token_url": "https://other.example.com/token", "client_secret": "another"})
    answer = ada.post(address(crm, "versions"), {"version": "1", "seen": "2"})
    assert answer.status_code == 422
    assert "Its token URLs are at another host" in text_of(answer.content)
    assert stored(story, "CRM").body["access_token_url"] == "https://other.example.com/token"


def test_P12_a_connection_in_use_is_not_deleted_and_says_by_what(story: Story, ada: Client) -> None:
    used, idle = (
        story.connection("CRM", "/crm"),
        story.connection("Idle", "/idle", auth="API Key / Token", secrets={Secret.KEY: "k3y-of-it"}),
    )
    story.flow("Registered to CRM", [story.to(used)])
    page = text_of(ada.get(address(used, "delete")).content)
    assert "“CRM” is in use" in page
    assert "Registered to CRM" in page
    assert "Delete it" not in page
    assert ada.post(address(used, "delete")).status_code == 409
    assert stored(story, "CRM")
    assert "Delete it" in text_of(ada.get(address(idle, "delete")).content)
    assert confirms(ada, address(idle, "delete"))["Location"] == LIST
    assert ada.get(address(idle)).status_code == 404
    assert not secrets_of(story, idle)


def test_C7_a_signing_secret_is_shown_once(story: Story, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    shown = _sign(ada, crm, "new")
    secret = secrets_of(story, crm)[Secret.SIGNING]
    assert secret in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert secret not in ada.get(address(crm, "signing")).content.decode()
    _sign(ada, crm, "new")
    assert secrets_of(story, crm)[Secret.SIGNING_BEFORE] == secret
    assert "two signatures" in text_of(ada.get(address(crm, "signing")).content)
    for do, gone in (("finish", Secret.SIGNING_BEFORE), ("stop", Secret.SIGNING)):
        question = _sign(ada, crm, do)
        assert gone in secrets_of(story, crm), do  # it is asked first
        assert 'name="confirmed"' in question.content.decode()
        _sign(ada, crm, do, confirmed="1")
        assert gone not in secrets_of(story, crm)


def _sign(ada: Client, connection: int, do: str, **more: str) -> Any:
    """A press on a button of the signing page, as it is shown now."""
    page = ada.get(address(connection, "signing")).content.decode()
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen
    return ada.post(address(connection, "signing"), {"do": do, "seen": seen[1], **more})


def test_C7_the_secret_that_the_target_knows_signs_until_finish(story: Story, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    signing = address(crm, "signing")
    _sign(ada, crm, "new")
    known = secrets_of(story, crm)[Secret.SIGNING]
    first = _sign(ada, crm, "new")
    assert secrets_of(story, crm)[Secret.SIGNING] in first.content.decode()
    unfinished = secrets_of(story, crm)
    assert unfinished[Secret.SIGNING_BEFORE] == known
    again = ada.post(signing, first.wsgi_request.POST.dict())  # the page is reloaded
    assert again.status_code == 409
    assert secrets_of(story, crm) == unfinished
    asked = _sign(ada, crm, "new")
    assert "Make yet another secret?" in text_of(asked.content)
    assert secrets_of(story, crm) == unfinished
    sure = _sign(ada, crm, "new", confirmed="1")
    assert secrets_of(story, crm)[Secret.SIGNING] not in unfinished.values()
    assert secrets_of(story, crm)[Secret.SIGNING_BEFORE] == known
    both = secrets_of(story, crm)
    assert ada.post(signing, sure.wsgi_request.POST.dict()).status_code == 409
    assert secrets_of(story, crm) == both
    _sign(ada, crm, "finish", confirmed="1")
    _sign(ada, crm, "stop", confirmed="1")
    said = text_of(ada.get("/settings/audit/").content)
    for done in ("signed with a new secret", "the one before signs as well", "another new secret", "finished", "no longer signed"):
        assert done in said, done


# --- headers


def test_M9_a_fixed_header_beyond_ascii_is_warned_of(story: Story, ada: Client) -> None:
    crm = story.connection("CRM", "/crm", headers=[["X-Room", "Grüner Saal"], ["X-Floor", "2"]])
    page = text_of(ada.get(address(crm)).content)
    assert "X-Room: letters outside ASCII" in page
    assert "X-Floor: it has" not in page
    story.change_connection(crm, headers=[["X-Room", "Green room"]])
    assert "outside ASCII" not in text_of(ada.get(address(crm)).content)


# --- the response rule


def test_C7_a_rule_is_made_from_a_logged_answer_tried_and_saved(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    receiver.answer("/crm", Answer(200, {"ok": False, "error": "<b>channel is archived</b>"}, {"Content-Type": "application/json"}))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    action = story.action("R1")["id"]
    rule = address(crm, "rule")
    page = ada.get(rule)
    assert f'value="{action}.1"' in page.content.decode()
    chosen = ada.get(f"{rule}?answer={action}.1")
    assert "Delivered, by its status, no clause fits." in text_of(chosen.content)
    assert "<b>channel" not in chosen.content.decode()
    proposed = ada.post(rule, {"do": "failed", "answer": f"{action}.1"})
    assert "Failed, by clause 1" in text_of(proposed.content)
    posted = _form(proposed.content.decode())
    assert connection_body(story, crm).get("rule") is None
    tried = ada.post(rule, {**posted, "do": "try", "answer": f"{action}.1", "c0-says": "Not taken"})
    assert "Failed, by clause 1: Not taken" in text_of(tried.content)
    assert ada.post(rule, {**posted, "do": "save", "c0-says": "Not taken"})["Location"] == address(crm)
    assert connection_body(story, crm)["rule"][0]["says"] == "Not taken"
    assert "“Not taken”" in text_of(ada.get(address(crm)).content)
    receiver.wait_for(1, path="/crm")
    with story.worker():
        story.record("R2", status="Attended")
        story.until("R2", "queued")
    failed = story.action("R2")
    assert failed["category"] == "General"
    assert f"{rule}?answer={failed['id']}.1" in ada.get(f"/signal/retry/{failed['key']}/").content.decode()  # a Retry item links here


def connection_body(story: Story, id: int) -> dict[str, Any]:
    with scope(account=story.account):
        return dict(connection_row(id).body)


def _form(page: str) -> dict[str, str]:
    from tests.forms import posted

    return {name: values[0] for name, values in posted(page, "rule-editor").items()}


def test_C7_clauses_are_edited_without_script_and_a_wrong_one_is_marked(story: Story, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    rule = address(crm, "rule")
    one = _form(ada.post(rule, {"do": "add"}).content.decode())
    assert one["c0-0-place"] == "status"
    two = _form(ada.post(rule, {**one, "c0-0-values": "200", "do": "add"}).content.decode())
    swapped = _form(ada.post(rule, {**two, "do": "down 0"}).content.decode())
    assert swapped["c1-0-values"] == "200"
    more = _form(ada.post(rule, {**swapped, "do": "more 1"}).content.decode())
    assert "c1-1-place" in more
    less = _form(ada.post(rule, {**more, "do": "less 1 1"}).content.decode())
    assert "c1-1-place" not in less
    refused = ada.post(rule, {**less, "do": "save"})
    assert refused.status_code == 422
    assert "Say what to compare with." in text_of(refused.content)
    assert _form(refused.content.decode())["c1-0-values"] == "200"
    dropped = _form(ada.post(rule, {**less, "do": "drop 0"}).content.decode())
    both = {**dropped, "c0-0-values": "200-299\n204", "c0-then": "delivered", "c0-lead": "created"}
    assert ada.post(rule, {**both, "do": "save"}).status_code == 302
    assert connection_body(story, crm)["rule"] == [
        {"if": [{"in": "status", "is": ["200-299", "204"]}], "then": "delivered", "lead": "created"}
    ]
    for strange in ("up 99", "less 0 9", "more x", "drop", "up -1", "x" * 5_000):
        assert ada.post(rule, {**both, "do": strange}).status_code in (200, 302), strange
    for odd in ({"c0-0-place": "nowhere"}, {"c0-then": "perhaps"}, {"c0-category": "System", "c0-then": "failed"}, {"c0-0-how": "like"}):
        assert ada.post(rule, {**both, **odd, "do": "try"}).status_code in (200, 422), odd


def test_C7_the_clause_and_the_condition_beyond_the_bound_are_refused_and_shown_again(story: Story, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    rule = address(crm, "rule")
    looks = {"place": "status", "how": "is", "values": "409"}
    clauses = {f"c{i}-{name}": text for i in range(20) for name, text in {"then": "failed", "says": f"Clause {i}"}.items()}
    clauses |= {f"c{i}-0-{name}": text for i in range(20) for name, text in looks.items()}
    assert ada.post(rule, {**clauses, "do": "save"}).status_code == 302
    for do in ("add", "save"):
        more = (
            clauses
            if do == "add"
            else {**clauses, "c20-then": "failed", "c20-says": "Clause 20", "c20-0-place": "status", "c20-0-values": "1"}
        )
        refused = ada.post(rule, {**more, "do": do})
        assert refused.status_code == 422, do
        assert "at most 20 clauses, and these are 21" in text_of(refused.content)
        assert _form(refused.content.decode()).keys() >= {"c20-then"}
    wide = {f"c0-{j}-{name}": text for j in range(11) for name, text in looks.items()}
    refused = ada.post(rule, {**clauses, **wide, "do": "save"})
    assert refused.status_code == 422
    assert "at most 10 conditions, and clause 1 has 11" in text_of(refused.content)
    assert _form(refused.content.decode())["c0-10-values"] == "409"
    assert len(connection_body(story, crm)["rule"]) == 20


def test_C7_a_rule_from_an_empty_answer_asks_for_the_empty_body(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    receiver.answer("/crm", Answer(200, b""), Answer(200, {"id": 7}))
    rule = address(crm, "rule")
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
        proposed = ada.post(rule, {"do": "failed", "answer": f"{story.action('R1')['id']}.1"})
        assert ada.post(rule, {**_form(proposed.content.decode()), "do": "save"}).status_code == 302
        story.record("R2", status="Attended")
        story.until("R2", "success")  # a good answer is no failure


def test_C7_of_an_answer_that_was_cut_no_verdict_is_given_that_use_would_not(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    body = {"padding": "x" * 60_000, "ok": False}
    receiver.answer("/crm", Answer(200, body, {"Content-Type": "application/json"}))
    rule = address(crm, "rule")
    posted = {"c0-then": "failed", "c0-0-place": "json", "c0-0-name": "ok", "c0-0-how": "is", "c0-0-values": "false"}
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
        answer = f"{story.action('R1')['id']}.1"
        tried = text_of(ada.post(rule, {**posted, "do": "try", "answer": answer}).content)
        assert "Can’t tell" in tried
        assert "Delivered," not in tried
        by_status = {**posted, "c0-0-place": "status", "c0-0-values": "200"}
        assert "Failed, by clause 1" in text_of(ada.post(rule, {**by_status, "do": "try", "answer": answer}).content)
        ada.post(rule, {**posted, "do": "save"})
        story.record("R2", status="Attended")
        story.until("R2", "queued")  # of 60 KB the rule sees all
        receiver.answer("/crm", Answer(200, {**body, "padding": "x" * 70_000}, {"Content-Type": "application/json"}))
        story.record("R3", status="Attended")
        story.until("R3", "queued")  # and of 70 KB it says that it cannot judge
    assert "too long to read" in story.action("R3")["message"]


def test_C7_a_delivered_attempt_opens_and_a_rule_is_made_from_it(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    receiver.answer("/crm", Answer(200, {"ok": False}))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    item = f"/signal/retry/{story.action('R1')['key']}/"
    assert f'href="{item}"' in ada.get("/signal/registrations/SUMMIT/R1/").content.decode()
    page = ada.get(item).content
    assert f"{address(crm, 'rule')}?answer={story.action('R1')['id']}.1" in page.decode()
    shown = text_of(page)
    assert "Success" in shown
    assert re.search(r'class="status success"><svg[^>]*><use href="#i-check"', page.decode())
    assert "200 OK" in shown
    assert "Submit to Retry Queue" not in shown
    assert shown.index("First attempt") < shown.index("as rendered for the first attempt")  # what came of it stands above what was sent


def test_C7_a_path_that_finds_nothing_is_said(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    receiver.answer("/crm", Answer(200, {"result": {"status": "skipped"}}, {"Content-Type": "application/json"}))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    posted = {
        "c0-then": "failed",
        "c0-0-place": "json",
        "c0-0-name": "result.stauts",
        "c0-0-how": "is",
        "c0-0-values": "skipped",
        "do": "try",
    }
    posted["answer"] = f"{story.action('R1')['id']}.1"
    rule = address(crm, "rule")
    assert "has nothing at “result.stauts”" in text_of(ada.post(rule, posted).content)
    assert "has nothing at" not in text_of(ada.post(rule, {**posted, "c0-0-name": "result.status"}).content)
    assert "has no header x-error" in text_of(ada.post(rule, {**posted, "c0-0-place": "header", "c0-0-name": "x-error"}).content)


def test_C7_an_answer_is_named_by_person_time_and_beginning_and_older_ones_are_found(story: Story, receiver: Receiver, ada: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    receiver.answer("/crm", Answer(200, b"Hook rules were not satisfied, which is a long sentence."))
    with story.worker():
        for code, name in (("R1", "Ada"), ("R2", "Grace")):
            story.record(code, status="Attended", profile={"first_name": name, "last_name": "Lovelace"})
            story.until(code, "success")
    rule = address(crm, "rule")
    page = text_of(ada.get(rule).content)
    for part in ("R1 Ada Lovelace", "200 OK", "Hook rules were not satisfied"):
        assert part in page
    found = ada.post(rule, {"do": "find", "person": "grace", "c0-then": "failed", "c0-says": "Kept"})
    assert "R2 Grace Lovelace" in text_of(found.content)
    assert "R1 Ada" not in text_of(found.content)
    assert _form(found.content.decode())["c0-says"] == "Kept"
    none = ada.post(rule, {"do": "find", "person": "nobody"})
    assert none.status_code == 200
    assert "No stored answer belongs" in text_of(none.content)


def test_an_answer_of_another_connection_or_account_is_not_offered(site: SignalAccount, client: Client) -> None:
    (action, *_rest) = site.actions("S26-1")
    site.ends(site.actions("S26-4")[0], Delivered(201)) if site.actions("S26-4") else None
    other = signal_account.made(site.store, name="Another")
    site.signs_in(client, other.administrator)
    with scope(account=other.account.pk):
        theirs = other.setup.connection
    page = client.get(address(theirs, "rule") + f"?answer={action}.1")
    if page.status_code == 200:
        assert "alert(1)" not in page.content.decode()
        assert f'value="{action}.1"' not in page.content.decode()
