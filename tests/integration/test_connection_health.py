"""One state of a connection, on every page that names it (N2, C3, C4, C8)."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client
from tests.confirming import confirms
from tests.oauth import SECRET, Authority, connects
from tests.page_text import text_of
from tests.receiver import Answer, Receiver
from tests.story import Story

from heliograph.accounts.models import Role
from heliograph.connections import connection_list
from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter
from heliograph.connections.services import pause as holding
from heliograph.connections.services.networks import allow_networks
from heliograph.connections.services.save_and_test import try_connection
from heliograph.domain.connection.connection_health import SENDS_NOTHING, Health
from heliograph.domain.connection.secret import Secret
from heliograph.store.queue.removal import blank_exchanges

LIST = "/signal/connections/"

type Making = Callable[[Story, Client], int]


@pytest.fixture(autouse=True)
def no_locks() -> None:
    cache.clear()


def plain(story: Story, *answers: Answer, codes: tuple[str, ...] = ()) -> int:
    """A connection over which these registrations were tried, in this order."""
    story.receiver.answer("/crm", *(answers or (Answer(200),)))
    connection = story.connection("CRM", "/crm")
    story.flow("Leads", [story.to(connection)])
    with story.worker():
        for code in codes:
            story.record(code, status="Attended")
            story.wait_for(lambda: "pending" not in story.states())
    return connection


def by_sign_in(story: Story, client: Client, *, connected: bool) -> tuple[int, Authority]:
    authority = Authority(story.receiver, rotates=True)
    story.receiver.answer("/crm", authority.guards())
    connection = story.connection("CRM", "/crm", secrets=authority.secrets(), **authority.fields(grant="Authorization Code"))
    story.flow("Leads", [story.to(connection)])
    if connected:
        connects(client, authority, connection)
    return connection, authority


def not_yet(story: Story, client: Client) -> int:
    return by_sign_in(story, client, connected=False)[0]


def connected(story: Story, client: Client) -> int:
    """A test has failed for want of a sign-in; then somebody signed in."""
    connection, authority = by_sign_in(story, client, connected=False)
    try_connection(story.account, connection)
    connects(client, authority, connection)
    return connection


def lost(story: Story, client: Client) -> int:
    connection, authority = by_sign_in(story, client, connected=True)
    authority.revoke(refresh=True)
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
    return connection


def incomplete(story: Story, _client: Client) -> int:
    connection = story.connection("CRM", "/crm", auth="API Key / Token")
    story.flow("Leads", [story.to(connection)])
    return connection


def paused(story: Story, _client: Client) -> int:
    connection = plain(story, codes=("R1",))
    story.pause(connection)
    return connection


def released(story: Story, client: Client) -> int:
    connection = paused(story, client)
    with story.saving() as transaction:
        holding.release(transaction, connection, 30)
    return connection


def reached(story: Story, _client: Client) -> int:
    connection = plain(story)
    try_connection(story.account, connection)
    return connection


def blocked(story: Story, _client: Client) -> int:
    connection = story.connection("CRM", url="https://10.20.30.40/crm")
    story.flow("Leads", [story.to(connection)])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
    return connection


STATES: dict[Health, Making] = {
    Health.UNTRIED: lambda story, _client: plain(story),
    Health.INCOMPLETE: incomplete,
    Health.NOT_YET: not_yet,
    Health.CONNECTED: connected,
    Health.LOST: lost,
    Health.PAUSED: paused,
    Health.RELEASED: released,
    Health.RESTS: lambda story, _client: plain(story, Answer(429, headers={"retry-after": "3600"}), codes=("R1",)),
    Health.SILENT: lambda story, _client: plain(story, Answer(then="close"), codes=("R1",)),
    Health.BLOCKED: blocked,
    Health.REFUSES: lambda story, _client: plain(story, Answer(401), codes=("R1",)),
    Health.REACHED: reached,
    Health.ANSWERS: lambda story, _client: plain(story, codes=("R1",)),
    Health.MIXED: lambda story, _client: plain(story, Answer(401), Answer(200), codes=("R1", "R2")),
}


def head(client: Client, path: str) -> str:
    """What stands below the heading of a page."""
    return text_of(client.get(path).content).partition("Used by")[0]


def test_every_state_is_made() -> None:
    assert set(STATES) == set(Health)


@pytest.mark.parametrize("health", list(Health))
def test_N2_every_page_says_the_same_state_of_a_connection(story: Story, client: Client, health: Health) -> None:
    administrator = story.signs_in(client, name="Ada")
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    connection = STATES[health](story, administrator)
    row = ConnectionList(story.db, story.account).row(connection)
    assert row is not None
    assert row.health is health
    page = administrator.get(LIST)
    cell = re.search(r'class="health".*?<span[^>]*class="status[^"]*"[^>]*>(.*?)</span>', page.content.decode(), re.DOTALL)
    assert cell
    word = " ".join(re.sub(r"<[^>]+>", " ", cell[1]).split())
    setup = administrator.get(f"{LIST}{connection}/").content
    viewer = story.signs_in(Client(), Role.VIEWER)
    pages = {
        "setup": head(administrator, f"{LIST}{connection}/"),
        "read": head(viewer, f"{LIST}{connection}/"),
        "filtered list": text_of(administrator.get(f"{LIST}?health={health.value}").content),
    }
    for name, text in pages.items():
        assert word in text, (name, word, text)
        others = {
            "Refuses",
            "Address not allowed",
            "Not connected yet",
            "No longer connected",
            "Being released",
            "Incomplete",
            "Not tried yet",
        } - {word}
        assert not any(other in text for other in others if name != "filtered list" and other not in word), (name, text)
    if row.connection.needs_connecting:
        access = {Health.NOT_YET: "Not connected yet", Health.LOST: "No longer connected"}.get(health, "Connected")
        for path in (f"{LIST}{connection}/", f"{LIST}{connection}/access/"):
            assert access in text_of(administrator.get(path).content), path
        assert ("Press Connect" in text_of(page.content) or "press Connect" in text_of(page.content)) is (health is not Health.CONNECTED)
        assert "The test failed" not in text_of(setup) or health is not Health.CONNECTED
    (flow,) = story.provider.account(story.account).flows
    lower = word[:1].lower() + word[1:]
    option = re.search(rf'<option value="{connection}"[^>]*>(.*?)</option>', administrator.get(f"/signal/flows/{flow}/").content.decode())
    assert option
    assert option[1].strip() == (f"CRM ({lower})" if health in SENDS_NOTHING else "CRM")
    is_named = health in SENDS_NOTHING or health in (Health.BLOCKED, Health.REFUSES, Health.SILENT)
    assert (lower in text_of(administrator.get("/signal/flows/").content)) is is_named
    if health in (Health.PAUSED, Health.RELEASED):
        assert word in text_of(administrator.get(f"{LIST}{connection}/release/").content)


def test_N2_a_connection_with_failures_is_not_said_to_answer_without_a_word_of_them(story: Story, client: Client) -> None:
    story.signs_in(client, name="Ada")
    plain(story, Answer(401), Answer(401), Answer(200), codes=("R1", "R2", "R3"))
    text = text_of(client.get(LIST).content)
    assert "Answers, with failures" in text
    assert "2 waiting" in text


@pytest.mark.parametrize("most_versions", [500, 1], ids=["history is read", "attempts are read"])
def test_N2_failures_are_those_of_the_connection_that_answered(
    story: Story, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, most_versions: int
) -> None:
    """A flow’s connection was changed after a refusal: the item is sent over the new one next, and has failed over the old one."""
    monkeypatch.setattr(connection_list, "MOST_FLOW_VERSIONS", most_versions)
    story.retries(3600, 3600, 3600)
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    old = plain(story, Answer(401), codes=("R1",))
    new, idle = story.connection("New CRM", "/new"), story.connection("Badge printer", "/badges")
    for path in ("/crm", "/new", "/badges"):
        receiver.answer(path, Answer(200))
    story.pause(new)
    story.change_flow(next(iter(story.provider.account(story.account).flows)), to=[story.to(new)])
    with story.worker():
        story.wait_for(lambda: story.connection_of("R1") == new)
    for connection in (old, new, idle):
        try_connection(story.account, connection, sample=True)
    story.resume(new)
    health = {row.id: row.health for row in ConnectionList(story.db, story.account).rows(ConnectionListFilter())}
    assert health == {old: Health.MIXED, new: Health.ANSWERS, idle: Health.ANSWERS}
    waiting = {row.id: row.waiting for row in ConnectionList(story.db, story.account).rows(ConnectionListFilter())}
    assert waiting == {old: 1, new: 0, idle: 0}, "an item is that of the connection that it was sent over, until it is tried again (X2a)"


@pytest.mark.parametrize("status", [302, 401, 404, 408, 429, 500, 502, 503, 504])
def test_C8_whoever_answered_is_not_said_not_to_answer(story: Story, client: Client, status: int) -> None:
    administrator = story.signs_in(client, name="Ada")
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    connection = plain(story, Answer(status), codes=("R1",))
    row = text_of(administrator.get(LIST).content).rpartition("Used by")[2]
    assert f"The target answered {status}" in row
    assert "Refuses" in row
    assert "Does not answer" not in row
    try_connection(story.account, connection, sample=True)
    assert "Refuses" in head(administrator, f"{LIST}{connection}/")


def test_C8_an_administrator_is_not_told_that_one_can_run_the_test(story: Story, client: Client) -> None:
    administrator = story.signs_in(client, name="Ada")
    plain(story, Answer(then="reset"), codes=("R1",))
    row = text_of(administrator.get(LIST).content).rpartition("Used by")[2]
    assert "A test in Connection Setup says what is wrong and how to fix it." in row
    assert "can run it" not in row


def test_C8_a_target_that_was_not_asked_is_not_said_to_refuse(story: Story, client: Client) -> None:
    administrator = story.signs_in(client, name="Ada")
    connection = blocked(story, client)
    url = f"{LIST}{connection}/"
    listed = text_of(administrator.get(LIST).content)
    assert "Address not allowed" in head(administrator, url)
    assert "ask who hosts Heliograph to allow that network" in listed
    assert url in administrator.get(f"{LIST}?health=blocked").content.decode()
    assert url not in administrator.get(f"{LIST}?health=refuses").content.decode()
    try_connection(story.account, connection, sample=True)
    assert "Address not allowed" in head(administrator, url)
    story.set_active(next(iter(story.provider.account(story.account).flows)), False)
    assert "Address not allowed" in head(administrator, url)


def blocked_authority(story: Story, _client: Client) -> int:
    """A connection whose target may be asked, and the authority of its tokens not."""
    authority = Authority(story.receiver)
    fields = authority.fields(grant="Client Credentials", access_token_url="https://10.20.30.40/token")
    connection = story.connection("CRM", "/crm", secrets=authority.secrets(), **fields)
    story.flow("Leads", [story.to(connection)])
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
    return connection


def looked_at_while_its_flow_is_off(story: Story, flow: int) -> str:
    story.set_active(flow, False)
    with story.worker():
        story.submit(story.action("R1")["key"])
        story.wait_for(lambda: story.action("R1")["cause"] != "blocked")
    return "flow_inactive"


def ended_with_its_flow(story: Story, flow: int) -> str:
    story.delete_flow(flow)
    return "flow_deleted"


@pytest.mark.parametrize("end", [looked_at_while_its_flow_is_off, ended_with_its_flow])
@pytest.mark.parametrize("making", [blocked, blocked_authority])
def test_C8_a_target_that_was_not_asked_is_not_said_to_refuse_whatever_becomes_of_the_action(
    story: Story, client: Client, making: Making, end: Callable[[Story, int], str]
) -> None:
    administrator = story.signs_in(client, name="Ada")
    connection = making(story, client)
    url = f"{LIST}{connection}/"
    assert "Address not allowed" in head(administrator, url)
    cause = end(story, next(iter(story.provider.account(story.account).flows)))
    assert story.action("R1")["cause"] == cause
    assert "Address not allowed" in head(administrator, url)
    assert url in administrator.get(f"{LIST}?health=blocked").content.decode()


@pytest.mark.parametrize("making", [blocked, blocked_authority])
def test_C8_a_target_that_was_not_asked_is_not_said_to_refuse_when_retention_has_taken_the_content(
    story: Story, client: Client, making: Making
) -> None:
    administrator = story.signs_in(client, name="Ada")
    connection = making(story, client)
    ended_with_its_flow(story, next(iter(story.provider.account(story.account).flows)))
    with story.db.transaction():
        assert blank_exchanges(story.db, [id for (id,) in story.db.all("SELECT id FROM action")], story.db.now()).contents
    assert not story.db.all("SELECT 1 FROM attempt_content")
    assert "Address not allowed" in head(administrator, f"{LIST}{connection}/")


class Editor:
    """As much of a schema editor as a data migration asks for."""

    connection = connections["default"]


@pytest.mark.parametrize("has_content", [True, False], ids=["with content", "without content"])
def test_C8_an_attempt_of_an_older_release_gets_its_cause_from_its_content_or_else_its_action(story: Story, has_content: bool) -> None:
    migration = importlib.import_module("heliograph.store.migrations.0006_attempt_cause")
    blocked_connection = story.connection("Printer", url="https://10.20.30.40/print")
    refusing = plain(story, Answer(401), codes=("R1",))
    story.flow("Badges", [story.to(blocked_connection)])
    with story.worker():
        story.record("R2", status="Attended")
        story.wait_for(lambda: "pending" not in story.states())
    causes = "SELECT connection_id, cause FROM attempt WHERE cause IS NOT NULL ORDER BY at"
    before = story.db.all(causes)
    assert [row for row in before if row[0] == blocked_connection] == [(blocked_connection, "blocked")]
    assert (refusing, "answer") in before
    with story.db.transaction():
        story.db.run("UPDATE attempt SET cause = NULL")
        if not has_content:
            story.db.run("DELETE FROM attempt_content")
    Editor.connection.close()  # of an earlier test: the reset of the database may have ended it
    for _ in range(2):  # the second time changes nothing
        migration.fill(None, Editor)
        assert story.db.all(causes) == [(blocked_connection, "blocked")], "only what was not answered needs it"
    row = ConnectionList(story.db, story.account).row(blocked_connection)
    assert row is not None
    assert row.health is Health.BLOCKED


def test_C8_a_target_that_answered_refuses_whatever_becomes_of_the_action(story: Story, client: Client) -> None:
    administrator = story.signs_in(client, name="Ada")
    connection = plain(story, Answer(401), codes=("R1",))
    looked_at_while_its_flow_is_off(story, next(iter(story.provider.account(story.account).flows)))
    assert "Refuses" in head(administrator, f"{LIST}{connection}/")


@pytest.mark.parametrize(("answer", "health"), [(Answer(200), Health.ANSWERS), (Answer(401), Health.REFUSES)], ids=["answers", "refuses"])
def test_C8_a_change_that_cannot_be_sent_says_nothing_of_the_target(story: Story, answer: Answer, health: Health) -> None:
    connection = plain(story, answer, codes=("R1",))
    row = ConnectionList(story.db, story.account).row(connection)
    assert row is not None
    assert row.health is health
    lead = story.mapping("With e-mail", {"email": "profile.email"}, required=["email"])
    story.change_flow(next(iter(story.provider.account(story.account).flows)), to=[story.to(connection, mapping=lead)])
    with story.worker():
        story.record("R2", status="Attended")
        story.until("R2", "validation")
    row = ConnectionList(story.db, story.account).row(connection)
    assert row is not None
    assert row.health is health


def test_C8_a_fault_of_our_own_says_nothing_of_the_target(story: Story) -> None:
    connection = plain(story, Answer(200), codes=("R1",))
    story.record("R2", status="Attended")
    with story.db.transaction():
        story.db.run("UPDATE lane SET marks = 3 WHERE state = 1")
    with story.worker():
        story.until("R2", "queued")
    row = ConnectionList(story.db, story.account).row(connection)
    assert row is not None
    assert row.health is Health.MIXED  # the action waits, but the target did not refuse it


# --- what waits for a sign-in (C4, D7)


def test_C4_a_new_sign_in_is_promised_only_to_what_it_makes_due(story: Story, receiver: Receiver, client: Client) -> None:
    story.signs_in(client, name="Ada")
    with story.saving() as transaction:
        allow_networks(transaction, ["127.0.0.0/8"])
    connection, authority = by_sign_in(story, client, connected=True)
    story.retries(0.01, 0.01, 0.01)
    authority.revoke()
    authority.secret = "another"
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "failed")
    authority.secret = SECRET
    authority.revoke(refresh=True)
    with story.worker():
        story.record("R2", status="Attended")
        story.until("R2", "queued")
    assert [story.action("R2")[name] for name in ("due", "tries", "looks")] == [None, 0, 1], "only a new sign-in lets it begin (D5)"
    for path in (f"{LIST}{connection}/", f"{LIST}{connection}/access/"):
        text = text_of(client.get(path).content)
        assert "1 has used up its retries: submit it in Retry once you are connected." in text
        assert "1 action waits for it in Retry, and is due as soon as you have connected again." in text
    (flow,) = story.provider.account(story.account).flows
    story.set_active(flow, False)
    text = text_of(client.get(f"{LIST}{connection}/access/").content)
    assert "1 waits for its flow, which is off, incomplete or in its other mode." in text
    assert "as soon as you have connected" not in text
    story.set_active(flow, True)
    story.pause(connection)
    assert "The connection is paused" in text_of(client.get(f"{LIST}{connection}/access/").content)
    story.resume(connection)
    said = connects(client, authority, connection).content.decode()
    assert "1 action that waited for it is due now." in said
    assert "1 has used up its retries" in said
    with story.worker():
        story.until("R2", "success")
    assert story.states("R1") == ["failed"]
    again = connects(client, authority, connection).content.decode()
    assert "due now" not in again


def test_C8_a_release_says_that_the_target_still_asks_for_a_rest(story: Story, client: Client) -> None:
    story.signs_in(client, name="Ada")
    connection = plain(story, Answer(429, headers={"retry-after": "3600"}), codes=("R1",))
    story.pause(connection)
    said = confirms(client, f"{LIST}{connection}/release/", {"do": "once", "rate": "60"}, follow=True).content.decode()
    assert "Its target asked us to wait until" in said
    assert "sends again" not in said


def test_C5_what_a_save_replaced_stands_in_no_page(story: Story, client: Client) -> None:
    story.signs_in(client, name="Ada")
    connection = story.connection("CRM", "/crm", auth="API Key / Token", secrets={Secret.KEY: "a-key-of-some-length"})
    story.change_connection(connection, secrets={Secret.KEY: "another-key-of-length"})
    for path in (f"{LIST}{connection}/versions/", "/settings/audit/"):
        assert "renewed" not in text_of(client.get(path).content)
