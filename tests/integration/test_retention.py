"""Retention removes old content, then old records, and nothing that is needed (O4, X6): row by row, after a history of the real engine.

The clock is a parameter: `now` is chosen so that the term ends between the old and the new part of the history.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.builders.stored_account import stored_account
from tests.databases import DatabaseFacts
from tests.receiver import Answer
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.models import Account
from heliograph.domain.retention import DAY, GRACE, Terms
from heliograph.recording.batches import record_batch
from heliograph.store import retention_record
from heliograph.store.database import Database, Row
from heliograph.store.queue import removal
from heliograph.store.queue.removal import Survey
from heliograph.store.queue.retention_round import RetentionRound
from heliograph.store.retention_record import Removed

USUAL = Terms(180, 400)
SAME = Terms(180, 180)
BARE = {
    "change": "id, subject_id, version, facets, processed, at, by",
    "run": "id, change_id, flow_id, decision, reason, at",
    "stuck_run": "id, run_id, queue, category, cause, message",
    "action": "id, lane_id, change_id, state, queue, sent, category, cause, created, ended",
    "attempt": "id, action_id, n, kind, at, took, state, category, status, versions",
    "lane": "id, destination_id, subject_id, state, begun_version",
    "registration": "id, version, state, search",
    "event": "id, version, name",
    "config_history": "id, number, body",
    "figure_delta": "id, minute, measure, n",
    "figure_sum": "minute, measure, n",
}
"""What retention of content leaves as it is, by table."""


@pytest.fixture
def story(forgetful_story: Story) -> Story:
    return forgetful_story


@dataclass(frozen=True, slots=True)
class History:
    """An old part and a new one. middle: the moment between them, in microseconds. held: the connection that is paused."""

    story: Story
    middle: int
    held: int
    bad: int

    def now(self, terms: Terms) -> int:
        """The moment at which the content of the old part has just passed its term."""
        return self.middle + terms.content * DAY

    def round(self, terms: Terms, *, pause: Callable[[float], bool] | None = None) -> Removed:
        return removed(self.story.db, self.story.account, terms, self.now(terms), pause=pause)


def removed(db: Database, account: int, terms: Terms, now: int, *, pause: Callable[[float], bool] | None = None) -> Removed:
    """One round, to which an Administrator has agreed."""
    with db.transaction():
        retention_record.agree(db, account, terms, now, "user:1")
    return RetentionRound(db, now, threading.Event(), pause or (lambda _seconds: False)).account(account, terms)


@pytest.fixture
def history(story: Story) -> History:
    """Old: R1 twice, R2, R3 and its end, X1 refused for good, H1 held by a pause, S1 without a tag. New: R2 again, N1."""
    crm, bad = story.connection("CRM", "/crm"), story.connection("Bad", "/bad")
    held = story.connection("Held", "/held")
    story.retries(0.01, 0.01, 0.01)
    story.receiver.answer("/bad", Answer(400, b'{"error":"eva@example.org is unknown"}'))
    story.flow("All", [story.to(crm)])
    story.flow("Registered only", [story.to(held)], statuses=["Cancelled"])
    story.flow("Bad", [story.to(bad)], statuses=["Waiting"])
    story.tag_status("Waitlist Hold", "Waiting")
    story.pause(held)
    with story.worker():
        story.record("R1", status="Attended", first="Eva")
        story.record("R1", first="Ewa")
        story.record("R2", status="Attended", first="Old")
        story.record("R3", status="Attended", first="Gone")
        story.record("R3", active=False)
        story.record("X1", status="Waitlist Hold", first="Bad")
        story.record("H1", status="Cancelled", first="Held")
        story.wait_for(lambda: all(state not in ("pending", "queued") for code in ("R1", "R2", "R3", "X1") for state in story.states(code)))
        story.wait_for(lambda: sorted(story.states("H1")) == ["pending", "success"])
    with story.saving() as transaction:  # S1 waits for longer than the tests take
        transaction.needs_account()
        Account.objects.filter(pk=story.account).update(retry_intervals=None)
    story.record("S1", status="New", first="Stuck")
    middle = later(story.db)
    with story.worker():
        story.record("R2", first="New")
        story.record("N1", status="Attended", first="New")
        story.until("R2", "success", "success")
        story.until("N1", "success")
    return History(story, middle, held, bad)


def later(db: Database) -> int:
    """A moment after all that was recorded: SQLite's clock counts milliseconds."""
    before = db.now()
    until(lambda: db.now() > before + 1000)
    return before + 1000


def rows(story: Story, table: str, columns: str = "") -> list[Row]:
    return sorted(story.db.all(f"SELECT {columns or BARE[table]} FROM {table}"), key=repr)


def bare(story: Story) -> dict[str, list[Row]]:
    return {table: rows(story, table) for table in BARE}


def changes(story: Story) -> dict[tuple[str, int], int]:
    """Ids of changes of registrations, by code and version."""
    found = story.db.all("SELECT r.code, c.version, c.id FROM change c JOIN registration r ON r.id = c.subject_id")
    return {(code, version): id for code, version, id in found}


def contents(story: Story) -> dict[int, tuple[str, str]]:
    return {id: (after, before) for id, after, before in story.db.all("SELECT change_id, after, before FROM change_content")}


def test_X6_content_goes_and_bare_records_stay(history: History) -> None:
    story, of = history.story, changes(history.story)
    before, kept = bare(story), contents(story)
    events = {id for (id,) in story.db.all("SELECT c.id FROM change c JOIN event e ON e.id = c.subject_id AND e.version = c.version")}
    young = story.db.all("SELECT action_id, n FROM attempt_content WHERE at >= :middle", {"middle": history.middle})
    assert history.round(USUAL).changes == 0
    assert bare(story) == before
    after = contents(story)
    # the newest state of an active registration stays (R1, X1, R2, N1), what waits keeps all (H1, S1), and so do events
    stays = {of[key] for key in (("R1", 2), ("X1", 1), ("H1", 1), ("S1", 1), ("R2", 2), ("N1", 1))} | events
    assert set(after) == stays
    assert {id: state for id, (state, _old) in after.items()} == {id: kept[id][0] for id in stays}
    assert after[of["R1", 2]][1] == "{}"
    assert "Eva" not in str(after)
    for key in (("H1", 1), ("S1", 1), ("R2", 2)):
        assert after[of[key]] == kept[of[key]]
    assert len(young) == 3
    assert set(young) == set(story.db.all("SELECT action_id, n FROM attempt_content"))
    messages = story.db.all("SELECT message FROM attempt WHERE at < :m", {"m": history.middle})
    assert {text for (text,) in messages} == {""}
    assert "eva@" not in str(story.db.all("SELECT message FROM action"))
    story.is_sound()


def test_X6_what_waits_is_delivered_after_its_term_and_goes_by_a_later_round(history: History) -> None:
    story = history.story
    history.round(SAME)
    assert sorted(story.states("H1")) == ["pending", "success"]
    with story.worker():
        story.resume(history.held)
        story.arrived("/held", 1)
        story.until("H1", "success", "success")
        story.tag_status("New", "Registered")
        story.wait_for(lambda: {run["queue"] for run in story.stuck()} == {"Done"})
    assert story.bodies("/held")[0]["first"] == "Held"
    # what was sent a moment ago is not old yet
    history.round(SAME)
    assert story.states("H1") == ["success", "success"]
    removed(story.db, story.account, SAME, later(story.db) + SAME.rows * DAY)
    assert story.actions() == []
    assert story.stuck() == []


def test_X6_old_records_go_whole(history: History) -> None:
    story, of = history.story, changes(history.story)
    before = bare(story)
    young = story.db.all("SELECT id FROM action WHERE created >= :middle OR state < 10", {"middle": history.middle})
    found = history.round(SAME)
    after = bare(story)
    for table in ("lane", "registration", "event", "config_history", "figure_delta", "figure_sum"):
        assert after[table] == before[table], table
    gone = {of[key] for key in (("R1", 1), ("R2", 1), ("R3", 1), ("R3", 2))}
    waits = {of["H1", 1], of["S1", 1]}
    # the newest change of R1 and X1 stays alone; of what waits and of what is new, everything
    assert {row[0] for row in before["change"]} - {row[0] for row in after["change"]} == gone | _old_versions_of_events(before, after)
    assert {row[1] for row in after["run"]} == waits | {of["R2", 2], of["N1", 1]}
    assert {row[0] for row in after["action"]} == {id for (id,) in young} | {row[0] for row in before["action"] if row[2] in waits}
    assert {row[1] for row in after["attempt"]} == {row[0] for row in after["action"] if row[5]}
    assert len(after["stuck_run"]) == 2
    kept = {id for (id,) in story.db.all("SELECT DISTINCT action_id FROM attempt_content")}
    assert kept <= {row[0] for row in after["action"]}
    assert (found.changes, found.actions) == (len(before["change"]) - len(after["change"]), len(before["action"]) - len(after["action"]))
    assert (found.runs, found.attempts) == (len(before["run"]) - len(after["run"]), len(before["attempt"]) - len(after["attempt"]))


def _old_versions_of_events(before: dict[str, list[Row]], after: dict[str, list[Row]]) -> set[int]:
    newest = {row[0]: row[1] for row in after["event"]}
    return {row[0] for row in before["change"] if row[1] in newest and row[2] < newest[row[1]]}


def test_O4_a_removal_that_is_killed_has_taken_whole_records(history: History, database: DatabaseFacts) -> None:
    story = history.story
    figures, everything = story.figures(), bare(story)
    with story.db.transaction():
        retention_record.agree(story.db, story.account, SAME, history.now(SAME), "user:1")
    program = f"""
import sys, threading
from heliograph.domain.retention import Terms
from heliograph.store.postgres_database import open_postgres
from heliograph.store.sqlite_database import open_sqlite
from heliograph.store.queue import retention_round
retention_round.SMALLEST = retention_round.LARGEST = 2
db = open_sqlite({str(database.data / "heliograph.db")!r}) if {database.vendor == "sqlite"} else open_postgres({database.url!r})
def pause(seconds):
    print("chunk", flush=True)
    sys.stdin.readline()
    return False
r = retention_round.RetentionRound(db, {history.now(SAME)}, threading.Event(), pause)
r._pace.size = 2
r.account({story.account}, Terms(180, 180))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while story.db.all("SELECT MAX(changes) FROM retention_day")[0][0] in (None, 0):
            assert process.stdout.readline() == "chunk\n"
            process.stdin.write("\n")
            process.stdin.flush()
        process.kill()
    assert story.figures() == figures
    left = bare(story)
    ids = {row[0] for row in left["change"]}
    assert ids < {row[0] for row in everything["change"]}
    assert {row[1] for row in left["run"]} | {row[2] for row in left["action"]} <= ids
    assert {row[1] for row in left["attempt"]} <= {row[0] for row in left["action"]}
    history.round(SAME)
    done = bare(story)
    assert history.round(SAME) == Removed()
    assert bare(story) == done
    assert {row[1] for row in done["run"]} == {changes(story)[key] for key in (("H1", 1), ("S1", 1), ("R2", 2), ("N1", 1))}


def test_O4_deliveries_go_on_in_order_meanwhile(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record_many([{"code": f"O{n}", "status": "Attended", "profile": {"first_name": str(k)}} for k in range(4) for n in range(60)])
        story.arrived("/crm", 240)
        story.wait_for(lambda: set(story.states()) == {"success"})
        middle, chunks = later(story.db), 0
        done = threading.Event()
        db = story.open()

        def pause(_seconds: float) -> bool:
            nonlocal chunks
            chunks += 1
            return False

        def remove() -> None:
            try:
                removed(db, story.account, SAME, middle + SAME.rows * DAY, pause=pause)
            finally:
                done.set()

        thread = threading.Thread(target=remove)
        thread.start()
        sent = 0
        while not done.is_set() or sent < 40:
            story.record_many([{"code": f"N{n}", "profile": {"first_name": str(sent)}, "status": "Attended"} for n in range(5)])
            sent += 1
        thread.join()
        db.close()
        story.arrived("/crm", 240 + 5 * sent)
        story.wait_for(lambda: all(state == "success" for n in range(5) for state in story.states(f"N{n}")))
    assert chunks > 3
    assert story.db.all("SELECT count(*) FROM action WHERE created < :middle", {"middle": middle}) == [(0,)]
    for n in range(5):
        assert [body["first"] for body in story.bodies("/crm") if body["code"] == f"N{n}"] == [str(k) for k in range(sent)]


def test_P1_an_accounts_shorter_term_touches_only_it(story: Story) -> None:
    other = stored_account(story.db)
    Account.objects.create(pk=other.account, code="OTHER", name="Other", content_days=30, row_days=60)
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended", first="a")
        story.record("R1", first="b")
        story.until("R1", "success", "success")
    record_batch(other.db, [other.item("X1", status="New", quiet=True), other.item("X1", status="Attended", quiet=True)], other.provider)
    before, now = bare(story), later(story.db)
    kept = contents(story)
    for id in (story.account, other.account):
        with story.db.transaction():
            retention_record.agree(story.db, id, Terms(1, 1), now, "user:1")
    ((first, second),) = [
        tuple(
            id
            for (id,) in story.db.all(
                "SELECT id FROM change WHERE account_id = :a AND registration_id IS NOT NULL ORDER BY id", {"a": other.account}
            )
        )
    ]
    found = RetentionRound(story.db, now + 31 * DAY, threading.Event(), lambda _s: False).all_accounts(USUAL)
    assert found.contents > 0
    assert found.changes == 0
    assert bare(story) == before
    assert set(kept) - set(contents(story)) == {first}
    found = RetentionRound(story.db, now + 61 * DAY, threading.Event(), lambda _s: False).all_accounts(USUAL)
    assert {row[0] for row in before["change"]} - {row[0] for row in rows(story, "change")} == {first}
    assert second in {row[0] for row in rows(story, "change")}
    assert retention_record.removal_days(story.db, story.account, 5) == []


def test_O4_nothing_goes_before_it_was_announced(history: History) -> None:
    story = history.story
    before, now = contents(story), history.now(USUAL)

    def turn(at: int, terms: Terms = USUAL) -> Removed:
        return RetentionRound(story.db, at, threading.Event(), lambda _s: False).account(story.account, terms)

    assert turn(history.middle) == Removed()
    assert retention_record.announcement(story.db, story.account) is None  # nothing is old
    assert turn(now) == Removed()
    told = retention_record.announcement(story.db, story.account)
    assert told is not None
    assert (told.terms, told.at, told.agreed, told.begins) == (USUAL, now, None, now + GRACE * DAY)
    assert turn(now + GRACE * DAY - 1) == Removed()
    assert contents(story) == before
    # shorter terms are announced anew
    assert turn(now + GRACE * DAY, Terms(90, 400)) == Removed()
    assert contents(story) == before
    with story.db.transaction():
        retention_record.announce(story.db, story.account, USUAL, now)
    assert turn(now + GRACE * DAY).contents > 0


def test_O4_a_survey_is_what_goes(history: History) -> None:
    story, now = history.story, history.now(SAME)
    seen = removal.survey(story.db, story.account, SAME.cuts(now))
    assert (seen.waiting, seen.more) == (2, False)
    assert seen.oldest == story.db.all("SELECT MIN(at) FROM change WHERE registration_id IS NOT NULL")[0][0]
    assert history.round(SAME) == seen.removed
    assert removal.survey(story.db, story.account, SAME.cuts(now)).removed == Removed()


def test_O4_a_survey_dates_what_goes_of_a_change_that_stays(story: Story) -> None:
    """The newest change of a registration stays; its decisions, actions and attempts go."""
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended", first="Eva")
        story.until("R1", "success")
    now = later(story.db) + USUAL.rows * DAY
    removed(story.db, story.account, Terms(USUAL.content, USUAL.rows + 1), now)
    seen = removal.survey(story.db, story.account, USUAL.cuts(now))
    assert (seen.removed.changes, seen.removed.actions) == (0, 1)
    assert seen.oldest is not None


@pytest.mark.parametrize("terms", [USUAL, SAME])
def test_O4_a_survey_passes_over_what_stays_for_good(story: Story, terms: Terms) -> None:
    for n in range(5):
        story.record(f"Q{n}", status="Attended", first="Quiet")
    quiet = later(story.db)
    cuts = terms.cuts(quiet + 180 * DAY)
    removed(story.db, story.account, terms, quiet + 180 * DAY)
    assert removal.survey(story.db, story.account, cuts, most=2) == Survey(Removed()), "the emptied rows are the oldest, and stay"
    story.record("R1", status="Attended", first="Eva")
    story.record("R1", first="Ewa")
    now = later(story.db) + 180 * DAY
    seen = removal.survey(story.db, story.account, terms.cuts(now), most=2)
    assert seen.removed.contents == 2
    assert seen.oldest is not None
    assert seen.oldest > quiet
    short = removal.survey(story.db, story.account, terms.cuts(now), most=2, steps=1)
    assert (short.removed, short.more, short.may_remove) == (Removed(), True, True), "what was not looked at may go"
    assert removed(story.db, story.account, terms, now).contents == 2
    assert not removal.survey(story.db, story.account, terms.cuts(now), most=2).may_remove
