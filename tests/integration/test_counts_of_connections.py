"""The number of a list of records of one connection is exact, also after a destination got another connection (X3, F8)."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from tests.receiver import Answer
from tests.story import Story

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.retry_policy import DAY, MINUTE
from heliograph.domain.flow.flow import Mode
from heliograph.insights.destination_figures import destination_figures
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.period import Rolling, rolling_window
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


def test_X2a_X3_what_was_never_sent_goes_with_its_lane_and_what_was_sent_stays_until_it_is_tried_again(story: Story) -> None:
    """Before, what waited at the former connection was counted there for ever, and taken from the new one once it was delivered."""
    story.receiver.answer("/old", Answer(200), Answer(401))
    old, new = story.connection("Old", "/old"), story.connection("New", "/new")
    flow = story.flow("CRM", [story.to(old)])
    with story.worker():
        story.record("A0")
        story.until("A0", "success")
        story.record_many([{"code": code, "event": "SUMMIT"} for code in ("A1", "A2")])
        story.until("A1", "queued")
        story.until("A2", "queued")
        assert of_connections(story) == {"Old": (1, 2, 0), "New": (0, 0, 0)}
    story.pause(new)
    story.change_flow(flow, to=[story.to(new)])
    story.record_many([{"code": "A1", "profile": {"first_name": "Eva"}}, {"code": "A3"}])  # A1's lane is still at the old connection
    with story.worker():
        story.wait_for(lambda: story.db.all("SELECT count(*) FROM lane WHERE connection_id = :old", {"old": old}) == [(0,)])
        assert of_connections(story) == {"Old": (1, 2, 0), "New": (0, 0, 0)}
        story.resume(new)
        story.wait_for(lambda: {state for code in ("A1", "A2", "A3") for state in story.states(code)} <= {"success", "superseded"})
    assert of_connections(story) == {"Old": (1, 0, 0), "New": (3, 0, 0)}
    story.is_sound()


def of_connections(story: Story) -> dict[str, tuple[int, int, int]]:
    """By name, how many actions of the last day are delivered, wait and failed, and no more people; each number has a list as long."""
    numbers = {}
    with closing(story.open(read_only=True)) as db:
        reader = AccountReader(db, story.account)
        window = rolling_window(Rolling.DAY, db.now())
        scope = FigureScope.read(reader, window, Mode.LIVE, None)
        rows = {each.connection: each for each in destination_figures(reader, scope, scope.figures(reader))}
        for id, name in reader.connection_names(reader.config.connections).items():
            row = rows.get(id)
            numbers[name] = (row.sent, row.waiting, row.failed) if row else (0, 0, 0)
            for kind, number in zip((RecordKind.SUCCESS, RecordKind.QUEUED, RecordKind.FAILED), numbers[name], strict=True):
                records = Records(reader, RecordFilter(kind, window.since, window.until, connection=id))
                assert (records.count().number, len(records.page(None).rows)) == (number, number), (name, kind)
            people = Records(reader, RecordFilter(RecordKind.PEOPLE, window.since, window.until, connection=id))
            assert (row.people if row else 0) == len(people.page(None).rows), name
    return numbers
