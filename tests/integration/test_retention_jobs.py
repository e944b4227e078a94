"""Jobs that ended long ago go, with what they were asked for and what a download kept; a replay's go with the replay (O4, X6)."""

from __future__ import annotations

import threading

import pytest
from django.utils import timezone
from django_scopes import scopes_disabled
from tests.replays import checked
from tests.story import Story

from heliograph.domain.retention import DAY, Terms
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.retry.models import DownloadedRow
from heliograph.store import retention_record
from heliograph.store.queue.retention_round import RetentionRound

TERMS = Terms(180, 400)


def ended(story: Story, state: JobState) -> int:
    """A job that looked for a person and is over, or is not, in this state."""
    job = control.create("export-records", story.account, {"wanted": {"text": "Zoë"}}, by="user:1")
    with scopes_disabled():
        finished = None if state in (JobState.QUEUED, JobState.PAUSED) else timezone.now()
        Job.objects.filter(pk=job.pk).update(state=state, finished=finished)
        DownloadedRow.objects.create(job=job, n=1, item="a1", cells='["Zoë"]')
    return int(job.pk)


def left() -> set[int]:
    with scopes_disabled():
        assert DownloadedRow.objects.exclude(job__in=Job.objects.all()).count() == 0
        return set(Job.objects.values_list("pk", flat=True))


def round_at(story: Story, now: int) -> int:
    return RetentionRound(story.db, now, threading.Event(), lambda _seconds: False).jobs(story.account, TERMS)


def agree(story: Story, now: int) -> None:
    with story.db.transaction():
        retention_record.agree(story.db, story.account, TERMS, now, "user:1")


@pytest.mark.django_db(transaction=True)
def test_O4_jobs_that_ended_go_with_the_content_of_their_time(story: Story) -> None:
    over = {ended(story, state) for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)}
    open_ = {ended(story, state) for state in (JobState.QUEUED, JobState.PAUSED)}
    now = story.db.now()
    assert round_at(story, now + 181 * DAY) == 0, "terms that nobody was told of"
    agree(story, now)
    assert round_at(story, now + 179 * DAY) == 0
    assert left() == over | open_
    assert round_at(story, now + 181 * DAY) == 3
    assert left() == open_
    assert round_at(story, now + 400 * DAY) == 0


def test_O4_the_jobs_of_a_replay_stay_with_it(story: Story) -> None:
    flow = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: story.states() == ["success"])
    checked(story, flow)
    before = left()
    agree(story, story.db.now())
    assert before
    assert round_at(story, story.db.now() + 181 * DAY) == 0
    assert left() == before
