"""Replay: which changes, and the result of each (Y1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.replay import (
    Candidate,
    LastSent,
    ReplayProblem,
    ReplayRequest,
    ReplayVerdict,
    replay_room,
    replay_verdict,
    select,
    summary,
)

ONE = Candidate(change=10, subject=1, version=3, at=100)
SENT = ReplayRequest(b"a")

candidates = st.lists(
    st.builds(Candidate, st.integers(1, 10**6), st.integers(1, 5), st.integers(1, 9), st.integers(0, 50)),
    unique_by=lambda c: (c.subject, c.version),
)


@given(candidates, st.booleans(), st.sampled_from(Does))
def test_Y1_the_latest_per_subject_or_every_one(found: list[Candidate], every: bool, does: Does) -> None:
    chosen = select(found, every=every, does=does)
    if every and does is Does.ADDS:
        assert sorted(chosen, key=repr) == sorted(found, key=repr)
    else:
        assert {c.subject: c.version for c in chosen} == {
            s: max(c.version for c in found if c.subject == s) for s in {c.subject for c in found}
        }
        assert len({c.subject for c in chosen}) == len(chosen)
    assert chosen == sorted(chosen, key=lambda c: (c.at, c.subject, c.version))


@pytest.mark.parametrize(
    ("rendered", "last", "verdict"),
    [
        (SENT, None, ReplayVerdict.NEW),
        (SENT, LastSent(3, b"a"), ReplayVerdict.SAME),
        (SENT, LastSent(2, b"b"), ReplayVerdict.DIFFERENT),
        (SENT, LastSent(2, None), ReplayVerdict.DIFFERENT),
        (ReplayProblem("Last Name is empty."), None, ReplayVerdict.WOULD_FAIL),
        (None, None, ReplayVerdict.WOULD_FAIL),
    ],
)
def test_Y1_compared_with_what_was_last_sent_there(
    rendered: ReplayRequest | ReplayProblem | None, last: LastSent | None, verdict: ReplayVerdict
) -> None:
    assert replay_verdict(ONE, does=Does.UPDATES, takes=True, rendered=rendered, last=last, begun_version=3).verdict is verdict


def test_Y1_filtered_says_why_and_comes_before_everything_else() -> None:
    row = replay_verdict(ONE, does=Does.UPDATES, takes=False, rendered=None, last=None, begun_version=9, why="Filtered by position")
    assert (row.verdict, row.why) == (ReplayVerdict.FILTERED, "Filtered by position")


def test_Y1_newer_data_supersedes_a_replay_where_a_record_is_updated() -> None:
    assert replay_verdict(ONE, does=Does.UPDATES, takes=True, rendered=SENT, last=None, begun_version=4).verdict is ReplayVerdict.SUPERSEDED
    assert (
        replay_verdict(ONE, does=Does.ADDS, takes=True, rendered=SENT, last=LastSent(4, b"a"), begun_version=4).verdict
        is ReplayVerdict.SAME
    )


def test_Y1_the_dry_run_counts_every_verdict() -> None:
    row = replay_verdict(ONE, does=Does.ADDS, takes=True, rendered=SENT, last=None, begun_version=0)
    assert summary([row, row]) == {v: 2 * (v is ReplayVerdict.NEW) for v in ReplayVerdict}


@given(st.integers(-5, 200), st.integers(0, 10_000))
def test_Y1_live_traffic_first_replay_at_least_a_twentieth(room: int, live: int) -> None:
    got = replay_room(room, live)
    assert got == 0 if room <= 0 else max(1, room // 20) <= got <= room
