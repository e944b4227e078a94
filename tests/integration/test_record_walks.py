"""A narrowed list of records is the same however many rows are looked at for a page (X3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.seeded import Seeded, db, invented

from heliograph.domain.delivery.retry_policy import DAY, MINUTE, Category
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Facet
from heliograph.insights.feed import Feed
from heliograph.insights.feed_lines import FeedFilter
from heliograph.insights.record_kinds import RecordFilter, RecordKind, RecordSort, has_replays, outcomes_of
from heliograph.insights.record_sources import has_connection
from heliograph.insights.records import PARTS, Record, RecordCount, Records
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.database import Database
from heliograph.web.cursor import Cursor, ListPage

__all__ = ["db"]
pytestmark = pytest.mark.django_db(transaction=True)
ALL, FEW = 1_000_000, 12
"""Rows that are looked at for a page."""


def pages_of(records: Records, size: int) -> list[ListPage[Record]]:
    """All pages, going on where looking was broken off."""
    found, cursor = [], None
    while True:
        page = records.page(cursor, size=size)
        found.append(page)
        assert not (page.older and page.further)
        if not (page.older or page.further):
            return found
        cursor = Cursor.read(page.older or page.further, parts=PARTS)


@pytest.fixture
def seeded(db: Database) -> Seeded:
    """An account with a history of every outcome."""
    return invented(db, changes=250, days=3)


def filters(seeded: Seeded) -> Iterator[RecordFilter]:
    """What each list can be narrowed to, alone and together."""
    for kind in RecordKind:
        yield from of_kind(seeded, kind)


def of_kind(seeded: Seeded, kind: RecordKind) -> Iterator[RecordFilter]:
    reader, until = seeded.reader, seeded.until + MINUTE
    whole = RecordFilter(kind, until - 4 * DAY, until)
    (event,), (other,) = reader.db.all("SELECT id FROM event WHERE account_id = :a ORDER BY id LIMIT 2", {"a": reader.account})
    flow, connection = min(reader.config.flows), min(reader.config.connections)
    yield whole
    for mode in Mode:
        yield replace(whole, mode=mode, flow=flow)
        yield replace(whole, mode=mode, event=event)
        yield replace(whole, mode=mode, since=whole.since + 1)
    yield replace(whole, event=other, flow=flow)
    yield replace(whole, event=9_999)
    for text in ("e", "müller", "nobodyatall"):
        yield replace(whole, text=text)
    for outcome in outcomes_of(kind):
        yield replace(whole, outcome=outcome)
    if has_connection(kind):
        yield replace(whole, connection=connection)
        yield replace(whole, connection=connection, event=event)
    if kind is RecordKind.RECORDED:
        yield replace(whole, facet=Facet.CREATED)
        yield replace(whole, facet=Facet.CREATED, event=event)
    if kind is RecordKind.RETRIES:
        yield from (replace(whole, category=category) for category in Category)
    if has_replays(kind):
        yield from (replace(whole, replays=share) for share in ReplayShare)
        yield replace(whole, replays=ReplayShare.ONLY, event=event)


def test_X3_a_list_has_the_same_records_however_far_a_page_looks(seeded: Seeded) -> None:
    for wanted in filters(seeded):
        for sort in (RecordSort.NEWEST, RecordSort.OLDEST):
            (whole,) = pages_of(Records(seeded.reader, wanted, sort, scan_limit=ALL), ALL)
            assert whole.scan_end is None
            parts = pages_of(Records(seeded.reader, wanted, sort, scan_limit=FEW), 7)
            expected = [row.id for row in whole.rows]
            assert [row.id for part in parts for row in part.rows] == expected, (wanted, sort)
            assert all(len(part.rows) == 7 or part.scan_end for part in parts[:-1])


def test_X3_an_export_and_the_way_back_meet_each_record_too(seeded: Seeded) -> None:
    for wanted in filters(seeded):
        few = Records(seeded.reader, wanted, scan_limit=FEW)
        expected = [row.id for row in Records(seeded.reader, wanted, scan_limit=ALL).page(None, size=ALL).rows]
        exported, cursor, going = [], None, True
        while going:
            rows, cursor = few.walk(cursor, 7)
            exported += [row.id for row in rows]
            going = cursor is not None
        assert exported == expected, wanted
        last, back = pages_of(few, 7)[-1], []
        newer = last.newer
        while newer:
            page = few.page(Cursor.read(newer, parts=PARTS), size=7)
            back = [row.id for row in page.rows] + back
            newer = page.newer or page.further
        if last.newer:
            assert back == expected[: len(expected) - len(last.rows)], wanted


def test_X3_how_far_another_accounts_records_reach_is_not_shown(db: Database, seeded: Seeded) -> None:
    other = invented(db, "OTHER", changes=100, days=3)
    whole = RecordFilter(RecordKind.ATTEMPTS, seeded.until - 4 * DAY, seeded.until + MINUTE)
    for kind in RecordKind:
        if has_connection(kind):
            for connection in other.reader.config.connections:
                page = Records(seeded.reader, replace(whole, kind=kind, connection=connection), scan_limit=1).page(None)
                assert (page.rows, page.scan_end) == ([], None)
    for flow in other.reader.config.flows:
        feed = Feed(seeded.reader, FeedFilter(flow=flow), scan=1).page(None)
        assert (feed.rows, feed.scan_end) == ([], None)


def test_X3_a_count_says_whether_all_were_looked_at(seeded: Seeded) -> None:
    broken_off = set()
    for wanted in filters(seeded):
        every, few = Records(seeded.reader, wanted, scan_limit=ALL), Records(seeded.reader, wanted, scan_limit=FEW).count(ALL)
        exact = RecordCount(len(every.page(None, size=ALL).rows))
        assert every.count(ALL) == exact, wanted
        assert every.count(ALL, kept_since=0) == exact, wanted
        assert few == exact or (few.broken_off_at is not None and few.number <= exact.number), wanted
        if few.broken_off_at is not None:
            broken_off.add(wanted.kind)
        if exact.number and wanted.kind is not RecordKind.FLOWS:
            assert every.count(exact.number - 1) == RecordCount(exact.number - 1, is_more=True)
    assert len(broken_off) > 10
