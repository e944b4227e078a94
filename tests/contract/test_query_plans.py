"""The plans of the hot statements, and of the pages' statements, on tables of realistic size: none reads a whole hot table, or all rows of
an account (D9; docs/design/queue.md, section 1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from pyroaring import BitMap
from tests.builders.filled_tables import fill, ready_lanes, settlements
from tests.builders.stored_account import StoredAccount, stored_account
from tests.databases import DatabaseFacts, Databases
from tests.plans import Explaining

from heliograph.accounts.models import Role, User
from heliograph.connections import connection_deliveries
from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter, RetryCounts, RetryCountsOfDestination
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.actor_outcomes import outcomes_by_actor
from heliograph.deliveries.outcome_hours import HOUR, outcome_columns
from heliograph.deliveries.registration_deliveries import DeliveryFilter, deliveries_of, registrations_in
from heliograph.deliveries.registration_destinations import DestinationOfRegistration
from heliograph.deliveries.unsent_reasons import unsent_reasons
from heliograph.domain.delivery.action import Does, QueueStatus, Rank
from heliograph.domain.delivery.item_state import ItemState
from heliograph.domain.delivery.outcomes import CURED_BY_ADDRESS, CURED_BY_CONNECTION, CURED_BY_FLOW, Cause, Delivered, Refused
from heliograph.domain.delivery.retry_policy import DAY, MINUTE, Category
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.change import Facet, RegistrationState
from heliograph.domain.setup.fields import Subject
from heliograph.engine.worker import reconsideration
from heliograph.flows.flow_list import FlowList
from heliograph.insights.feed import PARTS, Feed
from heliograph.insights.feed_lines import FeedFilter as FeedWanted
from heliograph.insights.feed_lines import FeedResult as FeedOf
from heliograph.insights.period import fixed_window
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import RecordFilter, RecordKind, RecordSort, RowKind, sorts_of
from heliograph.insights.record_totals import moved_since
from heliograph.insights.records import MOST_COUNTED, MOST_NARROWED, RecordCount, Records
from heliograph.insights.records import PARTS as RECORD_PARTS
from heliograph.insights.replay_share import ReplayShare
from heliograph.mappings.mapping_subjects import Subjects
from heliograph.notifications import ending_secrets, observations
from heliograph.notifications.delivered_yesterday import delivered_yesterday
from heliograph.overview.account_overview import AccountOverview
from heliograph.recording.contents import write_state
from heliograph.recording.record import record
from heliograph.registrations.list import MOST, ListScope, Registrations, RegistrationSort
from heliograph.registrations.list import RegistrationFilter as ListOf
from heliograph.retry.cause_groups import CauseGroups
from heliograph.retry.retry_items import RetryFilter as QueueWanted
from heliograph.retry.retry_queue import RetryQueue
from heliograph.search.account_search import AccountSearch
from heliograph.store import configuration_versions, connection_states, erased_codes, erasures
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database
from heliograph.store.installation_state import read_status
from heliograph.store.instants import EPOCH
from heliograph.store.queue import (
    erased_deliveries,
    lane_reads,
    outcome_store,
    pending_items,
    replay_actions,
    slot_leases,
    stuck_runs,
    submissions,
)
from heliograph.store.queue.lane_reads import LaneWant
from heliograph.store.queue.people_sent import PeopleSent, people_sent
from heliograph.store.registrations import ids_of_code
from heliograph.store.where import Where
from heliograph.timeline.registration_search import RegistrationSearch
from heliograph.timeline.timeline import Show, Timeline, TimelineRegistration
from heliograph.web.cursor import Cursor
from heliograph.web.list_count import ListCount

ROWS = 20_000
PAUSED = 120
"""One of two connections whose lanes are ready. Tests pause it."""


@pytest.fixture(scope="module")
def large(databases: Databases) -> Iterator[tuple[DatabaseFacts, int]]:
    """A database with many registrations, lanes and actions, a tenth of them open, and the account that owns them."""
    with databases.migrated() as facts:
        db = facts.open()
        s = stored_account(db)
        with db.transaction():
            fill(db, s.account, s.event, ROWS)
            count_figures(db)
        if db.vendor == "postgresql":
            db.run("ANALYZE")
        db.close()
        yield facts, s.account


def count_figures(db: Database) -> None:
    """Writes the figures of all rows, folded."""
    for table, unit, length in (("figure_sum", "minute", MINUTE), ("figure_hour", "hour", 60 * MINUTE)):
        db.run(f"DELETE FROM {table}")
        for rows, at, mode, measure in COUNTED:
            db.run(
                f"INSERT INTO {table} (account_id, {unit}, mode, integration, flow_id, connection_id, category, measure, n)"
                f" SELECT account_id, {at} / {length}, {mode}, 1, flow_id, 0, 0, {measure}, count(*) FROM {rows} GROUP BY 1, 2, 3, 5, 8"
            )


COUNTED = (
    ("action", "created", "mode", "10"),
    ("action", "created", "mode", "10 + state"),
    ("attempt WHERE kind > 1", "at", "1", "30"),
    ("run", "at", "mode", "3"),
    ("run WHERE decision = 1", "at", "mode", "4"),
)
"""Rows, when and in which mode they count, and the measure."""


@pytest.fixture
def explaining(large: tuple[DatabaseFacts, int]) -> Iterator[Explaining]:
    """The same database with explained statements; changes are rolled back, and at the end no table may have been read whole."""
    db = large[0].open()
    made = Explaining(db)
    try:
        with db.transaction():
            yield made
            raise _Undone
    except _Undone:
        db.close()
    assert made.statements
    assert not made.scans, "\n".join(f"{table}: {how}: {sql}" for table, how, sql in made.scans)


class _Undone(Exception):
    """Rolls back a test's transaction."""


def test_D9_reading_ahead_goes_by_connection(explaining: Explaining) -> None:
    found = lane_reads.connections_with_work(explaining, ROWS)
    assert len(found) == 4  # every 20th row of 40 connections is ready, the next one is due
    wants = [LaneWant(c, rank, 50) for c in found for rank in (*Rank, None)]
    read = lane_reads.read_lanes(explaining, wants, ROWS)
    assert len(read) == 200
    assert len(lane_reads.open_actions(explaining, [stored.lane.id for stored in read], also=[1_000_007])) == 201


def test_D2_settling_goes_by_lane_and_action(explaining: Explaining) -> None:
    assert slot_leases.fence(explaining, [1, 2])
    held = lane_reads.lock_lanes(explaining, ready_lanes())
    about = lane_reads.open_actions(explaining, held, also=ready_lanes())
    now = explaining.now()
    refused = Refused(Category.GENERAL, Cause.ANSWER, "", left=True, status=500)
    settled = settlements(held, about, now, lambda n: Delivered(200) if n % 2 else refused)
    outcome_store.store(explaining, settled, now)
    outcome_store.advance_begun(explaining, [(number, 9) for number in held])
    assert outcome_store.mark_in_flight_at_crash(explaining, [(number, 9) for number in held]) == len(held)
    assert len(settled) == 20


def test_D7_D8_wishes_of_people_go_by_item_and_by_what_was_saved(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    account = large[1]
    queued = [1_000_000 + n for n in range(1, 400, 20)]
    said = submissions.submit(explaining, account, queued, lambda _: Does.UPDATES)
    assert set(said.values()) == {""}
    assert stuck_runs.submit_runs(explaining, account, [1_000_052]) == {1_000_052: ""}
    pending_items.reschedule_connection(explaining, account, 101, CURED_BY_CONNECTION, lambda _: Does.UPDATES)
    pending_items.reschedule_connection(explaining, account, 101, CURED_BY_CONNECTION | CURED_BY_ADDRESS, lambda _: Does.UPDATES)
    pending_items.reschedule_flow(explaining, account, 8, CURED_BY_FLOW, lambda _: Does.UPDATES)
    stuck_runs.note_flow_saved(explaining, account, 7)
    stuck_runs.note_tagged(explaining, account, [stuck_runs.TaggedObject("registration", "status", 12)])
    while stuck_runs.compare_next(explaining, account):
        pass
    assert pending_items.end_flow(explaining, account, 8)


def test_F7_judging_again_goes_by_what_is_due(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    account = large[1]
    assert reconsideration.accounts_to_reconsider(explaining, range(64)) == [account]


def test_B7_an_erasure_goes_by_the_changes_of_the_registration(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    account = large[1]
    with closing(large[0].open()) as db:
        ((registration, event),) = db.all("SELECT max(registration_id), max(event_id) FROM change WHERE kind = 1")
    assert erased_deliveries.erase_chunk(explaining, account, registration, 0).counts
    assert erased_codes.known(explaining, [(account, event, "R1")]) == set()
    assert erasures.open_proposals(explaining, account) == []
    assert erasures.propose(explaining, account, [registration], "source:1") == 1


def test_D2_moving_lanes_goes_by_destination(explaining: Explaining) -> None:
    found = lane_reads.misplaced(explaining, 5, 141, range(64), 500)
    assert len(found) == 500
    lane_reads.move(explaining, [stored.lane.id for stored in found[:5]], 141, 141 % 64)


def test_P10_recording_goes_by_event_and_code_and_by_key(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    s = known(explaining, large[1])
    items = [s.item(f"N{n}", status="Attended", key=f"k{n}", sessions=[{"code": "KEYNOTE"}]) for n in range(40_000, 40_050)]
    items += [s.item("N40000", status="Cancelled", key="other"), s.item("X", key="k1")]
    answers = record(explaining, items, s.provider, endpoint="rest", key_wait_ms=100)
    assert sum(answer.is_recorded for answer in answers) == 51
    rows = configuration_versions.entries(explaining, configuration_versions.ACCOUNT, large[1])
    assert rows[2]


def test_the_audit_reads_the_versions_of_its_times_by_index(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    now = explaining.now()
    assert configuration_versions.versions_at(explaining, large[1], [now, now - 1, 0])[0] == 0


def known(explaining: Explaining, account: int) -> StoredAccount:
    """The set-up of an account that another connection has created."""
    ((event,),) = explaining.all("SELECT id FROM event WHERE account_id = :a", {"a": account})
    return StoredAccount(explaining, Committed(explaining, ConfigCache()), account, event)


# --- pages

LISTS = (
    *((ListOf(), sort) for sort in RegistrationSort),
    *((ListOf(text=text), sort) for text in ("z19999", "nobodyatall", "花子") for sort in RegistrationSort),
    *((ListOf(status="Attended"), sort) for sort in RegistrationSort),
    *(
        (wanted, RegistrationSort.MODIFIED)
        for wanted in (ListOf(type="Speaker"), ListOf(kind=ListScope.INACTIVE), ListOf(kind=ListScope.TEST))
    ),
)


@pytest.mark.parametrize(("wanted", "sort"), LISTS, ids=str)
def test_P8_a_list_of_registrations_goes_by_an_index(
    explaining: Explaining, large: tuple[DatabaseFacts, int], wanted: ListOf, sort: RegistrationSort
) -> None:
    """On SQLite, filters are read from the index, and only matching rows are read; words of three characters come from the index of search."""
    found = Registrations(explaining, large[1])
    page = found.page(wanted, sort, None)
    assert len(page.rows) == (0 if wanted.narrows else 25)
    if page.older:
        assert len(found.page(wanted, sort, Cursor.read(page.older, parts=sort.parts)).rows) == 25
    assert found.count(wanted) == (ListCount(0) if wanted.narrows else ListCount(MOST, is_more=True))
    if explaining.vendor == "sqlite":
        by = "registration_search" if len(wanted.text) > 2 else "COVERING INDEX registration_modified"  # by the count, at least
        assert any(by in how for how in explaining.plans), explaining.plans


def test_P8_many_registrations_at_once_go_by_id_and_code(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    found = Registrations(explaining, large[1])
    assert found.walk(ListOf(text="nobodyatall"), 0, 100) == []
    assert found.picked([("SUMMIT-26", "Nobody")]) == []


def test_M7_whom_a_mapping_is_tried_with_goes_by_code_or_by_what_changed_last(
    explaining: Explaining, large: tuple[DatabaseFacts, int]
) -> None:
    subjects = Subjects(explaining, large[1], Registrations(explaining, large[1]).config, Subject.REGISTRATION)
    assert subjects.named("SUMMIT-26 Nobody") is None
    assert not any("registration_modified" in how for how in explaining.plans)
    assert subjects.search("nobodyatall") == []


def test_F1_the_flow_list_goes_by_flow(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    found = FlowList(explaining, large[1])
    counted, _is_more = found._counts()
    assert {flow: queued for flow, (queued, *_rest) in counted.items() if queued}
    assert found._facts(range(7, 32)) == {}
    assert found.undelivered(8)


FEED = {
    "all": (FeedWanted(), "action_created"),
    "successes": (FeedWanted(result=FeedOf.SUCCESS), "action_created"),
    "failures": (FeedWanted(result=FeedOf.FAILURE), "action_failed"),
    "validation errors": (FeedWanted(result=FeedOf.VALIDATION), "action_failed"),
    "not triggered, too": (FeedWanted(result=FeedOf.NOT_TRIGGERED), "run_not_triggered"),
    "a flow": (FeedWanted(flow=8), "action_of_flow"),
    "a flow's failures": (FeedWanted(flow=8, result=FeedOf.FAILURE), "action_of_flow"),
    "a flow that has done nothing": (FeedWanted(flow=9_999), "action_of_flow"),
    "Test flows": (FeedWanted(mode=Mode.TEST), "action_of_tests"),
    "failures of Test flows": (FeedWanted(mode=Mode.TEST, result=FeedOf.FAILURE), "action_failed"),
    "an event": (FeedWanted(event=9_999), "action_created"),
    "a connection": (FeedWanted(connection=101), "action_created"),
    "another account's connection": (FeedWanted(connection=9_999), "action_created"),
    "a day": (FeedWanted(between=(100, 200)), "action_created"),
    "a text": (FeedWanted(text="nobodyatall"), ""),
}
"""Filters of the feed with the index that each follows."""


@pytest.mark.parametrize("name", FEED)
def test_X4_each_filter_of_the_feed_goes_by_an_index_and_looks_back_so_far_at_once(
    explaining: Explaining, large: tuple[DatabaseFacts, int], name: str
) -> None:
    wanted, index = FEED[name]
    feed = Feed(AccountReader(explaining, large[1]), wanted, scan=2_000)
    page = feed.page(None)
    matching = name not in {
        "validation errors",
        "Test flows",
        "failures of Test flows",
        "an event",
        "another account's connection",
        "a text",
    }
    assert bool(page.rows) is (matching and name != "a flow that has done nothing")
    assert (page.scan_end is not None) is (name in {"an event", "another account's connection"})
    if page.older or page.further:
        feed.page(Cursor.read(page.older or page.further, parts=PARTS))
    if page.older:
        assert len(page.rows) == 25
    feed.sample(ROWS)
    if explaining.vendor == "sqlite" and index:
        assert any(index in how for how in explaining.plans)


def test_X4_the_lines_of_few_registrations_go_by_their_changes(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    with_names = "UPDATE registration SET search = 'rare' WHERE id IN (1000001, 1000002)"
    explaining._db.run(with_names)
    for result in FeedOf:
        feed = Feed(AccountReader(explaining, large[1]), FeedWanted(text="rare", result=result))
        assert bool(feed.page(None).rows) is (result is not FeedOf.VALIDATION)


NARROWED: dict[str, dict[str, Any]] = {
    "whole": {},
    "a text": {"text": "nobodyatall"},
    "an event": {"event": 9_999},
    "a flow": {"flow": 8},
    "a connection": {"connection": 101},
    "Test flows": {"mode": Mode.TEST},
    "without replays": {"replays": ReplayShare.WITHOUT},
    "replays": {"replays": ReplayShare.ONLY},
}
"""What lists of records are asked for, beside a period."""
RARE = {
    RecordKind.FAILURES: "action_failed", RecordKind.QUEUED: "action_failed", RecordKind.FAILED: "action_failed", RecordKind.VALIDATION: "action_failed",
    RecordKind.NOT_TRIGGERED: "run_not_triggered", RecordKind.UNTAGGED: "stuck_run_open", RecordKind.UNDECIDED: "stuck_run_open", RecordKind.IN_RETRY_QUEUE: "stuck_run_open",
    RecordKind.RETRIES: "attempt_not_first", RecordKind.ABANDONED: "attempt_not_first", RecordKind.VALIDATION_ERRORS: "attempt_not_first",
    RecordKind.LEADS_CREATED: "action_lead", RecordKind.LEADS_UPDATED: "action_lead",
}  # fmt: skip
"""Lists of what is rare, with the index that has nothing else."""


@pytest.mark.parametrize("narrowed", NARROWED)
@pytest.mark.parametrize("kind", RecordKind)
def test_X3_each_list_goes_by_an_index_in_every_order(
    explaining: Explaining, large: tuple[DatabaseFacts, int], kind: RecordKind, narrowed: str
) -> None:
    reader = AccountReader(explaining, large[1])
    if kind in (RecordKind.HELD, RecordKind.PENDING):
        connection_states.pause(explaining, large[1], PAUSED, "")
    wanted = RecordFilter(kind, 10_000, 10_200, **NARROWED[narrowed])
    for sort in sorts_of(kind):
        records = Records(reader, wanted, sort)
        page = records.page(None)
        if page.older:
            records.page(Cursor.read(page.older, parts=(int, int)))
    assert records.count().number >= len(page.rows)
    if narrowed == "whole" and kind not in {*NONE_OF_THEM, RecordKind.REGISTRATIONS, RecordKind.FLOWS}:
        assert page.rows
    if explaining.vendor == "sqlite" and narrowed == "whole" and kind in RARE:
        assert any(RARE[kind] in how for how in explaining.plans)
    if explaining.vendor == "sqlite" and narrowed == "replays" and kind in (RecordKind.TRIGGERED, RecordKind.SUCCESS):
        assert any("action_of_replays" in how for how in explaining.plans)


NONE_OF_THEM = {
    RecordKind.FAILED, RecordKind.VALIDATION, RecordKind.SUPERSEDED, RecordKind.LEADS_CREATED, RecordKind.LEADS_UPDATED, RecordKind.ABANDONED,
    RecordKind.VALIDATION_ERRORS, RecordKind.UNDECIDED,
}  # fmt: skip


@pytest.mark.parametrize(
    "kind", [RecordKind.QUEUED, RecordKind.FAILURES, RecordKind.IN_RETRY_QUEUE, RecordKind.UNTAGGED, RecordKind.NOT_TRIGGERED]
)
def test_X3_what_has_moved_since_goes_by_what_has_happened_since(
    explaining: Explaining, large: tuple[DatabaseFacts, int], kind: RecordKind
) -> None:
    moved = moved_since(AccountReader(explaining, large[1]), RecordFilter(kind, 10_000, 10_200), 10, 19_950, 10)
    assert moved.is_nothing


def test_D8_the_retry_queue_goes_by_status_and_what_it_names_by_id(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    queue = RetryQueue(AccountReader(explaining, large[1]))
    assert len(queue.page(QueueWanted(), None).rows) == 25
    assert queue.page(QueueWanted(text="nobodyatall"), None).rows == []
    assert queue.counts()[QueueStatus.RETRY] == ListCount(1_400)
    assert queue.count(QueueWanted(statuses=(QueueStatus.RETRY,)), most=None) == ListCount(1_400)
    assert CauseGroups(queue.reader).groups((QueueStatus.RETRY, QueueStatus.ERROR))
    assert CauseGroups(queue.reader, most_runs=1).groups((QueueStatus.RETRY, QueueStatus.ERROR))  # then also what waits for something else
    assert CauseGroups(queue.reader).healings(explaining.now()) == {}
    found, reached = queue.walk(QueueWanted(), "action", 0, queue.end().action, 100)
    assert len(found) == 100
    assert reached == found[-1].row.id


# --- Insights, the timeline and search


@pytest.mark.parametrize("kind", RecordKind)
def test_X3_a_list_of_records_goes_by_time(explaining: Explaining, large: tuple[DatabaseFacts, int], kind: RecordKind) -> None:
    reader, wanted = AccountReader(explaining, large[1]), RecordFilter(kind, 0, MINUTE)
    found = Records(reader, wanted)
    page = found.page(None)
    assert found.count().number >= len(page.rows)
    assert page.rows or kind not in (RecordKind.CHANGES, RecordKind.TRIGGERED, RecordKind.ATTEMPTS, RecordKind.RETRIES, RecordKind.UNTAGGED)
    if page.older:
        assert found.page(Cursor.read(page.older, parts=RECORD_PARTS)).rows
    for narrower in (
        replace(wanted, text="z19999"),
        replace(wanted, text="nobodyatall"),
        replace(wanted, event=1, flow=8, connection=101),
        replace(wanted, flow=8),
        replace(wanted, facet=Facet.CREATED) if kind.row_kind is RowKind.CHANGE else wanted,
        replace(wanted, category=Category.CONFIG) if kind is RecordKind.RETRIES else wanted,
    ):
        assert Records(reader, narrower).count().number >= len(Records(reader, narrower).page(None).rows)


def test_X3_the_few_among_many_are_found_by_the_minutes_that_figures_tell(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    """Superseded actions have no index of their own: 30 of them lie hours apart, among thousands."""
    db = explaining._db
    db.run("UPDATE action SET state = 13, created = (id - 1000000) * 36000000000 WHERE id <= 1000030")
    count_figures(db)
    reader = AccountReader(explaining, large[1])
    for sort in (RecordSort.NEWEST, RecordSort.OLDEST):
        explaining.plans.clear()
        records = Records(reader, RecordFilter(RecordKind.SUPERSEDED, 0, 400 * 60 * MINUTE), sort)
        first = records.page(None)
        assert len(first.rows) == 25
        if explaining.vendor == "sqlite":
            assert any("SCAN json_each" in how for how in explaining.plans)
        second = records.page(Cursor.read(first.older, parts=RECORD_PARTS))
        found = [row.at for row in (*first.rows, *second.rows)]
        assert found == sorted(found, reverse=sort is RecordSort.NEWEST)
        assert len(set(found)) == 30
        assert [row.id for row in records.page(Cursor.read(second.newer, parts=RECORD_PARTS)).rows] == [row.id for row in first.rows]


@pytest.mark.parametrize("kind", [RecordKind.SUCCESS, RecordKind.FAILURES, RecordKind.PEOPLE])
def test_X3_the_list_of_a_connection_whose_lanes_were_moved_goes_by_time(
    explaining: Explaining, large: tuple[DatabaseFacts, int], kind: RecordKind
) -> None:
    reader = AccountReader(explaining, large[1])
    reader.__dict__["connections_with_moved_lanes"] = {101}
    records = Records(reader, RecordFilter(kind, 0, MINUTE, connection=101))
    assert records.count().number >= len(records.page(None).rows)


def test_X3_a_narrowed_list_is_counted_less_far_on_a_page_than_for_an_export(
    explaining: Explaining, large: tuple[DatabaseFacts, int]
) -> None:
    event = known(explaining, large[1]).event
    found = Records(AccountReader(explaining, large[1]), RecordFilter(RecordKind.CHANGES, 0, MINUTE, event=event))
    assert found.count() == RecordCount(MOST_NARROWED, is_more=True)
    assert found.count(MOST_COUNTED).number > MOST_NARROWED


@pytest.mark.parametrize("show", Show)
def test_X5_a_timeline_goes_by_registration(explaining: Explaining, large: tuple[DatabaseFacts, int], show: Show) -> None:
    s = known(explaining, large[1])
    reader = AccountReader(explaining, large[1])
    at = EPOCH
    state = RegistrationState("Z2", 0, at, at, at)
    event = reader.provider.event(s.event)
    registration = TimelineRegistration(1_000_001, "Z1", "", 1, state, event, s.event, 1)
    expected = 0 if show is Show.SENT else 1  # its action was not sent yet
    assert len(Timeline(reader, registration, show=show).page(None).rows) == expected
    assert len(Timeline(reader, registration, flow=8, show=show).page(None).rows) == expected
    counts = Timeline(reader, registration).counts()
    assert (counts.changes, counts.decisions, counts.attempts) == (1, 1, 1)
    assert Timeline(reader, registration).change(1_000_002) is None
    of_flow = [DestinationOfRegistration(8, "", s.connection, ""), DestinationOfRegistration(1, "", s.connection, "")]
    explaining.plans.clear()
    unsent_reasons(reader, registration.id, event, of_flow)
    assert goes_by(explaining, "run_of_change")


@pytest.mark.parametrize("mode", Mode)
def test_X2_the_figures_go_by_minute_and_the_odd_edges_by_time(
    explaining: Explaining, large: tuple[DatabaseFacts, int], mode: Mode
) -> None:
    """Over minutes, and over days, of which whole hours are read."""
    for window in (fixed_window(MINUTE, 3 * MINUTE), fixed_window(7 * MINUTE, 30 * DAY)):
        found = PeriodFigures(AccountReader(explaining, large[1]), window, mode)
        assert found._deltas == []  # no figures stand there
        assert not found._serials()


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("narrowed", [{}, {"flow": 8}, {"connection": 101}], ids=str)
def test_35_6_the_chart_above_the_feed_goes_by_hour_and_the_odd_edges_by_minute(
    explaining: Explaining, large: tuple[DatabaseFacts, int], mode: Mode, narrowed: dict[str, int]
) -> None:
    """Whole hours, quarters of hours as in Asia/Kathmandu, minutes, and 400 days."""
    for edges in (
        [0, HOUR, 2 * HOUR],
        [15 * MINUTE, DAY + 15 * MINUTE, 2 * DAY],
        [MINUTE, 2 * MINUTE, 3 * MINUTE],
        [*range(0, 400 * DAY, 13 * DAY)],
    ):
        found = outcome_columns(explaining, large[1], mode, edges, **narrowed)
        assert len(found.delivered) == len(edges) - 1
    if explaining.vendor == "sqlite":
        assert any("figure_hour USING" in how and "hour>?" in how and "hour<?" in how for how in explaining.plans), explaining.plans
        assert any("figure_sum USING" in how and "minute>?" in how and "minute<?" in how for how in explaining.plans), explaining.plans


@pytest.mark.parametrize("mode", Mode)
def test_35_6_people_per_connection_go_by_roll_ups_and_by_time(
    explaining: Explaining, large: tuple[DatabaseFacts, int], mode: Mode
) -> None:
    """Of 20,000 deliveries, only those of the hours that no roll-up covers are read."""
    db, account, hours = explaining._db, large[1], 400
    db.run(
        f"UPDATE action SET state = 10, created = (id - 1000000) * 50 * {MINUTE} / 41, mode = (id & 1) + 1 WHERE account_id = :a",
        {"a": account},
    )
    count_figures(db)
    before = people_sent(explaining, account, mode, 5 * MINUTE, 90 * MINUTE, 0)
    assert before is not None
    assert before.number() > 30
    if explaining.vendor == "sqlite":
        assert any("action_created" in how or "action_of_tests" in how for how in explaining.plans)
    db.run(
        "INSERT INTO people_sent (account_id, unit, bucket, mode, connection_id, replays, n, bits)"
        " SELECT account_id, 60, hour, mode, 0, 0, SUM(n), :bits FROM figure_hour WHERE measure = 20 GROUP BY account_id, hour, mode",
        {"bits": BitMap().serialize()},
    )
    explaining.plans.clear()
    assert people_sent(explaining, account, mode, 0, hours * 60 * MINUTE, 0) == PeopleSent({})
    assert not any("action" in how for how in explaining.plans), "whole hours need no row of an action"


def test_X5_search_goes_by_code(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    assert ids_of_code(explaining, large[1], "z77") == [1_000_077]
    assert ids_of_code(explaining, large[1], "nobody") == []


@pytest.mark.parametrize(
    "wanted",
    [
        FeedWanted(event=1),
        FeedWanted(flow=8),
        FeedWanted(text="z19999"),
        FeedWanted(between=(5, 500)),
        FeedWanted(between=(5, 500), flow=8),
        FeedWanted(between=(5, 500), result=FeedOf.FAILURE),
        FeedWanted(between=(5, 500), event=1, connection=101),
    ],
    ids=str,
)
def test_X4_a_narrowed_feed_goes_by_time_or_by_what_it_names(
    explaining: Explaining, large: tuple[DatabaseFacts, int], wanted: FeedWanted
) -> None:
    rows = Feed(AccountReader(explaining, large[1]), wanted).page(None).rows
    assert bool(rows) is not bool(wanted.text)  # nobody's name is stored there


@pytest.mark.parametrize("text", ["z7", "z20001", "nobodyatall", "花子", "msg_" + f"{777:013x}" + "0" * 13])
def test_X5_the_search_goes_by_code_by_words_in_one_index_or_by_instant(
    explaining: Explaining, large: tuple[DatabaseFacts, int], text: str
) -> None:
    moment = datetime(2026, 10, 14, tzinfo=UTC)
    state = RegistrationState(code="Z7", status=0, created=moment, modified=moment, status_modified=moment)
    explaining.run("UPDATE registration SET state = :state WHERE id = 1000007", {"state": write_state(state)})
    search = RegistrationSearch(AccountReader(explaining, large[1]), text)
    assert search.action() is None
    assert [found.registration.code for found in search.page(None).rows] == (["Z7"] if text == "z7" else [])
    if explaining.vendor == "sqlite":
        short = {"z7": "registration_code", "花子": "COVERING INDEX registration_modified"}
        wanted = short.get(text, "action_created" if text.startswith("msg_") else "registration_search")
        assert any(wanted in how for how in explaining.plans), explaining.plans
        assert text != "z7" or not any("registration_modified" in how for how in explaining.plans)


@pytest.mark.parametrize("text", ["msg_0", "mika", "花子", "organization nowhere", "#"])
def test_X5_the_search_for_everything_reads_no_whole_table(explaining: Explaining, large: tuple[DatabaseFacts, int], text: str) -> None:
    with translation.override("en"):
        AccountSearch(AccountReader(explaining, large[1]), User(role=Role.ADMINISTRATOR), text).groups()
    assert explaining.statements
    assert not explaining.scans


def test_X5_what_became_of_those_found_goes_by_registration(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    search = RegistrationSearch(AccountReader(explaining, large[1]), "")
    counts = search._deliveries([1_000_019, 1_000_020, 1_000_021, 1_000_052])
    assert counts[1_000_020].pending == 1
    assert counts[1_000_021].waiting == 1
    assert counts[1_000_019].delivered == 1
    assert counts[1_000_052].waiting == 1


# --- what SQLite, which has no statistics, would go about the wrong way


def goes_by(explaining: Explaining, index: str) -> bool:
    """Whether SQLite used this index since the last time. PostgreSQL plans by statistics: `scans` says what it must not do."""
    plans, explaining.plans = explaining.plans, []
    return explaining.vendor == "postgresql" or any(index in how for how in plans)


def test_a_flows_runs_are_asked_for_by_the_change(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    """Not by the flow, which may have millions."""
    reader = AccountReader(explaining, large[1])
    Records(reader, RecordFilter(RecordKind.CHANGES, 0, MINUTE, flow=8)).page(None)
    assert goes_by(explaining, "run_of_change")


def test_Y1_what_is_outstanding_of_a_replay_is_counted_among_open_ones(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    assert replay_actions.outstanding(explaining, large[1], 8) == 0
    assert goes_by(explaining, "action_replay_open")


def test_N2_the_connection_list_goes_by_the_queue(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    connections = ConnectionList(explaining, large[1])
    connections.rows(ConnectionListFilter())
    assert goes_by(explaining, "action_queue")
    connections.unmoved = frozenset()
    connections._failed_over([RetryCountsOfDestination(connection=101, flow=8, destination=6, counts=RetryCounts(waiting=1), tried=1)])
    assert goes_by(explaining, "action_id=? AND n=?")


def test_N2_the_overview_goes_by_figures_and_by_the_queue(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    reader = AccountReader(explaining, large[1])
    overview = AccountOverview(reader, ZoneInfo("Asia/Kathmandu"))
    overview.destinations()
    assert overview.delivered_yesterday >= 0
    assert overview.delivered_by_tests >= 0
    assert overview.needs.retrying or overview.needs.needs
    assert goes_by(explaining, "action_queue")


def test_B4_a_look_of_notifications_goes_by_the_queue(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    reader = AccountReader(explaining, large[1])
    for unmoved in (frozenset[int](), frozenset({6})):
        observations._items(reader, unmoved)
    ending_secrets._certificates(reader)
    delivered_yesterday(reader, UTC, explaining.now())
    assert explaining.statements > 8
    assert explaining.scans == []


def test_C3_the_page_of_a_connection_goes_by_its_attempts(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    reader = AccountReader(explaining, large[1])
    connection = 101
    connection_deliveries.last_deliveries(reader, connection)
    connection_deliveries.pace_of(reader, connection)
    connection_deliveries.last_delivered(explaining, large[1], [connection])
    connection_deliveries.sent_since(reader, connection, explaining.now() - MINUTE)
    assert goes_by(explaining, "connection_id=?")


def test_X5_where_registrations_stand_goes_by_their_changes(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    rows = explaining.all(
        "SELECT id FROM registration WHERE account_id = :account ORDER BY modified DESC, id DESC LIMIT 25", {"account": large[1]}
    )
    assert deliveries_of(explaining, large[1], [id for (id,) in rows])
    assert goes_by(explaining, "change_of_registration")
    for state in ItemState:
        registrations_in(explaining, large[1], state)
    listing = Registrations(explaining, large[1])
    for sort in RegistrationSort:
        listing.page(ListOf(delivery=DeliveryFilter.FAILED), sort, None)
    listing.count(ListOf(delivery=DeliveryFilter.WAITING))
    assert goes_by(explaining, "action_queue")
    for looked_at in (DeliveryFilter.INVALID, DeliveryFilter.DELIVERED, DeliveryFilter.NOT_SENT):
        explaining.plans.clear()
        listing.page(ListOf(delivery=looked_at), RegistrationSort.MODIFIED, None)
        listing.count(ListOf(delivery=looked_at))
        assert goes_by(explaining, "action_of_change")


def test_35_8_what_became_of_an_import_goes_by_the_times_of_its_changes(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    ((until,),) = explaining.all("SELECT max(at) FROM change WHERE account_id = :account", {"account": large[1]})
    for index in ("change_at", "action_of_change", "stuck_run_of_change"):
        outcomes_by_actor(explaining, large[1], "import:1", until - MINUTE, until)
        assert goes_by(explaining, index), index


def test_N2_versions_of_connections_are_found_by_their_numbers(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    assert configuration_versions.past_bodies(explaining, large[1], "connection", {(101, 1), (102, 3)}) == {}
    assert not configuration_versions.past_bodies(explaining, large[1], "connection", set())


def test_C8_what_a_connection_holds_is_counted_along_its_lanes(explaining: Explaining, large: tuple[DatabaseFacts, int]) -> None:
    """Half of the lanes that are ready are those of PAUSED."""
    connection_states.pause(explaining, large[1], PAUSED, "")
    among = Where("a.mode = :mode", "a.created >= :since", "a.created < :until", mode=1, since=0, until=ROWS + 1)
    held = ROWS // 40
    assert connection_states.untried_actions(explaining, [PAUSED, PAUSED + 1], 2 * ROWS, among) == {PAUSED: held}
    assert connection_states.untried_actions(explaining, [PAUSED], 7) == {PAUSED: 7}
    assert sum(connection_states.untried_by_flow(explaining, [PAUSED], 2 * ROWS).values()) == held
    assert connection_states.held_actions(explaining, explaining.now(), 2 * ROWS) == held
    assert connection_states.due_actions(explaining, PAUSED, explaining.now()) == held
    assert set(connection_states.holding(explaining, large[1], explaining.now())) == {PAUSED}
    assert goes_by(explaining, "lane_ready")


def test_O2_the_status_counts_open_actions_only(explaining: Explaining) -> None:
    assert read_status(explaining).pending
    assert goes_by(explaining, "action_open")


def test_F7_accounts_with_due_runs_are_found_among_open_ones(explaining: Explaining) -> None:
    reconsideration.accounts_to_reconsider(explaining, range(64))
    assert goes_by(explaining, "stuck_run_due")


def test_P12_what_is_open_of_a_removed_destination_is_found_among_open_ones(
    explaining: Explaining, large: tuple[DatabaseFacts, int]
) -> None:
    assert pending_items.end_destination(explaining, large[1], 9_999_999) == 0
    assert goes_by(explaining, "action_open")
