"""Messages over connections: to real receivers, which also fail; never in a circle, and counted nowhere (B4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pytest
from django_scopes import scope
from tests.mail_server import Mailbox, text_of
from tests.receiver import Answer
from tests.story import BY, Story
from tests.told import Told

from heliograph.accounts.models import Account, User
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL, Settings
from heliograph.notifications import stored_settings
from heliograph.notifications.letters import Letter, as_chat

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(story: Story) -> Iterator[Told]:
    Account.objects.filter(pk=story.account).update(allowed_networks=["127.0.0.0/8"])
    with Mailbox() as mailbox, mailbox.settings():
        yield Told(story, mailbox)


@pytest.fixture
def ada(told: Told) -> User:
    return told.story.person(name="Ada", email="ada@example.org")


def chat(told: Told, user: User, *ways: str) -> int:
    """A chat that is told what refuses, in place of the person's e-mail."""
    slack = told.story.connection("Slack #events", "/chat")
    told.settings(user, ways=(f"c{slack}", *ways), chosen={Kind.REFUSES: frozenset({f"c{slack}", *ways})})
    return slack


def test_B4_a_chat_is_told_of_a_problem_and_of_its_end(told: Told, ada: User) -> None:
    chat(told, ada)
    crm = told.story.connection("CRM", "/crm")
    told.story.pause(crm)
    told.passes(2)
    before = told.story.figures()
    assert told.turn() == []
    (request,) = told.story.arrived("/chat", 1)
    body = request.json()
    assert body["text"].startswith("CRM is paused\n")
    assert f"/signal/connections/{crm}/" in body["text"]
    assert body["notification"]["kind"] == "refuses"
    assert (request.header("webhook-id") or "").startswith("ntf_")
    told.story.resume(crm)
    told.turn()
    told.passes(1)
    told.turn()
    assert told.story.arrived("/chat", 2)[1].json()["text"].startswith("Resolved: CRM is no longer paused")
    assert told.story.figures() == before
    assert not told.story.db.all("SELECT 1 FROM attempt")


def test_B4_what_a_chat_does_not_take_goes_by_mail_and_never_in_a_circle(told: Told, ada: User) -> None:
    slack = chat(told, ada)
    told.story.receiver.answer("/chat", Answer(404, "no_service"))
    told.story.pause(told.story.connection("CRM", "/crm"))
    subjects = []
    for _try in range(8):
        told.passes(61)
        subjects += told.turn()
    assert subjects == ["CRM is paused"]  # once, by mail, after five tries
    assert len(told.story.arrived("/chat", 5)) == 5
    assert told.messages() == [(str(slack), "CRM is paused", "not_sent"), ("ada@example.org", "CRM is paused", "sent")]
    assert "no_service" not in text_of(told.mailbox.mails[0])


def test_B4_a_chat_never_reports_its_own_trouble(told: Told, ada: User) -> None:
    slack = chat(told, ada)
    told.story.pause(slack)
    told.story.pause(told.story.connection("CRM", "/crm"))
    told.passes(2)
    assert sorted(told.turn()) == ["CRM is paused", "Slack #events is paused"]
    assert not told.story.receiver.at("/chat")


def test_B4_two_people_with_one_chat_are_one_message(told: Told, ada: User) -> None:
    slack = chat(told, ada)
    bob = told.story.person(name="Bob", email="bob@example.org")
    told.settings(bob, ways=(f"c{slack}",), chosen={Kind.REFUSES: frozenset({f"c{slack}", MAIL})})
    with scope(account=told.story.account):
        everything = Settings((f"c{slack}",), {Kind.REFUSES: frozenset({f"c{slack}"})})
        stored_settings.save_settings(told.story.account, stored_settings.ACCOUNT, everything, told.config, by=BY)
    told.story.pause(told.story.connection("CRM", "/crm"))
    told.passes(2)
    assert told.turn() == ["CRM is paused"]
    told.story.arrived("/chat", 1)


@pytest.mark.parametrize(
    ("origin", "member"),
    [
        ("https://hooks.slack.com", "unfurl_links"),
        ("https://acme.webhook.office.com", "attachments"),
        ("https://discord.com", "allowed_mentions"),
        ("https://chat.googleapis.com", "text"),
        ("https://mattermost.example.org", "notification"),
    ],
)
def test_B4_each_chat_gets_the_form_that_it_takes(origin: str, member: str) -> None:
    letter = Letter("CRM <!channel> refuses", words="a & b", button="Open", path="/signal/")
    body = as_chat(letter, origin, "refuses", "opened")
    assert member in body
    if "slack" in origin:
        assert "&lt;!channel&gt;" in body["text"]
        assert "<!channel>" not in body["text"]


CALLS: Final = (
    "@channel",
    "@here",
    "@everyone",
    "<users/all>",
    "<!here>",
    "<@U024BE7LH>",
    "<https://evil.example|Open>",
    "](https://evil.example)",
    "][1]",
)


@pytest.mark.parametrize(
    "origin", ["https://acme.webhook.office.com", "https://discord.com", "https://chat.googleapis.com", "https://chat.example.org"]
)
def test_B4_no_name_in_a_message_calls_people_or_makes_a_link(origin: str) -> None:
    hostile = "Gala " + " ".join(f"[Open{call}" if call.startswith("]") else call for call in CALLS)
    letter = Letter(hostile, words=hostile, paragraphs=[hostile], tables=[("", [(hostile, hostile, "3")])], button="Open", path="/signal/")
    body = as_chat(letter, origin, "refuses", "opened")
    assert body.pop("notification", {"title": hostile})["title"] == hostile, "a program gets the names as they are"
    shown = json.dumps(body, ensure_ascii=False)
    assert shown.replace("\u200b", "").count(hostile) == 5
    assert [call for call in CALLS if call in shown] == []
