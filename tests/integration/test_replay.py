"""Replay with the real engine against a real receiver: what the dry run says is what arrives (Y1, D1, D2, X2, X6)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from tests.confirming import confirms
from tests.processes import Starter
from tests.receiver import Answer
from tests.replays import KINDS, checked, counts, running_jobs, starts
from tests.story import BY, Story
from tests.waiting import until

from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.flows.replay_offers import decided_otherwise
from heliograph.jobs import control
from heliograph.jobs.models import JobState
from heliograph.jobs.runner import Runner
from heliograph.replay import replays
from heliograph.replay.replays import NotNow, Stage
from heliograph.replay.selection import ReplayChoice, Selection
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.setup.setup_errors import Invalid, NotThere

ALL = frozenset({ReplayVerdict.NEW, ReplayVerdict.DIFFERENT, ReplayVerdict.SAME})
NEW, DIFFERENT, SAME = ReplayVerdict.NEW, ReplayVerdict.DIFFERENT, ReplayVerdict.SAME
FILTERED, SUPERSEDED, WOULD_FAIL = ReplayVerdict.FILTERED, ReplayVerdict.SUPERSEDED, ReplayVerdict.WOULD_FAIL


def verdicts(story: Story, replay: int) -> dict[ReplayVerdict, int]:
    """The numbers of the dry run, without zeros; they are a recount of its lines."""
    said = {verdict: n for verdict, n in replays.find(story.account, replay).verdicts.items() if n}
    counted = story.db.all("SELECT verdict, count(*) FROM replay_line WHERE replay_id = :id GROUP BY verdict", {"id": replay})
    assert {ReplayVerdict.of_code(code): n for code, n in counted} == said
    return said


def lines(story: Story, replay: int) -> dict[tuple[str, int], ReplayVerdict]:
    """The verdict of each line, by code and version."""
    codes = {id: code for code, id in story.registrations.items()}
    rows = story.db.all("SELECT registration_id, version, verdict FROM replay_line WHERE replay_id = :id", {"id": replay})
    return {(codes[id], version): ReplayVerdict.of_code(code) for id, version, code in rows}


def sends(story: Story, replay: int) -> replays.SentCounts:
    """Runs the job that sends to its end; a worker is running."""
    job = replays.find(story.account, replay).send
    assert Runner(KINDS).run_one(job.pk).state == JobState.DONE
    return counts(story, replay)


def replayed(story: Story, path: str = "/crm") -> list[Any]:
    """The bodies of the replayed requests, without the id of the change."""
    return [
        {key: value for key, value in request.json().items() if key != "change"}
        for request in story.receiver.at(path)
        if request.header("heliograph-replay") == "true"
    ]


@pytest.fixture
def widened(story: Story) -> Iterator[tuple[Story, int]]:
    """R1 and R2 were sent, R3 and R4 were not accepted; then the flow accepts Cancelled too, and R2 has changed since."""
    flow = story.flow("Attended", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    with story.worker():
        story.record("R1", status="Attended", first="Zoë")
        story.record("R2", status="Attended", first="Joe")
        story.record("R3", status="Cancelled", first="Ife")
        story.record("R4", status="Pre-Registered", first="Noor")
        story.arrived("/crm", 2)
        story.until("R1", "success")
        story.until("R2", "success")
        yield story, flow


def test_Y1_the_dry_run_says_what_then_arrives(widened: tuple[Story, int]) -> None:
    story, flow = widened
    story.change_flow(flow, statuses=["Attended", "Cancelled"])
    replay = checked(story, flow)
    assert verdicts(story, replay) == {SAME: 2, NEW: 1, FILTERED: 1}
    assert lines(story, replay) == {("R1", 1): SAME, ("R2", 1): SAME, ("R3", 1): NEW, ("R4", 1): FILTERED}
    assert len(story.receiver.at("/crm")) == 2, "a dry run sends nothing"
    starts(story, replay, NEW)
    result = sends(story, replay)
    assert (result.chosen, result.success, result.pending) == (1, 1, 0)
    assert replayed(story) == [{"type": "created, status_changed", "code": "R3", "status": "Cancelled", "first": "Ife"}]
    assert replays.find(story.account, replay).stage is Stage.DONE
    (action,) = story.actions("R3")
    assert (action["origin"], action["state"]) == (2, "success")


def test_Y1_a_mapping_that_says_something_else_makes_them_different(widened: tuple[Story, int]) -> None:
    story, flow = widened
    story.mapping("Lead", {"code": "registration.code", "name": "profile.first_name"}, id=story.lead)
    replay = checked(story, flow)
    assert verdicts(story, replay) == {DIFFERENT: 2, FILTERED: 2}
    before = {uid["uid"] for uid in story.actions()}
    starts(story, replay)
    assert sends(story, replay).success == 2
    assert sorted(body["code"] for body in replayed(story)) == ["R1", "R2"]
    assert all(set(body) == {"code", "name"} for body in replayed(story))
    ids = {request.header("webhook-id") for request in story.receiver.at("/crm") if request.header("heliograph-replay")}
    assert len(ids) == 2
    assert not ids & before, "a replay has an id of its own (D1)"
    repeated = dict(story.db.all("SELECT registration_id, repeated_id FROM action WHERE origin = 2"))
    assert repeated == {story.registrations[code]: story.actions(code)[0]["id"] for code in ("R1", "R2")}
    assert verdicts(story, checked(story, flow)) == {SAME: 2, FILTERED: 2}, "then nothing is different any more"


def test_Y1_D2_newer_data_supersedes_before_and_after(story: Story) -> None:
    flow = story.flow("All", [story.to(crm := story.connection("CRM", "/crm"))], statuses=["Attended"])
    with story.worker():
        story.record("R1", status="Attended", first="v1")
        story.until("R1", "success")
        story.record("R2", status="Attended", first="v1")
        story.until("R2", "success")
        story.record("R1", first="v2")
        story.until("R1", "success", "success")
        early = story.db.all("SELECT max(at) FROM change WHERE subject_id = :r AND version = 1", {"r": story.registrations["R2"]})[0][0] + 1
        replay = checked(story, flow, until=early)
        assert lines(story, replay) == {("R1", 1): SUPERSEDED, ("R2", 1): SAME}
        story.pause(crm)
        until(lambda: story.holds(crm))
        starts(story, replay, SAME)
        with running_jobs():
            until(lambda: len(story.actions("R2")) == 2)
            story.record("R2", first="v2")  # while the replay waits
            story.resume(crm)
            until(lambda: replays.find(story.account, replay).stage is Stage.DONE)
        story.until("R2", "success", "superseded", "success")
    assert counts(story, replay).superseded == 1
    assert [body["first"] for body in story.bodies("/crm") if body["code"] == "R2"] == ["v1", "v2"]


def test_Y1_the_latest_change_that_the_rules_accept_stands_for_a_subject(story: Story) -> None:
    flow = story.flow("Attended", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    story.set_active(flow, False)
    for first in ("v1", "v2"):
        story.record("R1", status="Attended", first=first)
    story.record("R1", status="Cancelled")
    story.record("R2", status="Cancelled")
    story.set_active(flow, True)
    with story.worker():
        replay = checked(story, flow)
        assert lines(story, replay) == {("R1", 2): NEW, ("R2", 1): FILTERED}
        starts(story, replay)
        assert sends(story, replay).success == 1
    assert [body["first"] for body in replayed(story)] == ["v2"]


def test_Y1_every_change_where_a_row_is_added(story: Story) -> None:
    flow = story.flow("Rows", [story.to(story.connection("Sheet", "/rows"), does=Does.ADDS)], statuses=["Attended"])
    story.set_active(flow, False)
    for n in range(1, 4):
        story.record("R1", status="Attended", first=f"v{n}")
    story.set_active(flow, True)
    with story.worker():
        story.record("R1", first="v4")
        story.until("R1", "success")
        replay = checked(story, flow, every=True)
        assert lines(story, replay) == {("R1", 1): DIFFERENT, ("R1", 2): DIFFERENT, ("R1", 3): DIFFERENT, ("R1", 4): SAME}
        starts(story, replay, DIFFERENT)
        assert sends(story, replay).success == 3
    assert [body["first"] for body in replayed(story, "/rows")] == ["v1", "v2", "v3"]


def test_Y1_what_would_fail_says_so_and_is_not_sent(story: Story) -> None:
    strict = story.mapping("Strict", {"code": "registration.code", "mail": "profile.email"}, required=["mail"])
    flow = story.flow("All", [story.to(story.connection("CRM", "/crm"), mapping=strict)], statuses=["Attended"])
    story.set_active(flow, False)
    story.record("R1", status="Attended", first="Zoë")
    story.record("R2", status="Attended", profile={"email": "joe@example.org"})
    story.set_active(flow, True)
    replay = checked(story, flow)
    assert lines(story, replay) == {("R1", 1): WOULD_FAIL, ("R2", 1): NEW}
    ((problem, n),) = replays.find(story.account, replay).check.result["problems"]
    assert (n, problem) == (1, "mail is required and empty")
    with pytest.raises(Invalid):
        starts(story, replay, WOULD_FAIL)


def test_X6_content_that_is_gone_says_so(widened: tuple[Story, int]) -> None:
    story, flow = widened
    with story.db.transaction():
        story.db.run("UPDATE attempt_content SET request = '', response = ''")
        story.db.run(
            "UPDATE change_content SET after = '', before = '' WHERE change_id IN (SELECT id FROM change WHERE registration_id = :r)",
            {"r": story.registrations["R3"]},
        )
    replay = checked(story, flow)
    said = dict(story.db.all("SELECT registration_id, note FROM replay_line WHERE replay_id = :id", {"id": replay}))
    assert said[story.registrations["R1"]] == "last gone"
    assert said[story.registrations["R3"]] == "content gone"
    assert lines(story, replay)["R3", 1] is WOULD_FAIL


def test_Y1_what_is_recorded_without_being_judged_only_if_wanted(story: Story) -> None:
    flow = story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.record("R1", status="Attended")
    with story.db.transaction():
        story.db.run("UPDATE change SET quiet = :yes WHERE registration_id = :r", {"yes": True, "r": story.registrations["R1"]})
    with story.worker():
        story.until("R1", "success")
    assert lines(story, checked(story, flow)) == {}
    assert lines(story, checked(story, flow, quiet=True)) == {("R1", 1): SAME}


def test_Y1_another_accounts_replay_is_not_there(widened: tuple[Story, int]) -> None:
    story, flow = widened
    replay = checked(story, flow)
    for call in (replays.find, replays.pause, replays.resume):
        with pytest.raises(NotThere):
            call(story.account + 1, replay)
    other = create_account(AccountFacts("OTHER", "Other", "UTC"), by=BY).pk
    with pytest.raises(NotThere):
        replays.create(other, flow, Selection(until=1), by=BY)


def test_Y1_a_start_is_refused_with_its_reason(widened: tuple[Story, int]) -> None:
    story, flow = widened
    replay = checked(story, flow)
    with pytest.raises(Invalid) as refused:
        replays.start(story.account, replay, ReplayChoice(frozenset()), 0, " ", by=BY)
    assert set(refused.value.fields) == {"send", "rate", "reason"}
    story.set_active(flow, False)
    with pytest.raises(NotNow, match="switched off"):
        starts(story, replay)
    story.set_active(flow, True)
    starts(story, replay)
    with pytest.raises(NotNow, match="started already"):
        starts(story, replay)
    with pytest.raises(NotNow, match="Another replay"):
        starts(story, checked(story, flow))
    assert sends(story, replay).success == 2


MANY = 240


@pytest.fixture
def many(story: Story) -> tuple[Story, int]:
    """MANY registrations that passed while the flow was off."""
    return missed(story)


def missed(story: Story) -> tuple[Story, int]:
    """MANY registrations that passed while the flow was off."""
    flow = story.flow("All", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    story.set_active(flow, False)
    story.record_many([{"code": f"R{n}", "status": "Attended", "profile": {"first_name": f"P{n}"}} for n in range(MANY)])
    story.set_active(flow, True)
    return story, flow


def arrived_once(story: Story) -> int:
    """How many registrations have arrived; each came once."""
    seen = Counter(body["code"] for body in replayed(story))
    assert set(seen.values()) <= {1}, seen.most_common(3)
    return len(seen)


def test_Y1_paused_resumed_and_nothing_twice(many: tuple[Story, int]) -> None:
    story, flow = many
    replay = checked(story, flow)
    assert verdicts(story, replay) == {NEW: MANY}
    starts(story, replay, rate=3_000)
    with story.worker(), running_jobs():
        until(lambda: arrived_once(story) >= 20)
        replays.pause(story.account, replay)
        assert replays.find(story.account, replay).stage is Stage.PAUSED
        until(lambda: not control.find(replays.find(story.account, replay).send.pk).owner)
        until(lambda: "pending" not in story.states())
        held = arrived_once(story)
        assert held < MANY
        result = counts(story, replay)
        assert (result.success, result.pending) == (held, MANY - held)
        replays.resume(story.account, replay)
        until(lambda: replays.find(story.account, replay).stage is Stage.DONE)
    assert arrived_once(story) == MANY
    assert counts(story, replay).success == MANY


def test_Y1_nothing_is_sent_after_a_cancel(many: tuple[Story, int]) -> None:
    story, flow = many
    story.receiver.answer("/crm", Answer(200, delay=0.05))
    replay = checked(story, flow)
    starts(story, replay, rate=6_000)
    with story.worker(), running_jobs():
        until(lambda: arrived_once(story) >= 20)
        starter = story.workers[0].reader.starter
        replays.cancel(story.account, replay, by=BY)
        sent = story.db.all("SELECT count(*) FROM action WHERE origin = 2 AND state = 10")[0][0]
        assert replays.find(story.account, replay).stage is Stage.CANCELLED
        until(lambda: starter.in_flight == 0)
        after = arrived_once(story)
        until(lambda: not control.find(replays.find(story.account, replay).send.pk).owner)
        story.record("LIVE", status="Attended")
        story.until("LIVE", "success")
    assert sent <= after == arrived_once(story) < MANY
    result = counts(story, replay)
    assert result.success == after
    assert result.pending == 0
    assert (result.failed, result.success + result.not_sent) == (0, MANY)
    withdrawn = story.db.all("SELECT count(*) FROM action WHERE cause = 'replay_cancelled' AND state = 11 AND tries = 0")[0][0]
    added = story.db.all("SELECT count(*) FROM replay_line WHERE action_id IS NOT NULL")[0][0]
    assert result.not_sent == withdrawn + MANY - added
    with pytest.raises(NotNow):
        replays.resume(story.account, replay)
    audited = story.db.all("SELECT what, after FROM audit_entry WHERE kind = 'flow' AND what LIKE '%replay%' ORDER BY id")
    assert [what for what, _ in audited] == ["replayed", "cancelled the replay of"]
    assert "A wider filter" in str(audited[0][1])


def test_Y1_D1_nothing_confirmed_is_sent_twice_after_a_kill(forgetful_story: Story, heliograph: Starter) -> None:
    """All processes are killed while they send; the next start goes on where the cursor was saved."""
    story, flow = missed(forgetful_story)
    story.receiver.answer("/crm", Answer(200, delay=0.02))
    replay = checked(story, flow)
    heliograph.serves()
    starts(story, replay, rate=1_200)
    until(lambda: len(replayed(story)) >= 30)
    heliograph.started[-1].kill_all()
    until(lambda: not story.receiver.open_connections)
    confirmed = {
        code for (code,) in story.db.all("SELECT r.code FROM action a JOIN registration r ON r.id = a.registration_id WHERE a.state = 10")
    }
    assert confirmed
    before = Counter(body["code"] for body in replayed(story))
    assert len(before) < MANY
    job = control.find(replays.find(story.account, replay).send.pk)
    assert job.heartbeat is not None
    assert job.heartbeat > control.now() - control.LEASE, "its lease has not ended"
    dead, done = job.owner, job.done
    heliograph.serves()
    until(lambda: control.find(job.pk).owner != dead)
    assert control.now() < job.heartbeat + control.LEASE, "it goes on before its lease ends"
    until(lambda: replays.find(story.account, replay).stage is Stage.DONE)
    assert control.find(job.pk).done > done
    assert heliograph.started[-1].terminate() == 0
    after = Counter(body["code"] for body in replayed(story))
    assert len(after) == MANY, "nothing is lost"
    assert {code for code in confirmed if after[code] > 1} == set()
    twice = {code for code, n in after.items() if n > 1}
    assert twice <= set(before), "only what was under way when the process died came again"
    ((made, named),) = story.db.all("SELECT count(*), count(DISTINCT registration_id) FROM action WHERE origin = 2")
    assert (made, named) == (MANY, MANY)
    assert counts(story, replay).success == MANY


def offered(client: Client, address: str, form: dict[str, str]) -> str:
    """What is said after a form is posted."""
    answer = client.post(address, form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_F1_Y1_switching_on_offers_what_passed_meanwhile(story: Story, client: Client) -> None:
    story.signs_in(client)
    flow = story.flow("All", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    story.set_active(flow, False)
    story.record("R1", status="Attended")
    story.record("R2", status="Cancelled")
    story.record("R3", status="Attended")
    said = offered(client, f"/signal/flows/{flow}/active/", {"active": "on"})
    assert "2 changes happened meanwhile." in said
    found = re.search(r'href="(/signal/replay/\?flow=\d+&amp;from=[\d-]+&amp;to=[\d-]+)"', said)
    assert found is not None
    page = client.get(found[1].replace("&amp;", "&")).content.decode()
    assert re.search(rf'<option value="{flow}"[^>]* selected', page)
    confirms(client, f"/signal/flows/{flow}/active/", {"active": "off"})
    assert "happened meanwhile" not in offered(client, f"/signal/flows/{flow}/active/", {"active": "on"})


def test_Y1_a_saved_rule_that_decides_otherwise_is_offered(widened: tuple[Story, int]) -> None:
    story, flow = widened
    with account_reader(story.account) as of:
        before = of.config.flows[flow]
        wider = replace(before, statuses=(story.tags["Attended"], story.tags["Cancelled"]))
        assert decided_otherwise(of, before, wider).count == 1
        assert decided_otherwise(of, before, replace(before, name="Another name")) is None
        assert decided_otherwise(of, before, replace(wider, active=False)) is None
        elsewhere = replace(
            before, destinations=(replace(before.destinations[0], payload_mapping=story.mapping("Other", {"c": "registration.code"})),)
        )
    with account_reader(story.account) as of:
        assert decided_otherwise(of, before, elsewhere).count == 0
