"""A trial of the time that a REST list is asked for is never wrong about lists that obey it, and those that ignore it (S3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.source.list_page import ListPage, read_page
from heliograph.domain.source.list_trial import Doubt, Effect, Turn, is_sorted, judge_since, judge_turn, keys_twice, time_to_ask
from heliograph.domain.source.rest_list import Place, RestList
from heliograph.domain.source.source_times import SECOND, SinceFormat, read_time, write_since

START = 1_791_981_000 * SECOND
times = st.lists(st.integers(0, 200_000), max_size=20)


def described(since_format: SinceFormat = SinceFormat.ISO) -> RestList:
    return RestList(
        "https://portal.example/list", since_parameter="since", since_format=since_format, modified_path="at", zone="Europe/Berlin"
    )


def page_of(description: RestList, seconds: list[int], since: int | None = None, *, exclusive: bool = False) -> ListPage:
    rows = [{"id": n, "at": write_since(START + each * SECOND, SinceFormat.ISO)} for n, each in enumerate(seconds)]
    if since is not None:
        rows = [row for row in rows if (at := read_time(row["at"])) is not None and (at > since if exclusive else at >= since)]
    return read_page(description, rows, [], Place())


@given(times, st.sampled_from(SinceFormat), st.booleans())
def test_a_list_that_obeys_is_never_called_deaf(seconds: list[int], since_format: SinceFormat, exclusive: bool) -> None:
    description = described(since_format)
    page = page_of(description, seconds)
    asked = time_to_ask(description, page)
    trial = judge_since(page, page_of(description, seconds, asked, exclusive=exclusive), asked)
    assert trial.effect is not Effect.IGNORED
    if asked is not None and not exclusive and any(START + each * SECOND < asked for each in seconds) and trial.items:
        assert trial.effect is Effect.WORKS
    if trial.effect is Effect.WORKS and trial.is_exclusive is not None:
        assert trial.is_exclusive == exclusive


@given(times, st.sampled_from(SinceFormat))
def test_a_list_that_ignores_is_never_said_to_work(seconds: list[int], since_format: SinceFormat) -> None:
    description = described(since_format)
    page = page_of(description, seconds)
    asked = time_to_ask(description, page)
    trial = judge_since(page, page, asked)
    assert trial.effect is not Effect.WORKS
    if asked is not None and any(START + each * SECOND < asked for each in seconds):
        assert trial.effect is Effect.IGNORED


def test_what_cannot_be_told_says_why() -> None:
    description = described()
    page = page_of(description, [0, 10, 20, 30])
    asked = time_to_ask(description, page)
    assert asked == START + 20 * SECOND
    assert judge_since(page, page_of(description, []), asked).doubt is Doubt.EMPTY
    other = read_page(description, [{"id": 99, "at": "2020-01-01T00:00:00Z"}, {"id": 98, "at": "2030-01-01T00:00:00Z"}], [], Place())
    assert judge_since(page, other, asked).doubt is Doubt.OLDER
    assert judge_since(page_of(description, []), page, None).doubt is Doubt.NO_ITEMS
    single = page_of(description, [5])
    assert judge_since(single, page_of(description, []), time_to_ask(description, single)).doubt is Doubt.ONE_TIME


def test_a_second_page_with_the_same_items_is_noticed() -> None:
    description = described()
    page = page_of(description, [1, 2, 3])
    assert judge_turn(page, None) is Turn.NONE
    assert judge_turn(page, page) is Turn.SAME
    assert judge_turn(page, page_of(description, [])) is Turn.END
    assert judge_turn(page, read_page(description, [{"id": 9}], [], Place())) is Turn.FOUND
    assert is_sorted(page)
    assert not is_sorted(page_of(description, [3, 2, 1]))
    assert keys_twice(read_page(description, [{"id": 1}, {"id": 1}], [], Place())) == 1
