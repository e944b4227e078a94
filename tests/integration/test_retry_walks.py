"""A narrowed list of the Retry Queue is the same however many items are looked at for a page (D8)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.seeded import Seeded, db, invented

from heliograph.domain.delivery.action import OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.retry_policy import Category
from heliograph.retry.retry_items import RetryFilter, group_key
from heliograph.retry.retry_queue import PARTS, RetryQueue
from heliograph.store.database import Database
from heliograph.web.cursor import Cursor
from heliograph.web.list_count import ListCount

__all__ = ["db"]
pytestmark = pytest.mark.django_db(transaction=True)
ALL = 1_000_000


@pytest.fixture
def seeded(db: Database) -> Seeded:
    """An account with a history of every outcome."""
    return invented(db, changes=1_500, days=3)


def filters(seeded: Seeded) -> Iterator[RetryFilter]:
    """What the queue can be narrowed to, alone and together."""
    config, events = seeded.reader.config, seeded.db.all("SELECT id FROM event WHERE account_id = :a", {"a": seeded.account})
    for statuses in ((), OPEN_STATUSES, *((status,) for status in QueueStatus)):
        yield RetryFilter(statuses)
        yield from (RetryFilter(statuses, text=text) for text in ("e", "müller", "nobodyatall", "refused"))
        yield from (RetryFilter(statuses, category=category) for category in Category)
        yield from (RetryFilter(statuses, flow=flow) for flow in config.flows)
        yield from (RetryFilter(statuses, connection=connection) for connection in config.connections)
        yield from (RetryFilter(statuses, event=event, text="e") for (event,) in events)
    items = RetryQueue(seeded.reader, ALL).all_of(RetryFilter())
    yield from (RetryFilter(cause=key) for key in sorted({group_key(item) for item in items}))


def walked(queue: RetryQueue, wanted: RetryFilter, size: int) -> list[str]:
    """The keys of all items, page by page, going on where looking was broken off."""
    found, cursor = [], None
    while True:
        page = queue.page(wanted, cursor, size=size)
        found += [item.key for item in page.rows]
        assert not (page.older and page.further)
        if not (page.older or page.further):
            return found
        cursor = Cursor.read(page.older or page.further, parts=PARTS)


def test_D8_the_queue_has_the_same_items_however_far_a_page_looks(seeded: Seeded) -> None:
    for wanted in filters(seeded):
        expected = walked(RetryQueue(seeded.reader, ALL), wanted, ALL)
        for looked, size in ((3, 4), (40, 25)):
            found = walked(RetryQueue(seeded.reader, looked), wanted, size)
            # Of two tables: those of a stretch stand by their time, and the next ones after them.
            assert sorted(found) == sorted(expected), wanted
            assert len(set(found)) == len(found)


def test_D8_a_number_says_whether_all_were_looked_at(seeded: Seeded) -> None:
    broken_off = 0
    for wanted in filters(seeded):
        exact = len(walked(RetryQueue(seeded.reader, ALL), wanted, ALL))
        assert RetryQueue(seeded.reader, ALL).count(wanted) == ListCount(exact), wanted
        assert RetryQueue(seeded.reader, 10).count(wanted, most=None) == ListCount(exact), wanted
        few = RetryQueue(seeded.reader, 10).count(wanted)
        assert few == ListCount(exact) or (few.is_more and few.number <= exact), wanted
        broken_off += few.is_more
        if exact:
            assert RetryQueue(seeded.reader, ALL).count(wanted, most=exact - 1) == ListCount(exact - 1, is_more=True), wanted
    assert broken_off > 20
