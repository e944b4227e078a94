"""Connect, the return, and the state of the access (C4, C5; docs/design/security.md, section 3): by pages and services, against our own
authority."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connections
from django.test import Client
from django_scopes import scope
from tests.builders.people import user
from tests.oauth import SECRET, Authority, comes_back, connects, leave
from tests.page_text import text_of
from tests.receiver import Answer, Receiver
from tests.story import Story

from heliograph.accounts.models import Account, AuditEntry, Role, User
from heliograph.connections import page_sender
from heliograph.connections.services import oauth_grant as services
from heliograph.connections.services.access import Asker
from heliograph.domain.connection.oauth_access import Denied
from heliograph.domain.connection.secret import Secret
from heliograph.outbound.guard import Policy

RETURN = "http://127.0.0.1:8700/oauth/return"


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opens the loopback network, so that pages reach the receiver."""
    opened = Policy.parse(["127.0.0.0/8"])
    monkeypatch.setattr(page_sender, "policy", lambda _account: opened)


@pytest.fixture
def administrator(story: Story) -> User:
    return story.person(name="Ada", email="ada@example.org")


def code_connection(story: Story, authority: Authority, **fields: Any) -> int:
    """A connection by Authorization Code whose target accepts only valid tokens, with a flow."""
    story.receiver.answer("/crm", authority.guards())
    made = story.connection("Marketing list", "/crm", secrets=authority.secrets(), **authority.fields(grant="Authorization Code", **fields))
    story.flow("To it", [story.to(made)])
    return made


def asker(story: Story, connection: int) -> Asker:
    """What Save & Test uses to request tokens."""
    return services.asker(story.account, connection)


def test_C4_connect_sends_a_browser_with_state_and_pkce_and_comes_back_connected(
    story: Story, receiver: Receiver, client: Client, administrator: User
) -> None:
    authority = Authority(receiver, rotates=True)
    connection = code_connection(story, authority, scope="contacts.write")
    client.force_login(administrator)
    assert "Not connected yet" in client.get(f"/signal/connections/{connection}/access/").content.decode()
    client.post(f"/signal/connections/{connection}/", {"do": "sample"})
    assert "The test failed" in text_of(client.get(f"/signal/connections/{connection}/").content)  # nobody has connected yet
    asked = leave(client, connection)
    assert asked | {"state": "", "code_challenge": ""} == {
        "response_type": "code",
        "client_id": authority.client,
        "redirect_uri": RETURN,
        "scope": "contacts.write",
        "state": "",
        "code_challenge": "",
        "code_challenge_method": "S256",
    }
    assert len(asked["state"]) >= 40
    code = authority.signs_in(asked["code_challenge"], asked["redirect_uri"])
    shown = comes_back(client, code=code, state=asked["state"])
    assert shown.redirect_chain[-1][0] == f"/signal/connections/{connection}/"  # where one came from
    assert "Connected" in shown.content.decode()
    assert "The test failed" not in text_of(shown.content)
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    assert receiver.at("/crm")[0].header("authorization") == f"Bearer {authority.given[0]}"
    with scope(account=story.account):
        entry = AuditEntry.objects.get(what="connected")
    assert (entry.kind, entry.object_id, entry.by) == ("connection", connection, f"user:{administrator.pk}")


def test_C4_the_return_address_is_ours_whatever_a_request_says_of_its_host(
    story: Story, receiver: Receiver, client: Client, administrator: User
) -> None:
    connection = code_connection(story, Authority(receiver))
    client.force_login(administrator)
    answer = client.post(f"/signal/connections/{connection}/connect/", headers={"host": "localhost:9999"})
    assert urlencode({"redirect_uri": RETURN}) in answer["Refresh"]


def test_C4_a_flow_cannot_use_what_nobody_has_connected(story: Story, receiver: Receiver, client: Client, administrator: User) -> None:
    authority = Authority(receiver)
    code_connection(story, authority)
    with story.worker():
        story.record("R1", status="Attended")
    assert story.actions() == []


def test_C4_a_state_is_used_once_and_only_in_the_session_that_got_it(
    story: Story, receiver: Receiver, client: Client, administrator: User
) -> None:
    authority = Authority(receiver)
    connection = code_connection(story, authority)
    client.force_login(administrator)
    asked = leave(client, connection)
    code = authority.signs_in(asked["code_challenge"], asked["redirect_uri"])
    other, nobody = Client(), Client()
    other.force_login(administrator)
    for stranger in (other, nobody):
        assert comes_back(stranger, code=code, state=asked["state"]).status_code == 400
    assert comes_back(client, code=code, state="made up").status_code == 400
    assert comes_back(client, code=code).status_code == 400
    assert authority.requests == 0
    assert "Connected" in comes_back(client, code=code, state=asked["state"]).content.decode()
    assert comes_back(client, code=code, state=asked["state"]).status_code == 400
    assert authority.requests == 1


def test_C4_only_administrators_connect(story: Story, receiver: Receiver, client: Client, administrator: User) -> None:
    connection = code_connection(story, Authority(receiver))
    for role in (Role.PLANNER, Role.VIEWER):
        story.signs_in(client, role)
        assert client.post(f"/signal/connections/{connection}/connect/").status_code == 403
        shown = client.get(f"/signal/connections/{connection}/access/").content.decode()
        assert "An Administrator of your account can connect." in shown
        assert '<button class="button primary">' not in shown
    client.force_login(administrator)
    assert client.get(f"/signal/connections/{connection}/connect/").status_code == 405


def test_C4_another_accounts_connection_is_not_there(story: Story, receiver: Receiver, client: Client) -> None:
    connection = code_connection(story, Authority(receiver))
    theirs = Account.objects.create(code="OTHER", name="Other", timezone="UTC")
    client.force_login(user(theirs))
    assert client.get(f"/signal/connections/{connection}/access/").status_code == 404
    assert client.post(f"/signal/connections/{connection}/connect/").status_code == 404


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"error": "access_denied"}, "was cancelled, or access was not granted"),
        ({"error": "invalid_scope"}, "does not know the scope"),
        ({"error": "server_error", "error_description": "<b>down</b>\r\nX: y"}, "refused the sign-in: &lt;b&gt;down&lt;/b&gt; X: y."),
        ({}, "without a code"),
        ({"code": "guessed"}, "did not accept the sign-in"),
    ],
)
def test_C4_a_sign_in_that_comes_to_nothing_says_why(
    story: Story, receiver: Receiver, client: Client, administrator: User, query: dict[str, str], said: str
) -> None:
    connection = code_connection(story, Authority(receiver))
    client.force_login(administrator)
    shown = comes_back(client, **query, state=leave(client, connection)["state"])
    page = shown.content.decode()
    assert shown.redirect_chain[-1][0] == f"/signal/connections/{connection}/access/"
    assert said in page
    assert "Not connected" in page
    assert said not in client.get(f"/signal/connections/{connection}/access/").content.decode()


def test_C4_settings_that_change_during_the_sign_in_are_not_connected(
    story: Story, receiver: Receiver, client: Client, administrator: User
) -> None:
    authority = Authority(receiver)
    connection = code_connection(story, authority)
    client.force_login(administrator)
    asked = leave(client, connection)
    story.change_connection(connection, scope="more")
    code = authority.signs_in(asked["code_challenge"], asked["redirect_uri"])
    assert "were changed during the sign-in" in comes_back(client, code=code, state=asked["state"]).content.decode()
    assert authority.requests == 0


def test_C4_refresh_tokens_rotate_at_their_own_url(story: Story, receiver: Receiver, client: Client, administrator: User) -> None:
    authority = Authority(receiver, rotates=True, refresh_path="/refresh")
    connection = code_connection(story, authority)
    client.force_login(administrator)
    connects(client, authority, connection)
    with story.worker():
        for n in range(4):
            authority.revoke()  # access tokens only
            story.record(f"R{n}", status="Attended")
            story.until(f"R{n}", "success")
    ways = [(asked["grant_type"], asked["path"]) for asked in authority.asked]
    assert ways == [("authorization_code", "/token")] + [("refresh_token", "/refresh")] * 4
    assert len({asked.get("refresh_token") for asked in authority.asked[1:]}) == 4


def test_C4_a_revoked_refresh_token_is_a_config_failure_that_connecting_again_cures(
    story: Story, receiver: Receiver, client: Client, administrator: User
) -> None:
    authority = Authority(receiver, rotates=True)
    connection = code_connection(story, authority)
    client.force_login(administrator)
    connects(client, authority, connection)
    with story.worker():
        authority.revoke(refresh=True)
        story.record("R1", status="Attended")
        story.until("R1", "queued")
        action = story.action("R1")
        assert (action["category"], action["cause"], action["tries"]) == ("Config", "oauth", 0)
        assert "Connect again" in action["message"]
        asked = authority.requests
        story.record("R2", status="Attended")
        story.until("R2", "queued")
        assert authority.requests == asked  # revoked tokens are not used for requests
        page = client.get(f"/signal/connections/{connection}/access/").content.decode()
        assert "No longer connected, since" in page
        assert "refresh-" not in page
        connects(client, authority, connection)
        story.until("R1", "success")
        story.until("R2", "success")
    assert "No longer connected" not in client.get(f"/signal/connections/{connection}/access/").content.decode()


def test_C4_an_access_without_refresh_token_ends_with_connect_again(
    story: Story, receiver: Receiver, client: Client, administrator: User
) -> None:
    authority = Authority(receiver, gives_refresh=False)
    connection = code_connection(story, authority)
    client.force_login(administrator)
    connects(client, authority, connection)
    with story.worker():
        authority.revoke()
        story.record("R1", status="Attended")
        story.until("R1", "queued")
    assert "Connect again" in story.action("R1")["message"]
    assert story.action("R1")["cause"] == "oauth"


def test_C5_tokens_never_go_where_they_were_not_meant_for(story: Story, receiver: Receiver, client: Client, administrator: User) -> None:
    authority = Authority(receiver)
    connection = code_connection(story, authority)
    client.force_login(administrator)
    connects(client, authority, connection)
    with Receiver() as elsewhere:
        with story.saving() as transaction:
            from heliograph.connections.services.connections import ConnectionFacts, connection_row, save_connection

            body = connection_row(connection).body
            facts = ConnectionFacts(body, url=elsewhere.url("/crm"), secrets=authority.secrets())
            save_connection(transaction, facts, connection, http=True, confirmed=True)
        with story.worker():
            story.record("R1", status="Attended")
        assert elsewhere.requests == []
    assert "Not connected yet" in client.get(f"/signal/connections/{connection}/access/").content.decode()
    assert story.db.all("SELECT 1 FROM oauth_access") == []


def test_C4_one_refresh_at_a_time_across_the_worker_and_pages(
    story: Story, receiver: Receiver, client: Client, administrator: User
) -> None:
    authority = Authority(receiver, rotates=True)
    connection = code_connection(story, authority)
    client.force_login(administrator)
    connects(client, authority, connection)
    found: list[object] = []

    def tests_it() -> None:
        try:
            found.append(asker(story, connection).fresh_token())
        finally:
            connections.close_all()

    authority.revoke()
    authority.delay = 0.5
    threads = [threading.Thread(target=tests_it) for _ in range(4)]
    with story.worker():
        for n in range(20):
            story.record(f"R{n}", status="Attended")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        story.wait_for(lambda: set(story.states()) == {"success"})
    shown = [asked["refresh_token"] for asked in authority.asked if asked["grant_type"] == "refresh_token"]
    assert len(shown) == len(set(shown))  # one used twice would have ended all of them
    assert len(shown) < 5  # whoever comes during a request uses its result
    assert len(found) == 4
    assert set(found) <= set(authority.given[1:])


def test_C4_a_test_is_told_why_there_is_no_token(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver)
    made = story.connection("CRM", "/crm", secrets=authority.secrets(), **authority.fields())
    assert isinstance(asker(story, made).fresh_token(), str)
    story.change_connection(made, secrets={Secret.CLIENT_SECRET: "wrong"}, client_id="another")
    refused = asker(story, made).fresh_token()
    assert isinstance(refused, Denied)
    assert "invalid_client" in refused.refused.message
    assert "wrong" not in refused.refused.message
    receiver.answer("/token", Answer(302, headers={"location": "/elsewhere"}))
    refused = asker(story, made).fresh_token()
    assert isinstance(refused, Denied)
    assert "redirect" in refused.refused.message


@pytest.mark.parametrize(
    "body",
    [
        "<html>sign in</html>",
        "[]",
        "null",
        '"x"',
        '{"access_token": 5}',
        '{"access_token": "a\\r\\nb"}',
        '{"access_token": "x", "token_type": "mac"}',
        "{" * 5000,
    ],
)
def test_C4_what_is_no_token_is_not_taken_for_one(story: Story, receiver: Receiver, body: str) -> None:
    authority = Authority(receiver)
    made = story.connection("CRM", "/crm", secrets=authority.secrets(), **authority.fields())
    receiver.answer("/token", Answer(200, body))
    refused = asker(story, made).fresh_token()
    assert isinstance(refused, Denied)
    assert "without an access token" in refused.refused.message


def test_C5_nothing_that_an_authority_echoes_brings_a_secret_out(
    story: Story, receiver: Receiver, client: Client, administrator: User
) -> None:
    authority = Authority(receiver)
    connection = code_connection(story, authority)
    client.force_login(administrator)
    asked = leave(client, connection)
    receiver.answer(
        "/token",
        lambda request: Answer(400, {"error": "invalid_request", "error_description": f"what is {request.body.decode()} of {SECRET}?"}),
    )
    page = comes_back(client, code="planted-c0de-0123456789", state=asked["state"]).content.decode()
    assert "refused to give access" in page
    assert "planted-c0de" not in page
    assert SECRET not in page


def test_C4_the_client_credentials_page_needs_nobody(story: Story, receiver: Receiver, client: Client, administrator: User) -> None:
    authority = Authority(receiver)
    made = story.connection("CRM", "/crm", secrets=authority.secrets(), **authority.fields())
    client.force_login(administrator)
    page = client.get(f"/signal/connections/{made}/access/").content.decode()
    assert "automatically" in page
    answer = client.post(f"/signal/connections/{made}/connect/", follow=True)
    assert "Fill in the connection first" in answer.content.decode()
