"""The Activity Feed shows exactly the changes that match, in whatever way they are found (X4)."""

from __future__ import annotations

import random

import pytest
from tests.builders.stored_account import StoredAccount
from tests.figures import busy

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.flow.flow import Mode
from heliograph.insights.feed import PARTS, SETTLED, SLICE, Feed, FeedRow
from heliograph.insights.feed_lines import FeedFilter, FeedLines, FeedResult
from heliograph.web.cursor import Cursor, ListPage

ENDED = (ActionState.QUEUED, ActionState.SUCCESS, ActionState.FAILED, ActionState.VALIDATION, ActionState.SUPERSEDED, ActionState.PENDING)
FAILED = (ActionState.QUEUED, ActionState.FAILED, ActionState.VALIDATION)


def history(setup: StoredAccount, n: int = 4) -> int:
    """Changes in both modes whose actions have every state. Moves them apart in time. Returns the newest moment."""
    chance = random.Random(11)
    for seed in range(n):
        busy(setup, batches=2, seed=seed)
    db = setup.db
    base = db.now() // 1_000_000 * 1_000_000
    with db.transaction():
        for table, at in (("action", "created"), ("run", "at")):
            for (id,) in db.all(f"SELECT id FROM {table} WHERE account_id = :a ORDER BY id", {"a": setup.account}):
                db.run(f"UPDATE {table} SET {at} = :at WHERE id = :id", {"at": base - chance.randrange(60) * 1_000_000, "id": id})
        db.run("UPDATE stuck_run SET created = (SELECT r.at FROM run r WHERE r.id = stuck_run.run_id)")
        for (id,) in db.all("SELECT id FROM action WHERE account_id = :a ORDER BY id", {"a": setup.account}):
            db.run("UPDATE action SET state = :s WHERE id = :id", {"s": int(chance.choice(ENDED)), "id": id})
    return base


def matching(setup: StoredAccount, wanted: FeedFilter) -> list[int]:
    """The changes that match, newest first, found by reading everything."""
    keys: dict[int, tuple[int, int, int]] = {}
    rows = setup.db.all(
        "SELECT 1, a.id, a.created, a.change_id, a.flow_id, a.event_id, a.mode, a.state, l.connection_id, r.search, 0, 0 FROM action a"
        " JOIN lane l ON l.id = a.lane_id LEFT JOIN registration r ON r.id = a.registration_id WHERE a.account_id = :a"
        " UNION ALL SELECT 0, u.id, u.at, u.change_id, u.flow_id, c.event_id, u.mode, 0, 0, r.search, u.decision, COALESCE(j.queue, 4) FROM run u"
        " JOIN change c ON c.id = u.change_id LEFT JOIN registration r ON r.id = c.registration_id LEFT JOIN stuck_run j ON j.run_id = u.id"
        " WHERE u.account_id = :a",
        {"a": setup.account},
    )
    for kind, id, at, change, flow, event, mode, state, connection, search, decision, queue in rows:
        if kind:
            states = {FeedResult.SUCCESS: (10,), FeedResult.FAILURE: FAILED, FeedResult.VALIDATION: (12,)}.get(wanted.result)
            fits = states is None or state in states
        else:
            fits = decision == 1 and (wanted.result is FeedResult.NOT_TRIGGERED or (queue < 4 and not wanted.result))
        fits = fits and mode == wanted.mode.code and (wanted.flow in (None, flow)) and (wanted.event in (None, event))
        fits = fits and (wanted.connection in (None, connection)) and wanted.text.lower() in (search or "")
        fits = fits and (wanted.between is None or wanted.between[0] <= at < wanted.between[1])
        if fits:
            keys[change] = max(keys.get(change, (0, 0, 0)), (at, kind, id))
    return [change for change, _key in sorted(keys.items(), key=lambda item: item[1], reverse=True)]


def walked(feed: Feed, size: int) -> tuple[list[int], list[ListPage[FeedRow]]]:
    """All changes page by page, going on where looking was broken off."""
    found, seen, cursor = [], [], None
    while True:
        page = feed.page(cursor, size=size)
        found += [row.change_id for row in page.rows]
        seen.append(page)
        assert not (page.older and page.further)
        if not (page.older or page.further):
            return found, seen
        cursor = Cursor.read(page.older or page.further, parts=PARTS)


def filters(setup: StoredAccount, now: int) -> list[FeedFilter]:
    flows, event, connection = [setup.flows["All"], setup.id(902), 9_999], setup.event, setup.connection
    return [
        *(FeedFilter(mode, result) for mode in Mode for result in FeedResult),
        *(FeedFilter(mode, result, flow=flow) for mode in Mode for result in FeedResult for flow in flows),
        *(FeedFilter(result=result, event=of) for result in FeedResult for of in (event, 9_999)),
        *(FeedFilter(result=result, connection=of) for result in FeedResult for of in (connection, 9_999)),
        *(FeedFilter(result=result, text=text) for result in FeedResult for text in ("r1", "R3", "nobody")),
        *(FeedFilter(result=result, between=(now - 40_000_000, now - 20_000_000)) for result in FeedResult),
        FeedFilter(flow=flows[0], result=FeedResult.FAILURE, event=event, text="r", connection=connection),
    ]


def test_X4_every_filter_finds_exactly_what_matches_however_far_it_looks_at_once(setup: StoredAccount) -> None:
    now = history(setup)
    reader = AccountReader(setup.db, setup.account)
    broken_off = 0
    for wanted in filters(setup, now):
        expected = matching(setup, wanted)
        for scan, size in ((10_000, 25), (3, 4)):
            found, seen = walked(Feed(reader, wanted, scan=scan), size)
            assert found == expected, (wanted, scan)
            broken_off += sum(bool(page.further) for page in seen)
    assert broken_off > 20, "little was looked at in one page"


@pytest.mark.parametrize("scan", [10_000, 3])
def test_X4_newer_pages_lead_back_to_the_newest(setup: StoredAccount, scan: int) -> None:
    now = history(setup)
    reader = AccountReader(setup.db, setup.account)
    for wanted in (FeedFilter(), FeedFilter(result=FeedResult.SUCCESS), FeedFilter(flow=setup.flows["All"], event=setup.event)):
        expected = matching(setup, wanted)
        feed = Feed(reader, wanted, scan=scan)
        found, cursor = [], Cursor((now - 60_000_000, 0, 0), back=True)
        while cursor:
            page = feed.page(cursor, size=4)
            found = [row.change_id for row in page.rows] + found
            cursor = Cursor.read(page.newer or page.further, parts=PARTS)
        assert found == expected


def test_X4_many_more_changes_than_can_be_read_are_sampled_and_counted(setup: StoredAccount) -> None:
    history(setup, 12)
    db = setup.db
    until = db.now() // SLICE * SLICE
    with db.transaction():
        db.run("UPDATE action SET created = :at WHERE account_id = :a", {"at": until - SLICE, "a": setup.account})
        db.run("UPDATE stuck_run SET created = :at WHERE account_id = :a", {"at": until - 1, "a": setup.account})
    feed = Feed(AccountReader(db, setup.account), FeedFilter())
    sample = feed.sample(until + SETTLED)
    assert sample is not None
    ((n,),) = db.all(
        "SELECT count(*) FROM (SELECT change_id FROM action WHERE account_id = :a AND mode = 1"
        " UNION SELECT change_id FROM stuck_run WHERE account_id = :a AND mode = 1 AND queue < 4) found",
        {"a": setup.account},
    )
    assert (sample.total, sample.is_all, sample.since, sample.until) == (n, True, until - SLICE, until)
    assert len({row.change_id for row in sample.rows}) == 20
    assert [row.key for row in sample.rows] == sorted((row.key for row in sample.rows), reverse=True)
    lines = FeedLines(feed.reader, FeedFilter())
    everything = lines.spread(until - SLICE, until, n, 1_000)
    assert [len({line.change for line in everything.lines}), everything.total, everything.is_all] == [n, n, True]
    ((actions,),) = db.all("SELECT count(*) FROM action WHERE account_id = :a AND mode = 1", {"a": setup.account})
    assert not lines.spread(until - SLICE, until, 20, actions).is_all, "as many lines as are read at most, though of fewer changes"
    assert feed.page(Cursor.read(sample.older, parts=PARTS)).rows == []
    assert feed.sample(until + SETTLED - 1) is None, "the slice is not over yet"
    assert feed.sample(until + SETTLED + SLICE) is None, "nothing has come since"
    assert Feed(AccountReader(db, setup.account), FeedFilter(flow=setup.id(902))).sample(until + SETTLED) is None
