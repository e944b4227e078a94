"""Retry and the pages beside it say what happened: who refused, in which words, what cures it, and what became of it (C3, D6, D7, D8, P12)."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from tests.oauth import Authority, connects
from tests.page_text import text_of
from tests.receiver import Answer, Received, Receiver
from tests.refusal_facts import agrees
from tests.retry_story import NO, RETRY, queued, refused
from tests.story import Story

from heliograph.accounts.models import Role
from heliograph.connections.services import signing_secrets
from heliograph.connections.services.networks import allow_networks
from heliograph.connections.services.save_and_test import try_connection
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.connection.connection import SignIn
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Mode, Watch
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.records import Records
from heliograph.setup.models import SessionStatus
from heliograph.setup.services import object_tags

JSON = {"content-type": "application/json"}
ANSWERS = {
    "B400": Answer(400, {"error": "invalid_client"}, JSON),
    "U401": Answer(401, {"error": "invalid_token"}, JSON),
    "F403": Answer(403, "invalid_token", {"content-type": "text/plain"}),
    "S403": Answer(403, {"error": "insufficient_scope"}, JSON),
    "N404": Answer(404, "no_service", {"content-type": "text/plain"}),
    "T422": Answer(422, {"message": "email is missing"}, JSON),
    "L429": Answer(429, "slow down", {"content-type": "text/plain"}),
    "E500": Answer(500, b"", {}),
    "G410": Answer(410, b"", {}),
}
"""What the target answers to a registration, by its code. A 410 pauses the connection, so it comes last."""
WORDS = {
    "B400": "invalid_client",
    "U401": "invalid_token",
    "F403": "invalid_token",
    "S403": "insufficient_scope",
    "N404": "no_service",
    "T422": "email is missing",
    "L429": "slow down",
}
"""The target's own words."""


@pytest.fixture(autouse=True)
def no_locks() -> None:
    cache.clear()


def by_code(request: Received) -> Answer:
    """The answer to the registration that a request is about; a sample is refused as U401 is."""
    return ANSWERS.get(str(request.json().get("code", "")), ANSWERS["U401"])


def connection_of(story: Story, client: Client, sign_in: SignIn) -> int:
    """A connection that proves who sends in this way; its target refuses everything."""
    story.receiver.answer("/crm", by_code)
    ways: dict[SignIn, tuple[dict[str, Any], dict[Secret, str]]] = {
        SignIn.NOTHING: ({}, {}),
        SignIn.PASSWORD: ({"auth": "Basic Authentication", "user_name": "ada"}, {Secret.PASSWORD: "a long passphrase"}),
        SignIn.KEY: ({"auth": "API Key / Token"}, {Secret.KEY: "a-key-of-some-length"}),
    }
    if sign_in in ways:
        fields, secrets = ways[sign_in]
        return story.connection("CRM", "/crm", secrets=secrets, **fields)
    authority = Authority(story.receiver)
    grant = "Authorization Code" if sign_in is SignIn.PERSON_TOKEN else "Client Credentials"
    connection = story.connection("CRM", "/crm", secrets=authority.secrets(), **authority.fields(grant=grant))
    if sign_in is SignIn.PERSON_TOKEN:
        connects(client, authority, connection)
    return connection


def callout(client: Client, key: str) -> str:
    """What stands on top of an item."""
    page = client.get(f"{RETRY}{key}/").content.decode()
    return text_of(f"<main>{page.partition('class="callout')[2].partition('</section>')[0]}".encode())


@pytest.mark.parametrize("sign_in", list(SignIn))
def test_C3_D6_every_page_explains_a_refusal_by_its_own_facts(story: Story, client: Client, sign_in: SignIn) -> None:
    story.signs_in(client, name="Ada")
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    connection = connection_of(story, client, sign_in)
    story.flow("Leads", [story.to(connection, does=Does.ADDS)])
    with story.worker():
        story.record_many([{"code": code, "status": "Attended"} for code in ANSWERS if code != "G410"])
        queued(story, len(ANSWERS) - 1)
        story.record("G410", status="Attended")
        queued(story, len(ANSWERS))
    report = try_connection(story.account, connection, sample=True)
    pages = {"setup": text_of(client.get(f"/signal/connections/{connection}/").content), "groups": text_of(client.get(RETRY).content)}
    assert (report.sign_in, report.says) == (sign_in, "invalid_token")
    assert "The target says: “invalid_token”." in pages["setup"]
    groups = html.unescape(client.get(RETRY).content.decode()).split('<li class="cause">')
    for code, answer in ANSWERS.items():
        error = WORDS[code] if code in ("B400", "U401", "F403", "S403") else ""
        shown = callout(client, story.action(code)["key"])
        assert f"CRM answered {answer.status}" in shown
        assert WORDS.get(code, "") in shown
        agrees(shown, sign_in, answer.status, error)
        timeline = text_of(client.get(f"/signal/registrations/SUMMIT/{code}/").content)
        assert f"CRM: {answer.status}" in timeline
        group = next(part for part in groups if f"CRM answered {answer.status}" in part)
        agrees(re.sub(r"<[^>]+>", " ", group).replace(" 403", ""), sign_in, answer.status, error if answer.status != 403 else "")
    insights = text_of(client.get("/signal/metrics/").content)
    assert not [words for code, words in WORDS.items() if ANSWERS[code].status != 403 and words not in insights]
    answers = re.findall(r'<a href="([^"]*)">See the answer</a>', client.get("/signal/metrics/").content.decode())
    assert f"{RETRY}{story.action('E500')['key']}/" in answers  # nothing here cures it
    assert "CRM is paused: nothing is sent" in callout(client, story.action("U401")["key"])  # the 410 paused it: nothing is sent at once
    assert "sent right away" not in pages["groups"]


# --- who answered (D6, F10)


def test_D6_an_item_blames_the_connection_that_answered(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, name="Ada")
    old = refused(story, receiver, "R1")
    new = story.connection("New CRM", "/new")
    (flow,) = story.provider.account(story.account).flows
    story.change_flow(flow, to=[story.to(new)])
    key = story.action("R1")["key"]
    story.pause(new)
    with story.worker():
        story.submit(key)
        story.wait_for(lambda: story.connection_of("R1") == new)  # the flow's connection of today
    for text in (callout(client, key), text_of(client.get(RETRY).content), text_of(client.get(f"{RETRY}?status=waiting").content)):
        assert "Sales CRM answered 401" in text
        assert "New CRM answered" not in text
    assert "The flow now sends over New CRM." in callout(client, key)
    assert (
        f"/signal/connections/{old}/" not in client.get(RETRY).content.decode().partition('id="items"')[0]
    )  # mending that one cures nothing
    item = text_of(client.get(f"{RETRY}{key}/").content)
    assert "Connection Sales CRM Goes now to New CRM" in item
    assert "Sales CRM version" in item
    for path in ("/signal/metrics/feed/", "/signal/metrics/"):
        assert "New CRM answered" not in text_of(client.get(path).content)


def test_X2a_a_list_of_records_names_the_connection_that_did_not_answer(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, name="Ada")
    refused(story, receiver, "R1", answer=Answer(then="close"))
    (flow,) = story.provider.account(story.account).flows
    new = story.connection("New CRM", "/new")
    story.change_flow(flow, to=[story.to(new)])
    story.pause(new)
    with story.worker():
        story.submit(story.action("R1")["key"])
        story.wait_for(lambda: story.connection_of("R1") == new)  # where it waits, and was never sent
    with account_reader(story.account) as of:
        now = of.db.now()
        (row,) = Records(of, RecordFilter(RecordKind.QUEUED, now - 3_600_000_000, now + 60_000_000)).page(None).rows
    assert (row.connection, row.blamed) == ("Sales CRM", "Sales CRM")


def test_X3_the_reasons_of_failures_and_their_lists_are_told_apart_by_the_connection_that_answered(
    story: Story, receiver: Receiver, client: Client
) -> None:
    story.signs_in(client, name="Ada")
    refused(story, receiver, "R1", "R2")
    (flow,) = story.provider.account(story.account).flows
    new = story.connection("New CRM", "/crm")
    story.change_flow(flow, to=[story.to(new)])
    with story.worker():
        story.record("R3", status="Attended")
        queued(story, 3)
    story.pause(new)
    with story.worker():
        story.submit(story.action("R1")["key"], story.action("R2")["key"])
        story.wait_for(lambda: {story.connection_of(code) for code in ("R1", "R2", "R3")} == {new})  # the flow's connection of today
    numbers = {}
    for href, n, cause in re.findall(
        r'<a class="n [a-z]*" href="([^"]*)">(\d+)<.*?<b>(.*?)</b>', client.get("/signal/metrics/").content.decode(), re.DOTALL
    ):
        rows = text_of(client.get(html.unescape(href)).content)
        numbers[html.unescape(re.sub(r"<[^>]+>", "", cause))] = int(n), {code for code in ("R1", "R2", "R3") if code in rows}
    assert numbers == {"Sales CRM answered 401 Unauthorized.": (2, {"R1", "R2"}), "New CRM answered 401 Unauthorized.": (1, {"R3"})}


def test_D6_a_refusal_is_explained_by_the_connection_as_it_was_then(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, name="Ada")
    receiver.answer("/crm", Answer(401, {"error": "invalid_token"}, JSON))
    crm = story.connection("CRM", "/crm", auth="API Key / Token", secrets={Secret.KEY: "a-key-of-some-length"})
    story.flow("Leads", [story.to(crm)])
    with story.worker():
        story.record("R1", status="Attended")
        queued(story, 1)
    story.pause(crm)  # so that the save sends nothing
    story.change_connection(crm, auth="Open / No Auth")
    agrees(callout(client, story.action("R1")["key"]), SignIn.KEY, 401, "invalid_token")
    assert "Enter the key or token again" in callout(client, story.action("R1")["key"])


def test_X5_the_timeline_names_the_connection_of_each_try(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, name="Ada")
    refused(story, receiver, "R1")
    (flow,) = story.provider.account(story.account).flows
    story.change_flow(flow, to=[story.to(story.connection("New CRM", "/new"))])
    with story.worker():
        story.submit(story.action("R1")["key"])
        story.until("R1", "success")
    shown = text_of(client.get("/signal/registrations/SUMMIT/R1/").content)
    assert "Sales CRM: 401" in shown
    assert "New CRM, Submitted by hand: 200" in shown


# --- what became of it (D6)


def test_D6_a_run_whose_action_was_superseded_is_not_counted_as_sent(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    crm = story.connection("CRM", "/crm")
    story.flow("Waiting list", [story.to(crm)], statuses=["Waiting"])
    story.record_many([{"code": code, "status": "Waitlist Hold"} for code in ("R1", "R2")])
    story.record("R2", first="Newer")
    story.pause(crm)
    story.tag_status("Waitlist Hold", "Waiting")
    with story.worker():
        story.wait_for(lambda: len(story.actions("R2")) == 2 and len(story.actions("R1")) == 1)
        story.resume(crm)
        story.wait_for(lambda: Counter(story.states()) == {"success": 2, "superseded": 1})
    shown = client.get(RETRY).content.decode()
    assert "2 sent, 1 replaced by newer data" in text_of(shown.encode())
    link = re.search(r'href="(/signal/retry/\?[^"#]+)#items"[^>]*>.{0,200}?2 sent', shown, re.DOTALL)
    assert link
    assert client.get(html.unescape(link[1])).content.decode().partition("<tbody>")[2].count("<tr>") == 3


def test_D6_the_link_of_a_cured_cause_opens_exactly_what_it_counts(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    crm = refused(story, receiver, "R1", "R2")
    story.tag_status("New")
    with story.worker():
        receiver.answer("/crm", Answer(200))
        story.change_connection(crm, secrets={Secret.KEY: "renewed"})
        story.wait_for(lambda: Counter(story.states()) == {"success": 2})
    story.db.run("UPDATE action SET ended = ended - 3600000000 WHERE id = :id", {"id": story.action("R1")["id"]})  # an hour ago
    shown = client.get(RETRY).content.decode()
    link = re.search(r'href="(/signal/retry/\?[^"#]+)#items"[^>]*>.{0,200}?1 sent', shown, re.DOTALL)
    assert link
    listed = client.get(html.unescape(link[1])).content.decode().partition("<tbody>")[2]
    assert (listed.count("<tr>"), "R2" in listed) == (1, True)
    for odd in ("x", "-1", "99999999999999999999", "%C2%B2"):
        assert client.get(f"{RETRY}?status=Done&since={odd}").status_code == 200


# --- to what a cure is credited (D6)

type Save = Callable[[Story, int], None]


def _signs(story: Story, connection: int) -> None:
    with story.saving() as transaction:
        signing_secrets.rotate(transaction, connection)


SAVES: dict[str, Save] = {
    "signing": _signs,
    "a new key": lambda story, id: story.change_connection(id, secrets={Secret.KEY: "renewed-key-of-length"}),
    "another address": lambda story, id: story.change_connection(id, "/moved"),
    "a rate": lambda story, id: story.change_connection(id, rate=6_000),
    "a name": lambda story, id: story.change_connection(id, name="Sales CRM of today"),
}


@pytest.mark.parametrize(
    ("answer", "save", "is_credited"),
    [
        (NO, "signing", True),
        (NO, "a new key", True),
        (NO, "another address", True),
        (NO, "a rate", False),
        (NO, "a name", False),
        (Answer(503), "signing", False),
        (Answer(503), "a new key", False),
        (Answer(503), "a name", False),
        (Answer(503), "another address", True),
        (Answer(404), "a new key", False),
        (Answer(429), "a rate", True),
        (Answer(429), "signing", False),
        (Answer(422), "signing", True),
        (Answer(422), "a rate", False),
    ],
)
def test_D6_a_cure_is_credited_only_to_a_save_that_can_have_cured_the_cause(
    story: Story, receiver: Receiver, client: Client, answer: Answer, save: str, is_credited: bool
) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    connection = refused(story, receiver, "R1", answer=answer)
    receiver.answer("/crm", Answer(200))
    SAVES[save](story, connection)
    with story.worker():
        if story.action("R1")["state"] == "queued":
            story.submit(story.action("R1")["key"])
        story.until("R1", "success")
    shown = text_of(client.get(RETRY).content)
    assert "1 sent" in shown
    assert ("Connection Setup was saved" in shown) is is_credited
    assert ("Recovered, or resubmitted." in shown) is not is_credited


@pytest.mark.parametrize("is_mended_by_a_save", [False, True])
def test_D6_a_save_that_brought_a_cause_is_not_credited_with_its_cure(
    story: Story, receiver: Receiver, client: Client, is_mended_by_a_save: bool
) -> None:
    """R1 was made, and failed for another reason, before the save."""
    story.signs_in(client, Role.PLANNER, name="Ada")
    receiver.answer("/crm", Answer(503))
    receiver.answer("/new", Answer(422))
    crm = story.connection("CRM", "/crm")
    story.flow("Leads", [story.to(crm)])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
        story.change_connection(crm, "/new")
        story.submit(story.action("R1")["key"])
        story.wait_for(lambda: "422" in story.action("R1")["message"])
        receiver.answer("/new", Answer(200))
        receiver.answer("/newer", Answer(200))
        if is_mended_by_a_save:
            story.change_connection(crm, "/newer")
        story.submit(story.action("R1")["key"])
        story.until("R1", "success")
    shown = text_of(client.get(RETRY).content)
    assert "1 sent" in shown
    assert ("Connection Setup was saved" in shown) is is_mended_by_a_save


# --- what is not offered (D8, P12)


def test_P12_nothing_of_a_deleted_flow_is_offered_to_submit(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, Role.PLANNER, name="Ada")
    story.retries(0.01, 0.01, 0.01)
    refused_for_good = Answer(401)
    receiver.answer("/crm", refused_for_good)
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "failed")
    key = story.action("R1")["key"]
    assert "Submit to Retry Queue" in text_of(client.get(f"{RETRY}{key}/").content)
    story.delete_flow(flow)
    shown = client.get(f"{RETRY}{key}/")
    assert "Submit to Retry Queue" not in text_of(shown.content)
    assert "Send it now" not in text_of(shown.content)
    assert "Nothing is left to send." in callout(client, key)
    listed = client.get(RETRY).content.decode()
    assert f'value="{key}"' not in listed
    assert 'name="cause"' not in listed
    answer = client.post(f"{RETRY}submit/", {"item": key}, follow=True)
    assert "1 was not submitted. Its flow, destination, registration or content is gone" in text_of(answer.content)
    assert story.states("R1") == ["failed"]


# --- Live or Test (F3)


@pytest.mark.parametrize("mode", list(Mode))
def test_F3_an_item_says_at_once_in_which_mode_it_was_made(story: Story, receiver: Receiver, client: Client, mode: Mode) -> None:
    story.signs_in(client, name="Ada")
    receiver.answer("/crm", NO)
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))], mode=mode)
    with story.worker():
        story.record("R1", "REHEARSAL" if mode is Mode.TEST else "SUMMIT", status="Attended")
        queued(story, 1)
    key = story.action("R1")["key"]
    assert f"Made in {mode.value}" in text_of(client.get(f"{RETRY}{key}/").content)
    assert "other mode" not in callout(client, key)
    story.change_flow(flow, mode=Mode.LIVE if mode is Mode.TEST else Mode.TEST)
    assert "It was made in the flow’s other mode" in callout(client, key)  # and no try had to find that out
    assert "sent right away" not in callout(client, key)
    assert "other mode" in text_of(client.get(RETRY).content)


# --- what has no tag (F7)


def test_F7_a_session_status_is_told_from_a_registration_status(story: Story, client: Client) -> None:
    """Both are called Attended, and wait apart from each other."""
    story.signs_in(client, name="Ada")
    crm = story.connection("CRM", "/crm")
    story.tag_status("Attended")
    with story.saving() as transaction:
        object_tags.set_tags(transaction, TagKind.SESSION_STATUS, SessionStatus.objects.get(name="Attended").pk, [])
    story.flow("Doors", [story.to(crm)], watch=Watch.SESSION_STATUS, session_statuses=["Present"])
    story.flow("Leads", [story.to(crm)], statuses=["Registered"])
    story.record("R1", status="Pre-Registered")
    story.record("R1", sessions=[{"code": "KEYNOTE", "status": "Attended"}])
    story.record("R2", status="Attended")
    causes = text_of(client.get(RETRY).content)
    assert "The session status “Attended” of SUMMIT has no tag" in causes
    assert "The registration status “Attended” of SUMMIT has no tag" in causes
    assert 'data-th="Next"' not in client.get(RETRY).content.decode(), "nothing is due that waits for a tag"
    items = {text_of(client.get(f"{RETRY}{item['key']}/").content).partition(" has no tag")[0] for item in story.stuck()}
    assert {item.rpartition("The ")[2] for item in items} == {"session status “Attended”", "registration status “Attended”"}
    session_page = next(
        page for item in story.stuck() if "session status" in (page := text_of(client.get(f"{RETRY}{item['key']}/").content))
    )
    assert "Not triggered yet: the session status has no tag." in session_page


# --- what keeps it (D7, C8)


def test_D7_nothing_is_said_to_be_on_its_way_that_a_pause_or_its_flow_keeps(story: Story, receiver: Receiver, client: Client) -> None:
    """Submit, Resend, Sync now, the timeline and the feed."""
    story.signs_in(client, name="Ada")
    crm = refused(story, receiver, "R1")
    receiver.answer("/crm", Answer(200))
    with story.worker():
        story.record("R2", status="Attended")
        story.until("R2", "success")
    story.pause(crm)
    paused = "Sales CRM is paused: nothing is sent until somebody chooses Release in its menu."
    waiting, delivered = story.action("R1")["key"], story.action("R2")["key"]
    pages = {
        "submit": client.post(f"{RETRY}submit/", {"item": waiting}, follow=True),
        "resend": client.post(f"{RETRY}{delivered}/resend/", {"how": "today"}, follow=True),
        "sync": client.post("/signal/sync/SUMMIT/R2/", follow=True),
        "timeline": client.get("/signal/registrations/SUMMIT/R2/"),
        "feed": client.get("/signal/metrics/feed/"),
        "item": client.get(f"{RETRY}{waiting}/"),
    }
    for name, page in pages.items():
        text = text_of(page.content)
        assert paused in page.content.decode(), name
        assert "on its way" not in text, name
        assert "On its way" not in text, name
    story.resume(crm)
    (flow,) = story.provider.account(story.account).flows
    story.set_active(flow, False)
    off = "The flow is off: nothing is sent until you switch it on."
    for path in (f"{RETRY}{waiting}/", "/signal/registrations/SUMMIT/R1/", "/signal/metrics/feed/"):
        assert off in text_of(client.get(path).content), path
    assert "Next try" not in text_of(client.get(f"{RETRY}{waiting}/").content)
