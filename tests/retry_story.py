"""What the tests of the Retry Queue share: items that wait since a target refused them, and jobs that run to their end."""

from __future__ import annotations

from collections import Counter

from django_scopes import scopes_disabled

from heliograph.domain.connection.secret import Secret
from heliograph.jobs.models import Job
from heliograph.jobs.runner import Runner
from heliograph.wiring import job_kinds
from tests.receiver import Answer, Receiver
from tests.story import Story

RETRY = "/signal/retry/"
TOKEN = "the-very-secret-token"
NO = Answer(401, {"error": "invalid_token"}, {"content-type": "application/json"})


def queued(story: Story, n: int) -> None:
    """Waits until so many actions are in the queue, and nothing is under way."""
    story.wait_for(lambda: Counter(action["state"] for action in story.actions())["queued"] == n and "pending" not in story.states())


def refused(story: Story, receiver: Receiver, *codes: str, answer: Answer = NO) -> int:
    """A connection that refuses these registrations, which then wait; its id."""
    receiver.answer("/crm", answer)
    crm = story.connection("Sales CRM", "/crm", auth="API Key / Token", secrets={Secret.KEY: "expired"})
    story.flow("Leads", [story.to(crm)])
    with story.worker():
        story.record_many([{"code": code, "status": "Attended"} for code in codes])
        queued(story, len(codes))
    return crm


def runs(job: Job) -> Job:
    """The job, run to its end by this process."""
    with scopes_disabled():
        return Runner(job_kinds()).run_one(job.pk)


def newest(kind: str) -> Job:
    with scopes_disabled():
        found = Job.objects.filter(kind=kind).order_by("-pk").first()
    assert found is not None
    return found
