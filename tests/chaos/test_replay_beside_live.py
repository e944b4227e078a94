"""A replay beside live traffic: live goes first, and every count is exact (Y1). The large dose is a trial."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections import Counter
from functools import partial

import pytest
import structlog
from tests.doors import JSON, PATH, make_token
from tests.processes import Starter, free_port
from tests.receiver import Answer
from tests.replays import checked, counts, starts
from tests.story import Story
from tests.waiting import PATIENCE, until

from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.replay import replays
from heliograph.replay.replays import Stage

log = structlog.get_logger(__name__)
EVERY = 0.04
"""Seconds between two live changes."""


class LiveTraffic:
    """A sender that posts changes to the door, one after another at a steady pace."""

    def __init__(self, story: Story, port: int) -> None:
        self._story = story
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._headers = {"Content-Type": JSON, "Authorization": f"Bearer {make_token(story.db, account=story.account)}"}

    def send(self, name: str, n: int) -> list[float]:
        """Posts n changes. Returns how long each took from its post until it arrived, in seconds."""
        posted: dict[str, float] = {}
        began = time.monotonic()
        for i in range(n):
            until(partial(_is_past, began + i * EVERY), every=0.002)
            code = f"{name}{i}"
            posted[code] = time.monotonic()
            document = {"event": "SUMMIT", "code": code, "status": "Attended"}
            self._connection.request("POST", PATH, json.dumps(document), self._headers)
            answer = self._connection.getresponse()
            assert answer.status == 201, answer.read()
            answer.read()
        until(lambda: len({code for code in arrivals(self._story) if code.startswith(name)}) == n)
        seen = arrivals(self._story)
        return [seen[code] - at for code, at in posted.items()]

    def close(self) -> None:
        self._connection.close()


def _is_past(due: float) -> bool:
    return time.monotonic() >= due


def arrivals(story: Story) -> dict[str, float]:
    """When each registration first arrived."""
    found: dict[str, float] = {}
    for request in story.receiver.at("/crm"):
        found.setdefault(request.json()["code"], request.at)
    return found


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(
    ("replayed", "changes", "rate", "most"),
    [
        pytest.param(200, 60, 6_000, None, id="a small dose"),
        pytest.param(5_000, 1_500, 6_000, 1.5, id="5,000", marks=pytest.mark.trial),
    ],
)
def test_Y1_live_traffic_is_not_held_up_by_a_replay(
    forgetful_story: Story, heliograph: Starter, replayed: int, changes: int, rate: int, most: float | None
) -> None:
    """most: by which factor the slowest hundredth may be slower; on a loaded machine only the trial can say."""
    story = forgetful_story
    flow = story.flow("All", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    story.receiver.answer("/crm", Answer(200, delay=0.01))
    story.set_active(flow, False)
    for start in range(0, replayed, 500):
        story.record_many([{"code": f"R{n}", "status": "Attended"} for n in range(start, min(replayed, start + 500))])
    until_ = story.db.now() + 1
    story.set_active(flow, True)
    replay = checked(story, flow, until=until_)
    port = free_port()
    heliograph.serves(HELIOGRAPH_INGEST_BIND=f"127.0.0.1:{port}")
    traffic = LiveTraffic(story, port)
    warm = changes // 10
    traffic.send("W", warm)  # the first ones wait for what is imported and connected only once
    without = traffic.send("A", changes)
    starts(story, replay, ReplayVerdict.NEW, rate=rate)
    beside = traffic.send("B", changes)
    until(lambda: replays.find(story.account, replay).stage is Stage.DONE, 600)
    traffic.close()
    log.info("replay_beside_live", replayed=replayed, without=round(p99(without), 4), beside=round(p99(beside), 4))
    seen = Counter(request.json()["code"] for request in story.receiver.at("/crm"))
    assert len(seen) == replayed + warm + 2 * changes
    assert set(seen.values()) == {1}
    assert counts(story, replay).success == replayed
    if most is not None:
        assert p99(beside) <= most * p99(without)
