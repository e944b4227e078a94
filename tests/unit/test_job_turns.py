"""Whose job is next: accounts take turns."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from heliograph.jobs.turns import OpenJob, must_give_way, next_jobs

ACME, GLOBEX, UMBRELLA = 1, 2, 3


def waits(id: int, account: int) -> OpenJob:
    return OpenJob(id, account, is_running=False)


def runs(id: int, account: int) -> OpenJob:
    return OpenJob(id, account, is_running=True)


def test_O9_an_account_with_many_jobs_does_not_come_before_one_with_a_single_job() -> None:
    many = [waits(id, ACME) for id in range(1, 51)]
    assert next_jobs([*many, waits(51, GLOBEX)], {ACME: 1}, 5)[0] == 51
    assert next_jobs([runs(1, ACME), *many[1:], waits(51, GLOBEX)], {}, 5)[0] == 51


def test_O9_of_one_account_the_oldest_job_is_first() -> None:
    assert next_jobs([waits(9, ACME), waits(3, ACME), waits(5, ACME)], {ACME: 4}, 5) == [3, 5, 9]


def test_O9_accounts_whose_latest_turn_is_longest_ago_are_first() -> None:
    jobs = [waits(1, ACME), waits(2, GLOBEX), waits(3, UMBRELLA)]
    assert next_jobs(jobs, {ACME: 3, GLOBEX: 1, UMBRELLA: 2}, 5) == [2, 3, 1]


def test_O9_no_more_jobs_of_an_account_run_than_may() -> None:
    assert next_jobs([runs(1, ACME), runs(2, ACME), waits(3, ACME), waits(4, GLOBEX)], {}, 2) == [4]


def test_O9_a_job_gives_way_only_to_an_account_with_fewer_running_jobs() -> None:
    assert must_give_way([runs(1, ACME), waits(2, GLOBEX)], ACME, 5)
    assert not must_give_way([runs(1, ACME), waits(2, ACME)], ACME, 5)
    assert not must_give_way([runs(1, ACME), runs(2, GLOBEX), waits(3, GLOBEX)], ACME, 5)
    assert not must_give_way([runs(1, ACME), runs(2, GLOBEX), waits(3, GLOBEX)], ACME, 1)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=40), st.integers(1, 3))
def test_O9_with_one_place_every_account_has_a_turn_before_any_has_its_second(accounts: list[int], most: int) -> None:
    jobs = [waits(id, account) for id, account in enumerate(accounts, 1)]
    account_of = {job.id: job.account for job in jobs}
    served: dict[int, int] = {}
    turns: Counter[int] = Counter(dict.fromkeys(accounts, 0))
    for number in range(1, 4 * len(turns) + 1):
        account = account_of[next_jobs(jobs, served, most)[0]]
        served[account] = number
        turns[account] += 1
        assert max(turns.values()) - min(turns.values()) <= 1
