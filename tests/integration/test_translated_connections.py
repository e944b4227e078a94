"""What goes wrong with a connection is stored in English, and its pages say it in the reader's language (35.10)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client
from tests.marked_german import marked_german, source_messages
from tests.oauth import Authority, leave
from tests.page_text import text_of
from tests.processes import free_port
from tests.receiver import Receiver
from tests.story import Story

from heliograph.connections import page_sender
from heliograph.outbound.guard import Policy


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opens the loopback network, so that pages reach the receiver."""
    opened = Policy.parse(["127.0.0.0/8"])
    monkeypatch.setattr(page_sender, "policy", lambda _account: opened)


@pytest.fixture
def german(tmp_path: Path) -> Iterator[None]:
    """German is every English message, marked."""
    with marked_german(tmp_path, source_messages()):
        yield


def in_german(client: Client, url: str) -> str:
    return text_of(client.get(url, headers={"accept-language": "de"}).content)


@pytest.mark.needs("gettext")
def test_what_an_authority_refuses_is_said_in_german(story: Story, receiver: Receiver, client: Client, german: None) -> None:
    authority = Authority(receiver, scopes="contacts.read")
    fields = authority.fields(grant="Client Credentials", scope="contacts.write")
    connection = story.connection("CRM", "/crm", secrets=authority.secrets(), **fields)
    story.flow("To it", [story.to(connection)])
    story.signs_in(client)
    client.post(f"/signal/connections/{connection}/", {"do": "sample"})
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: story.actions() and story.actions()[0]["message"])
    action, authority_host = story.actions()[0], receiver.url("").removeprefix("http://").rstrip("/")
    refusal = "does not grant the scope “contacts.write” (invalid_scope). Ask its administrator for the right one."
    assert refusal in action["message"]
    for url in (f"/signal/connections/{connection}/", f"/signal/retry/a{action['id']}/"):
        says = in_german(client, url)
        assert says.count(refusal) == says.count(f"⟦⟦{authority_host} {refusal}⟧ It says: no such scope here⟧") > 0, says


@pytest.mark.needs("gettext")
def test_a_sign_in_that_fails_says_in_german_why(story: Story, receiver: Receiver, client: Client, german: None) -> None:
    authority = Authority(receiver, body=False, basic=False)
    fields = authority.fields(grant="Authorization Code")
    connection = story.connection("CRM", "/crm", secrets=authority.secrets(), **fields)
    story.signs_in(client)
    asked = leave(client, connection)
    code = authority.signs_in(asked["code_challenge"], asked["redirect_uri"])
    query = urlencode({"code": code, "state": asked["state"]})
    page = client.get(f"/oauth/return?{query}", follow=True, headers={"accept-language": "de"})
    assert "does not accept the Client Id or the Client Secret (invalid_client). Enter both again in Connection Setup.⟧" in text_of(
        page.content
    )


@pytest.mark.needs("gettext")
def test_a_target_that_nothing_listens_at_is_said_in_german(story: Story, client: Client, german: None) -> None:
    port = free_port()
    connection = story.connection("CRM", url=f"http://127.0.0.1:{port}/crm")
    story.flow("To it", [story.to(connection)])
    story.signs_in(client)
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: story.actions() and story.actions()[0]["message"])
    sentence = f"127.0.0.1:{port} refused the connection: nothing listens on port {port}"
    for url in (f"/signal/connections/{connection}/", f"/signal/connections/{connection}/overview/", "/signal/connections/"):
        says = in_german(client, url)
        assert says.count(sentence) == says.count(f"⟦{sentence}") > 0, (url, says)
