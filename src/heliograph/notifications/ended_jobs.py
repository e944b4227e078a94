"""Imports and replays that ended lately: whoever started them is told (B4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.problem_plan import Observed
from heliograph.jobs.models import Job, JobState
from heliograph.store.instants import from_micros, to_micros

LATELY: Final = timedelta(hours=24)
"""What ended longer ago is no news, such as after a day without any process."""
MOST: Final = 200
"""The newest jobs of an account that are looked at."""
KINDS: Final = ("import", "replay")
"""The kinds of jobs whose end is news. Whoever asks for a dry run waits for it."""
_ENDS: Final = (JobState.DONE, JobState.FAILED)


def observed(account: int, now: int) -> list[Observed]:
    """Those of the account in scope. One that its person cancelled is no news to them."""
    rows = (
        Job.objects.filter(account_id=account)
        .filter(kind__in=KINDS, state__in=_ENDS, finished__gte=from_micros(now) - LATELY)
        .order_by("-id")
    )
    endings = []
    for row in rows[:MOST]:
        kind, _colon, user = row.created_by.partition(":")
        if kind != "user" or not user.isdecimal() or row.parameters.get("dry_run") or row.finished is None:
            continue
        counts = {name: int(number) for name, number in row.counts.items() if isinstance(number, int)}
        facts = {
            "job": row.kind,
            "id": row.pk,
            "failed": row.state == JobState.FAILED,
            "counts": counts,
            "replay": row.parameters.get("replay"),
        }
        endings.append(Observed(f"ended:job:{row.pk}", Kind.ENDED, to_micros(row.finished), started_by=int(user), facts=facts))
    return endings
