"""What only waits in the queue of jobs says so, and how many go first: replays, releases and the marking of a Test event (O9)."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django_scopes import scopes_disabled
from tests.confirming import confirms
from tests.page_text import text_of
from tests.replays import checked, running_jobs, starts
from tests.story import BY, Story

from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.replay import replays
from heliograph.replay.replays import Stage

MOST_RUNNING = 10
PART = {"HX-Request": "true"}


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
        assert "Waiting to send what was held 1 job of this account goes first." in text
        assert "Waits to be released, 120 a minute" in text
        assert "requests made" not in text
    for path in ("/signal/connections/", f"/signal/connections/{crm}/"):
        text = text_of(client.get(path).content)
        assert "Waits to be released, 120 a minute" in text, path
        assert "1 job of this account goes first." in text, path
    assert "CRM (waits to be released, 120 a minute)" in text_of(client.get(f"/signal/flows/{flow}/").content)
    with scopes_disabled():
        Job.objects.filter(kind="release").update(state=JobState.RUNNING)
    text = text_of(client.get(release).content)
    assert "Sending what was held" in text
    assert "Being released, 120 a minute" in text
