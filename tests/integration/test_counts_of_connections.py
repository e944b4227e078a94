"""The number of a list of records of one connection is exact, also after a destination got another connection (X3, F8)."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from tests.story import Story

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.retry_policy import DAY, MINUTE
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.record_minutes import RecordMinutes
from heliograph.insights.record_sources import has_connection
from heliograph.insights.records import RecordCount, Records


def test_X3_F8_a_count_of_a_connection_is_exact_before_and_after_its_lanes_move(story: Story) -> None:
    old, new, other = (story.connection(name, f"/{name}") for name in ("old", "new", "other"))
    flow = story.flow("CRM", [story.to(old)])
    story.flow("Chat", [story.to(other, does=Does.ADDS)])
    until = story.db.now() // MINUTE * MINUTE + DAY
    whole = RecordFilter(RecordKind.SUCCESS, until - 3 * DAY, until)

    def counts_agree(wanted: RecordFilter) -> None:
        with closing(story.open(read_only=True)) as db:
            records = Records(AccountReader(db, story.account), wanted)
            assert records.count(kept_since=0) == RecordCount(len(records.page(None).rows)), wanted

    def is_known(connection: int, kind: RecordKind = RecordKind.SUCCESS) -> bool:
        with closing(story.open(read_only=True)) as db:
            return RecordMinutes(AccountReader(db, story.account), replace(whole, kind=kind, connection=connection)).are_known

    with story.worker():
        story.record_many([{"code": f"A{n}", "event": "SUMMIT"} for n in range(3)])
        story.arrived("/old", 3)
        story.arrived("/other", 3)
        for n in range(3):
            story.until(f"A{n}", "success", "success")
        assert is_known(old)
        story.change_flow(flow, to=[story.to(new)])
        story.record("A0", first="Grace")
        story.arrived("/new", 1)
        story.until("A0", "success", "success", "success", "success")
        story.wait_for(lambda: story.db.all("SELECT count(*) FROM lane WHERE connection_id = :old", {"old": old}) == [(0,)])
    assert not is_known(old)
    assert not is_known(new)
    assert is_known(new, RecordKind.RETRIES)
    assert is_known(other)
    for kind in RecordKind:
        for connection in (old, new, other):
            if has_connection(kind):
                counts_agree(replace(whole, kind=kind, connection=connection))
