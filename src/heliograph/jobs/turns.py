"""The order of waiting jobs, pure: accounts take turns, so that a long queue of one account does not delay another's jobs.

docs/design/processes.md, section 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

TURN: Final = 2.0
"""Seconds of a turn, while another account waits."""
SHARE_OF_OPENING: Final = 4.0
"""A turn lasts at least this multiple of the time to its first chunk. In that time a file is read again up to the cursor, so this costs a quarter
at most."""


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that waits or runs."""

    id: int
    account: int
    is_running: bool


def next_jobs(jobs: Sequence[OpenJob], served: Mapping[int, int], most_running: int) -> list[int]:
    """The ids of waiting jobs, in the order in which they get a turn.

    First the account with the fewest running jobs, then the one whose latest turn is longest ago; of an account the oldest job.

    served: a number per account, higher for a later turn; accounts without one had none.
    most_running: jobs of one account that may run at once.
    """
    running = running_jobs(jobs)
    oldest: dict[int, int] = {}
    for job in jobs:
        if not job.is_running:
            oldest[job.account] = min(job.id, oldest.get(job.account, job.id))
    waiting = [job for job in jobs if not job.is_running and running[job.account] < most_running]
    waiting.sort(key=lambda job: (running[job.account], served.get(job.account, 0), oldest[job.account], job.id))
    return [job.id for job in waiting]


def must_give_way(jobs: Sequence[OpenJob], account: int, most_running: int) -> bool:
    """True if a job of this account ends its turn because an account with fewer running jobs waits."""
    running = running_jobs(jobs)
    return any(not job.is_running and running[job.account] < min(running[account], most_running) for job in jobs)


def running_jobs(jobs: Iterable[OpenJob]) -> Counter[int]:
    """How many jobs of each account run."""
    return Counter(job.account for job in jobs if job.is_running)
