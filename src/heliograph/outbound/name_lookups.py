"""The requests of a sender that wait for the addresses of a name: of their target, or of the proxy."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Hashable

from heliograph.outbound.request_job import RequestJob
from heliograph.outbound.resolver import Resolution, Resolver


class NameLookups:
    """For the sender's thread. The resolver's threads only append to `answers` and wake the sender."""

    def __init__(self, resolver: Resolver, wake: Callable[[], object]) -> None:
        self._resolver, self._wake = resolver, wake
        self.answers: deque[tuple[RequestJob, Resolution]] = deque()
        """Resolutions that the sender has not yet taken. A job in them may no longer wait."""
        self.waiting = 0
        """How many jobs wait."""
        self.deadlines: list[tuple[float, int, RequestJob]] = []
        """A heap: monotonic seconds, a number that orders jobs with one deadline, and the job."""
        self._numbers = itertools.count()

    def resolve(self, job: RequestJob, host: str, owner: Hashable) -> Resolution | None:
        """The resolution if it is cached; else the job waits for it."""
        answer = self._resolver.resolve(host, owner, lambda answer: self._add_answer(job, answer))
        if answer is None:
            job.waiting = True
            self.waiting += 1
            heapq.heappush(self.deadlines, (min(job.deadline, job.began + job.route.connect_timeout), next(self._numbers), job))
        return answer

    def _add_answer(self, job: RequestJob, answer: Resolution) -> None:
        """On one of the resolver's threads."""
        self.answers.append((job, answer))
        self._wake()

    def end(self, job: RequestJob) -> bool:
        """Ends the wait of a job. False if it had ended already."""
        waited, job.waiting = job.waiting, False
        self.waiting -= waited
        return waited

    def overdue(self, now: float) -> RequestJob | None:
        """Ends the wait of a job whose deadline has passed. None if there is none."""
        while self.deadlines and (self.deadlines[0][0] <= now or not self.deadlines[0][2].waiting):
            job = heapq.heappop(self.deadlines)[2]
            if self.end(job):
                return job
        return None

    def drop_all(self) -> list[RequestJob]:
        """Ends all waits. Returns the jobs that waited, the earliest deadline first."""
        jobs = [job for *_, job in sorted(self.deadlines) if self.end(job)]
        self.deadlines.clear()
        self.answers.clear()
        return jobs
