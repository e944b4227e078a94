"""Old replays go with their lines, and nothing that goes on or that was sent lately (O4, X6, Y1)."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import pytest
from django_scopes import scopes_disabled
from tests.replays import checked, counts, running_jobs, starts
from tests.story import Story

from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.domain.retention import DAY, Terms
from heliograph.jobs import control
from heliograph.jobs.models import Job
from heliograph.replay import replays
from heliograph.store import retention_record
from heliograph.store.queue.replay_removal import DRY_RUN_KEPT
from heliograph.store.queue.retention_round import ChunkPace, RetentionRound

TERMS = Terms(180, 400)
ROUND_SIZE = 2


@pytest.fixture
def flow(story: Story) -> int:
    """A flow that delivered three registrations."""
    made = story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        for n in range(3):
            story.record(f"R{n}", status="Attended", first=f"Name {n}")
        story.wait_for(lambda: story.states() == ["success"] * 3)
    return made


def round_at(story: Story, now: int, *, agreed: bool = False, pause: Callable[[float], bool] | None = None) -> int:
    """One round, in small chunks; how many replays went."""
    if agreed:
        with story.db.transaction():
            retention_record.agree(story.db, story.account, TERMS, now, "user:1")
    made = RetentionRound(story.db, now, threading.Event(), pause or (lambda _seconds: False))
    made._pace = ChunkPace(math.inf, ROUND_SIZE)  # no chunk is ever slow, or the next would take everything
    return made.replays(story.account, TERMS)


def there(story: Story) -> list[tuple[int, int]]:
    """Replays and how many lines each has."""
    return [
        (int(id), int(n))
        for id, n in story.db.all("SELECT r.id, count(l.id) FROM replay r LEFT JOIN replay_line l ON l.replay_id = r.id GROUP BY r.id")
    ]


def jobs_left() -> int:
    with scopes_disabled():
        return Job.objects.count()


def test_O4_a_dry_run_of_which_nothing_was_sent_goes_after_30_days(story: Story, flow: int) -> None:
    old = checked(story, flow)
    now = story.db.now()
    assert there(story) == [(old, 3)]
    assert round_at(story, now + DRY_RUN_KEPT - DAY) == 0
    assert round_at(story, now + DRY_RUN_KEPT + DAY) == 1
    assert there(story) == []
    assert jobs_left() == 0
    assert story.db.all("SELECT count(*) FROM replay_line") == [(0,)]


def test_O4_a_round_that_ends_in_the_middle_leaves_nothing_that_could_be_started(story: Story, flow: int) -> None:
    old = checked(story, flow)
    now = story.db.now() + DRY_RUN_KEPT + DAY
    assert round_at(story, now, pause=lambda _seconds: True) == 0
    chunks = iter((False, True))
    assert round_at(story, now, pause=lambda _seconds: next(chunks)) == 0
    ((left, lines),) = there(story)
    assert left == old
    assert lines < 3
    with pytest.raises(replays.NotNow):
        starts(story, old)
    assert round_at(story, now) == 1
    assert there(story) == []


def test_O4_what_was_sent_goes_with_the_records_of_its_time_and_what_goes_on_stays(story: Story, flow: int) -> None:
    sent = checked(story, flow)
    starts(story, sent)
    with story.worker(), running_jobs():
        story.wait_for(lambda: counts(story, sent).success == 3)
        story.wait_for(lambda: replays.find(story.account, sent).stage is replays.Stage.DONE)
    waits = checked(story, flow)
    starts(story, waits)
    control.pause(replays.find(story.account, waits).replay.send_job, story.account)
    now = story.db.now()
    late = now + TERMS.rows * DAY + DAY
    assert round_at(story, now + (TERMS.rows - 1) * DAY, agreed=True) == 0
    with story.db.transaction():
        story.db.run("DELETE FROM retention")
    assert round_at(story, late) == 0, "terms that nobody was told of"
    assert round_at(story, late, agreed=True) == 1
    assert there(story) == [(waits, 3)]
    assert len(story.db.all("SELECT 1 FROM action WHERE origin = 2")) == 3, "actions go with their records"


def test_X6_what_a_line_quotes_goes_with_the_content(story: Story, flow: int) -> None:
    sent = checked(story, flow)
    with story.db.transaction():
        story.db.run(
            "UPDATE replay_line SET verdict = :fails, problem = 'Name 1 is no number' WHERE replay_id = :id",
            {"id": sent, "fails": ReplayVerdict.WOULD_FAIL.code},
        )
        story.db.run("UPDATE replay SET send_job = check_job, started = created WHERE id = :id", {"id": sent})
    now = story.db.now()
    round_at(story, now + (TERMS.content - 1) * DAY, agreed=True)
    assert story.db.all("SELECT DISTINCT problem FROM replay_line") == [("Name 1 is no number",)]
    round_at(story, now + (TERMS.content + 1) * DAY, agreed=True)
    assert story.db.all("SELECT DISTINCT problem FROM replay_line") == [("",)]
    assert there(story) == [(sent, 3)]
