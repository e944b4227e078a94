"""Replays in a story: their dry run, their start, and the runner of their jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.replay import dry_run, replays, send_job
from heliograph.replay.replays import Stage
from heliograph.replay.selection import ReplayChoice, Selection
from tests.story import BY, Story

KINDS = JobKinds([dry_run.kind(), send_job.kind()])
ALL = frozenset({ReplayVerdict.NEW, ReplayVerdict.DIFFERENT, ReplayVerdict.SAME})


def checked(story: Story, flow: int, **selected: Any) -> int:
    """A replay whose dry run has ended."""
    selection = Selection(**({"until": story.db.now() + 1_000_000} | selected))
    made = replays.create(story.account, flow, selection, by=BY)
    Runner(KINDS).run_one(made.check_job)
    assert replays.find(story.account, made.pk).stage is Stage.CHECKED
    return made.pk


def starts(story: Story, replay: int, *which: ReplayVerdict, rate: int = 30_000, only: tuple[int, ...] = ()) -> None:
    replays.start(story.account, replay, ReplayChoice(frozenset(which) or ALL, only), rate, "A wider filter", by=BY)


@contextmanager
def running_jobs() -> Iterator[None]:
    """The runner of the pages' process, on a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=Runner(KINDS).run_side_by_side, args=(stop,), name="paced jobs")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
        connections.close_all()
        assert not thread.is_alive()


def counts(story: Story, replay: int) -> replays.SentCounts:
    return replays.sent_counts(story.db, replays.find(story.account, replay))
