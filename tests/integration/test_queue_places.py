"""What only waits in the queue of jobs says so, and how many go first, also between two turns: every job's page, replays, releases and the marking of
a Test event (O9)."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django_scopes import scopes_disabled
from tests.confirming import confirms
from tests.page_text import text_of
from tests.replays import checked, running_jobs, starts
from tests.story import BY, Story

from heliograph.jobs import control, owners
from heliograph.jobs.models import Job, JobState
from heliograph.replay import replays
from heliograph.replay.replays import Stage

MOST_RUNNING = 10
PART = {"HX-Request": "true"}


def has_runner(*, done: int = 0, total: int | None = None, rate: float | None = None, **which: Any) -> None:
    """A living runner has these jobs."""
    facts = {"owner": owners.new_owner(), "started": control.now(), "heartbeat": control.now()}
    with scopes_disabled():
        assert Job.objects.filter(**which).update(state=JobState.RUNNING, done=done, total=total, rate=rate, **facts)


def between_turns(*, done: int = 0, total: int | None = None, rate: float | None = None, **which: Any) -> None:
    """A runner has let these jobs go at the end of their turn, as `Runner` does."""
    with scopes_disabled():
        assert Job.objects.filter(**which).update(
            state=JobState.RUNNING, done=done, total=total, rate=rate, owner="", started=control.now()
        )


def page_of(replay: int) -> str:
    return f"/signal/replay/{replay}/"


def test_O9_a_replay_beyond_those_that_may_run_says_that_it_waits(story: Story, client: Client) -> None:
    """Nothing is delivered in this test, so each replay that runs goes on until it is cancelled."""
    story.signs_in(client)
    crm = story.connection("CRM", "/crm")
    flows = [story.flow(f"Leads {n}", [story.to(crm)]) for n in range(MOST_RUNNING + 2)]
    story.record("R1", status="Attended")
    all_replays = [checked(story, flow) for flow in flows]
    for replay in all_replays:
        starts(story, replay)
    *running, first_waiting, last = all_replays

    def stages(of: list[int]) -> set[Stage]:
        return {replays.find(story.account, replay).stage for replay in of}

    with running_jobs():
        story.wait_for(lambda: stages(running) == {Stage.SENDING})
        assert stages([first_waiting, last]) == {Stage.WAITING}
        sending_page = text_of(client.get(page_of(running[0])).content)
        assert "Replay is sending" in sending_page
        assert "first." not in sending_page
        for replay, place in ((first_waiting, "10 jobs of this account go first."), (last, "11 jobs of this account go first.")):
            for headers in ({}, PART):
                answer = client.get(page_of(replay), headers=headers)
                assert "HX-Refresh" not in answer, "it goes on to look"
                markup, text = answer.content.decode(), text_of(answer.content)
                assert 'hx-trigger="every 2s"' in markup
                assert 'hx-select-oob="#replay-stage"' in markup, "the heading follows"
                assert f"Waiting to send, at most 30,000 a minute {place}" in text
                assert "Replay waits" in text
                assert "sending" not in text.partition("Marked as replay")[0].lower()
        listed = text_of(client.get("/signal/replay/").content)
        assert listed.count("Waiting to send") == 2
        assert "Waiting to send 10 jobs of this account go first." in listed
        assert "Waiting to send 11 jobs of this account go first." in listed
        client.post(f"/signal/replay/{running[3]}/act/", {"do": "cancel"})
        story.wait_for(lambda: stages([first_waiting]) == {Stage.SENDING})
        assert "Replay is sending" in text_of(client.get(page_of(first_waiting), headers=PART).content)
        assert "10 jobs of this account go first." in text_of(client.get(page_of(last), headers=PART).content)
        client.post(f"/signal/replay/{last}/act/", {"do": "cancel"})
        cancelled_list = text_of(client.get("/signal/replay/").content)
        assert "go first" not in cancelled_list


def test_O9_a_replay_that_goes_on_waits_for_those_that_run_although_it_is_older(story: Story, client: Client, settings: Any) -> None:
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"jobs_running": 1})
    story.signs_in(client)
    crm = story.connection("CRM", "/crm")
    story.record("R1", status="Attended")
    older, newer = [checked(story, story.flow(name, [story.to(crm)])) for name in ("Older", "Newer")]
    starts(story, older)
    client.post(f"/signal/replay/{older}/act/", {"do": "pause"})
    starts(story, newer)
    with running_jobs():
        story.wait_for(lambda: replays.find(story.account, newer).stage is Stage.SENDING)
        client.post(f"/signal/replay/{older}/act/", {"do": "go on"})
        assert "1 job of this account goes first." in text_of(client.get(page_of(older)).content)


def test_O9_a_release_that_waits_says_so_wherever_its_connection_is_named(story: Story, client: Client, settings: Any) -> None:
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"jobs_running": 1})
    story.signs_in(client)
    crm = story.connection("CRM", "/crm")
    flow = story.flow("Leads", [story.to(crm)])
    story.pause(crm)
    control.create("replay", story.account, {}, by=BY, is_paced=True)
    release = f"/signal/connections/{crm}/release/"
    assert confirms(client, release, {"do": "rate", "rate": "120"}).status_code == 302
    for headers in ({}, PART):
        answer = client.get(release, headers=headers)
        assert "HX-Refresh" not in answer
        assert 'hx-select-oob="#release-state"' in answer.content.decode()
        text = text_of(answer.content)
        assert "Waiting to send held items 1 job of this account goes first." in text
        assert "Waiting to be released, 120 a minute" in text
        assert "requests made" not in text
    for path in ("/signal/connections/", f"/signal/connections/{crm}/"):
        text = text_of(client.get(path).content)
        assert "Waiting to be released, 120 a minute" in text, path
        assert "1 job of this account goes first." in text, path
    assert "CRM (waiting to be released, 120 a minute)" in text_of(client.get(f"/signal/flows/{flow}/").content)
    has_runner(kind="release")
    text = text_of(client.get(release).content)
    assert "Sending held items" in text
    assert "Being released, 120 a minute" in text
    between_turns(kind="release", done=40, total=100)
    text = text_of(client.get(release).content)
    assert "Waiting to send held items 40 requests made, 60 still to make. 1 job of this account goes first." in text
    for path in (release, "/signal/connections/", f"/signal/connections/{crm}/"):
        assert "Waiting to be released, 120 a minute" in text_of(client.get(path).content), path


def test_O9_a_replay_between_two_turns_says_that_it_waits(story: Story, client: Client, settings: Any) -> None:
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"jobs_running": 1})
    story.signs_in(client)
    crm = story.connection("CRM", "/crm")
    for n in range(3):
        story.record(f"R{n}", status="Attended")
    older, newer = [checked(story, story.flow(name, [story.to(crm)])) for name in ("Older", "Newer")]
    starts(story, older)
    starts(story, newer)
    job = replays.find(story.account, newer).send
    assert job is not None
    has_runner(pk=job.pk)
    assert "Replay is sending" in text_of(client.get(page_of(newer)).content)
    between_turns(pk=job.pk, done=1)
    text = text_of(client.get(page_of(newer)).content)
    assert "Replay waits" in text
    assert "a minute 0 of 3. 1 job of this account goes first." in text
    listed = text_of(client.get("/signal/replay/").content)
    assert listed.count("Waiting to send 1 job of this account goes first.") == 1


def test_O9_the_page_of_a_job_between_two_turns_says_that_it_waits(story: Story, client: Client) -> None:
    """The page of every job is made of the same parts."""
    story.signs_in(client)
    create_ahead = control.create("set-status", story.account, {"status": "Attended", "total": 4_812}, by=BY)
    job = control.create("set-status", story.account, {"status": "Attended", "total": 4_812}, by=BY)
    progress = {"done": 1_950, "total": 4_812, "rate": 50.0}
    has_runner(pk=job.pk, **progress)
    path = f"/jobs/{job.pk}/"
    assert "1,950 of 4,812, about 57 seconds left" in text_of(client.get(path).content)
    between_turns(pk=job.pk, **progress)
    text = text_of(client.get(path).content)
    assert "1,950 of 4,812. 1 job of this account goes first." in text
    assert "left" not in text
    control.cancel(create_ahead.pk)
    assert "1,950 of 4,812. It continues in a moment." in text_of(client.get(path).content)


def test_O9_the_marking_of_a_test_event_between_two_turns_says_that_it_waits(story: Story, client: Client) -> None:
    story.signs_in(client)
    control.create("set-status", story.account, {}, by=BY)
    event = story.events["REHEARSAL"]
    job = control.create("mark-test", story.account, {"event": event, "status": story.event_status("Live"), "by": BY, "of": 40}, by=BY)
    progress = {"done": 10, "total": 40, "rate": 10.0}
    has_runner(pk=job.pk, **progress)
    assert "10 of 40, about 3 seconds left" in text_of(client.get("/events/REHEARSAL/details/").content)
    between_turns(pk=job.pk, **progress)
    assert "10 of 40. 1 job of this account goes first." in text_of(client.get("/events/REHEARSAL/details/").content)
