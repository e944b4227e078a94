"""Replay: which changes, and the result of each (Y1)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.replay import (
    Candidate,
    LastSent,
    ReplayNote,
    ReplayProblem,
    ReplayRequest,
    ReplayRow,
    ReplayVerdict,
    replay_room,
    replay_verdict,
    select,
    summary,
)

ONE = Candidate(change=10, subject=1, version=3, at=100)
SENT = ReplayRequest(b"a")

rows = st.lists(
    st.builds(
        ReplayRow,
        st.builds(Candidate, st.integers(1, 10**6), st.integers(1, 5), st.integers(1, 9), st.integers(0, 50)),
        st.sampled_from(ReplayVerdict),
    ),
    unique_by=lambda row: (row.candidate.subject, row.candidate.version),
)


@given(rows, st.booleans(), st.sampled_from(Does))
def test_Y1_the_latest_that_the_rules_accept_per_subject_or_every_one(found: list[ReplayRow], every: bool, does: Does) -> None:
    chosen = select(found, every=every, does=does)
    if every and does is Does.ADDS:
        assert sorted(chosen, key=repr) == sorted(found, key=repr)
    else:
        assert {row.candidate.subject: row.candidate.version for row in chosen} == {
            subject: standing(row for row in found if row.candidate.subject == subject)
            for subject in {row.candidate.subject for row in found}
        }
        assert len({row.candidate.subject for row in chosen}) == len(chosen)
    assert chosen == sorted(chosen, key=lambda row: (row.candidate.at, row.candidate.subject, row.candidate.version))


def standing(found: Iterable[ReplayRow]) -> int:
    """The version that stands for a subject: the latest accepted one, or the latest if none is."""
    of = list(found)
    accepted = [row.candidate.version for row in of if row.verdict is not ReplayVerdict.FILTERED]
    return max(accepted or [row.candidate.version for row in of])


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


def test_X6_what_is_gone_is_said() -> None:
    gone = replay_verdict(ONE, does=Does.UPDATES, takes=True, rendered=None, last=None, begun_version=0)
    assert (gone.verdict, gone.note) == (ReplayVerdict.WOULD_FAIL, ReplayNote.CONTENT_GONE)
    last_gone = replay_verdict(ONE, does=Does.UPDATES, takes=True, rendered=SENT, last=LastSent(2, None, gone=True), begun_version=2)
    assert (last_gone.verdict, last_gone.note) == (ReplayVerdict.DIFFERENT, ReplayNote.LAST_GONE)
    secret = replay_verdict(ONE, does=Does.UPDATES, takes=True, rendered=ReplayRequest(None), last=LastSent(2, None), begun_version=2)
    assert (secret.verdict, secret.note) == (ReplayVerdict.DIFFERENT, ReplayNote.NOT_COMPARED)


def test_D2_newer_data_that_waits_goes_first() -> None:
    row = replay_verdict(ONE, does=Does.UPDATES, takes=True, rendered=SENT, last=None, begun_version=0, newest_open=4)
    assert (row.verdict, row.note) == (ReplayVerdict.SUPERSEDED, ReplayNote.NEWER_WAITS)
