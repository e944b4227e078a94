"""A reader of a REST list ends with the list's own state, whatever the list does while it is read (S3).

The model reader has no database and no network; everything that it decides is decided by the product's own functions.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rest_platform import MINUTE, SECOND, Manners, Platform, description_of

from heliograph.domain.source.key_sweep import ItemAnswer, item_answer, sweeps_needed
from heliograph.domain.source.list_page import new_items, read_page
from heliograph.domain.source.read_progress import Reading, after_page, first_reading, next_mark
from heliograph.domain.source.rest_list import RestList

MANNERS = st.builds(
    Manners,
    ordered=st.booleans(),
    paging=st.sampled_from(["number", "offset", "cursor", "link"]),
    largest_page=st.sampled_from([1, 3, 10]),
    most_late=st.sampled_from([0, 4 * MINUTE]),
    clock_lies=st.sampled_from([0, 3 * 60 * MINUTE]),
    repeats=st.sampled_from([0.0, 0.3]),
    repeats_last_page=st.booleans(),
    edits_between_pages=st.sampled_from([0, 2]),
    errors=st.sampled_from([0.0, 0.1]),
)
MOST_REQUESTS = 3_000


@dataclass
class ModelReader:
    """Reads a platform. A kill loses the page that was asked for, never what was saved."""

    platform: Platform
    description: RestList
    known: dict[str, bytes] = field(default_factory=dict)
    items: dict[str, object] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    mark: int | None = None
    reading: str = ""
    """The reading under way, as it is stored."""
    seen: set[str] = field(default_factory=set)

    def read_one(self, begin: Reading) -> Reading:
        """One page, from what is stored."""
        reading = Reading.from_body(json.loads(self.reading)) if self.reading else begin
        answer = self.platform.get(self.description.url(reading.since, reading.place))
        if answer.status != 200:
            return reading
        page = read_page(self.description, answer.json, answer.headers, reading.place)
        news = new_items(page.items, self.known)
        reading = after_page(self.description, reading, page, {item.key for item in news}, self.platform.clock)
        for item in news:
            self.known[item.key], self.items[item.key] = item.digest, item.value
        self.seen |= {item.key for item in page.items}
        self.reading = "" if reading.is_over else json.dumps(reading.to_body())
        return reading

    def read_all(self, *, sweep: bool = False) -> None:
        """A whole reading."""
        begin = Reading() if sweep else first_reading(self.description, self.mark)
        self.seen = set()
        for _ in range(MOST_REQUESTS):
            reading = self.read_one(begin)
            if reading.is_over:
                if not sweep:
                    self.mark = next_mark(self.mark, reading)
                return
        raise AssertionError("the reading does not end")

    def sweep(self) -> None:
        """A sweep of all keys, with the single requests that it leads to."""
        self.read_all(sweep=True)
        self.missing = {key: self.missing.get(key, 0) + 1 for key in self.known.keys() - self.seen}
        for key, sweeps in self.missing.items():
            if sweeps >= sweeps_needed(self.description):
                status = self.platform.get(self.description.item_url(key)).status if self.description.item_address else 404
                if item_answer(status) is ItemAnswer.GONE:
                    del self.known[key], self.items[key]


def platform_with(manners: Manners, seed: int, rows: int) -> Platform:
    platform = Platform(manners, random.Random(seed))
    for _ in range(rows):
        platform.edit()
    return platform


@settings(max_examples=150, deadline=None)
@given(MANNERS, st.integers(0, 2**32), st.integers(0, 60), st.booleans())
def test_the_end_is_the_platforms_state(manners: Manners, seed: int, rows: int, has_item_address: bool) -> None:
    platform = platform_with(manners, seed, rows)
    more = {} if has_item_address else {"item_address": ""}
    reader = ModelReader(platform, description_of(manners, **more))
    for number in range(6):
        reader.read_all()
        for _ in range(platform.random.randint(0, 15)):
            platform.edit()
        platform.clock += platform.random.randint(0, 10 * MINUTE)
        if number == 3:
            reader.sweep()
    platform.fall_quiet()
    reader.read_all()
    if manners.ordered and not manners.clock_lies:  # a sweep need not cure anything but deletions
        assert platform.state().items() <= reader.items.items()
    for _ in range(3):
        reader.sweep()
    assert reader.items == platform.state()


@settings(max_examples=60, deadline=None)
@given(MANNERS, st.integers(0, 2**32))
def test_a_backfill_misses_nothing_that_moves_meanwhile(manners: Manners, seed: int) -> None:
    """Without late commits and without edits of many rows at one time, one reading sees every row that was there when it began and stayed."""
    calm = replace(manners, ordered=True, most_late=0, most_at_once=0, edits_between_pages=2)
    platform = platform_with(calm, seed, 80)
    there = set(platform.rows)
    reader = ModelReader(platform, description_of(calm))
    reader.read_all()
    assert there & platform.rows.keys() <= reader.items.keys()


def test_many_rows_of_one_time_are_read_by_pages() -> None:
    manners = Manners(edits_between_pages=0)
    platform = Platform(manners, random.Random(7))
    for number in range(95):
        platform.write(f"t{number:03}", {"number": number}, platform.clock)
    for number in range(95):
        platform.clock += SECOND
        platform.write(f"u{number:03}", {"number": number})
    reader = ModelReader(platform, description_of(manners))
    reader.read_all()
    assert reader.items == platform.state()
    assert platform.requests <= 60
    before = platform.requests
    reader.read_all()  # the overlap, once more
    assert platform.requests - before <= 30


def test_a_date_in_the_future_hides_nothing() -> None:
    platform = Platform(Manners(), random.Random(7))
    platform.write("future", {"number": 1}, platform.clock + 10**12)
    reader = ModelReader(platform, description_of(platform.manners))
    reader.read_all()
    for number in range(5):
        platform.clock += MINUTE
        platform.write(f"k{number}", {"number": number})
        reader.read_all()
        assert reader.items == platform.state()


def test_a_list_that_ignores_the_time_or_the_order_is_read_whole() -> None:
    """The description says that it is sorted and honours the time; it does neither."""
    platform = platform_with(Manners(ordered=False), 3, 60)
    reader = ModelReader(platform, description_of(platform.manners, ordered=True))
    reader.read_all()
    assert reader.items == platform.state()
    platform = platform_with(Manners(), 3, 60)
    reader = ModelReader(platform, description_of(platform.manners, since_parameter="unknown"))
    for _ in range(3):
        reader.read_all()
        assert reader.items == platform.state()
        platform.edit()
