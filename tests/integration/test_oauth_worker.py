"""The worker with OAuth2 targets (C4, D4, D5, D9), against our own authority."""

from __future__ import annotations

from typing import Any

from tests.oauth import Authority
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.waiting import until

from heliograph.domain.connection.secret import Secret


def target(story: Story, authority: Authority, path: str = "/crm", **fields: Any) -> int:
    """A connection by client credentials whose target accepts only valid tokens, and a flow that sends there."""
    story.receiver.answer(path, authority.guards())
    made = story.connection(path, path, secrets=authority.secrets(), **authority.fields(**fields))
    story.flow(f"To {path}", [story.to(made)])
    return made


def test_C4_client_credentials_one_token_for_many_requests(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver)
    target(story, authority)
    with story.worker():
        for n in range(30):
            story.record(f"R{n}", status="Attended")
        requests = story.arrived("/crm", 30)
        story.wait_for(lambda: set(story.states()) == {"success"})
    assert {r.header("authorization") for r in requests} == {f"Bearer {authority.given[0]}"}
    assert [(asked["grant_type"], asked["by"]) for asked in authority.asked] == [("client_credentials", "basic")]


def test_C4_the_secret_goes_in_the_body_where_basic_is_refused_and_that_is_remembered(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver, basic=False, expires_in=None)
    target(story, authority)
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
        authority.revoke()
        story.record("R2", status="Attended")
        story.until("R2", "success")
    assert [asked["by"] for asked in authority.asked] == ["basic", "body", "body"]


def test_C4_a_401_gets_another_token_and_the_request_once_more(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver)
    target(story, authority)
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
        authority.revoke()
        for n in range(2, 12):
            story.record(f"R{n}", status="Attended")
        story.wait_for(lambda: story.states() == ["success"] * 11)
    assert len(authority.given) == 2
    assert {story.action(f"R{n}")["tries"] for n in range(1, 12)} == {1}
    assert story.attempts(story.action("R5")) == [("first", "", 200)]


def test_C4_a_target_that_takes_no_token_fails_after_the_second_401(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver)
    target(story, authority)
    receiver.answer("/crm", Answer(401))
    with story.worker():
        for n in range(5):
            story.record(f"R{n}", status="Attended")
        story.wait_for(lambda: story.states() == ["queued"] * 5)
        assert story.attempts(story.action("R0")) == [("first", "Config", 401)]
    assert len(authority.given) == 2
    assert len(receiver.at("/crm")) <= 10


def test_C4_a_wrong_secret_is_a_config_failure_that_a_saved_secret_cures(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver)
    connection = target(story, authority)
    story.change_connection(connection, secrets={Secret.CLIENT_SECRET: "wrong"})
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
        action = story.action("R1")
        assert (action["category"], action["cause"], action["tries"]) == ("Config", "oauth", 1)
        assert "invalid_client" in action["message"]
        assert "127.0.0.1" in action["message"]
        assert receiver.at("/crm") == []
        story.change_connection(connection, secrets=authority.secrets())
        story.until("R1", "success")
    assert story.action("R1")["queue"] == "Done"


def test_C4_a_wrong_scope_says_which(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver, scopes="contacts.read")
    target(story, authority, scope="contacts.write")
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
    action = story.action("R1")
    assert (action["category"], action["cause"]) == ("Config", "oauth")
    assert "contacts.write" in action["message"]
    assert "no such scope here" in action["message"]


def test_C4_an_authority_that_is_down_is_a_connection_failure(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver)
    target(story, authority)
    receiver.answer("/token", Answer(503))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
    action = story.action("R1")
    assert (action["category"], action["tries"]) == ("Connection", 1)
    assert "503" in action["message"]


def test_C4_a_token_is_renewed_before_its_end_and_used_meanwhile(story: Story, receiver: Receiver) -> None:
    authority = Authority(receiver, expires_in=2)
    target(story, authority)
    with story.worker():

        def renewed() -> bool:
            story.record(f"R{len(story.registrations)}", status="Attended")
            return len(authority.given) >= 3

        until(renewed)
        story.wait_for(lambda: set(story.states()) == {"success"})
    assert not [request for request in receiver.at("/crm") if request.header("authorization") is None]


def test_C4_what_an_authority_says_of_the_end_may_be_anything(story: Story, receiver: Receiver) -> None:
    odd: list[object] = [None, "3600", 0, -5, 1e9, 10**30, 3600.5]
    for n, life in enumerate(odd):
        authority = Authority(receiver, expires_in=life, path=f"/token{n}")
        target(story, authority, f"/crm{n}")
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: story.states("R1") == ["success"] * len(odd))


def test_D9_others_go_on_while_an_authority_is_slow(story: Story, receiver: Receiver) -> None:
    slow, quick = Authority(receiver, path="/slow"), Authority(receiver, path="/quick")
    slow.delay = 1.2
    target(story, slow, "/a")
    target(story, quick, "/b")
    open_ = story.connection("open", "/c")
    story.flow("Open", [story.to(open_)])
    with story.worker():
        for n in range(20):
            story.record(f"R{n}", status="Attended")
        receiver.wait_for(20, path="/b")
        receiver.wait_for(20, path="/c")
        assert receiver.at("/a") == []
        receiver.wait_for(20, path="/a")
        story.wait_for(lambda: set(story.states()) == {"success"})
    assert len(slow.given) == 1


def test_C6_token_requests_pass_the_guard(story: Story, receiver: Receiver) -> None:
    from heliograph.outbound.guard import Policy

    authority = Authority(receiver)
    target(story, authority)
    with story.worker(policy=lambda _: Policy()):
        story.record("R1", status="Attended")
        story.until("R1", "queued")
    assert receiver.requests == []
    assert (story.action("R1")["category"], story.action("R1")["cause"]) == ("Config", "blocked")


def test_C4_a_target_that_refuses_a_token_only_sometimes_does_not_make_us_ask_for_one_after_the_other(
    story: Story, receiver: Receiver
) -> None:
    authority = Authority(receiver)
    target(story, authority)
    receiver.answer("/crm", *[Answer(200), Answer(401)] * 40)
    with story.worker():
        for n in range(20):
            story.record(f"R{n}", status="Attended")
        story.wait_for(lambda: set(story.states()) <= {"success", "queued"})
    assert "success" in story.states()
    took = receiver.at("/crm")[-1].at - receiver.at("/crm")[0].at
    assert len(authority.given) <= 1 + 5 + 1 + took / 5
