"""Every number of Insights against what the receiver saw and the sender was answered, counted apart from our database (X2, X3, D4).

The receiver keeps a diary of its answers. A registration's code says how the targets take it: BUSY-1 is answered 503 once, END-1 always 500.
SYS-1 and SRC-1 fail before anything leaves: three crashes are blamed on the one, a source of the other cannot be read.
"""

from __future__ import annotations

import html
import threading
from collections import Counter
from dataclasses import dataclass, field

from django.test import Client
from tests.builders.outcome import end_attempt
from tests.insights_numbers import NUMBER, listed, number_in
from tests.receiver import Answer, Received
from tests.replays import checked, counts, running_jobs, starts
from tests.story import BY, Story

from heliograph.connections.services import connections as connection_services
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.outcomes import Cause, Refused
from heliograph.domain.delivery.retry_policy import MINUTE, SEVERITY, Category
from heliograph.domain.figures import Figures, Measure
from heliograph.domain.flow.flow import Mode, Watch
from heliograph.insights.period import fixed_window
from heliograph.insights.period_figures import PeriodFigures
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.records import RecordCount, Records
from heliograph.insights.replay_share import ReplayShare
from heliograph.recording.batches import record_batch
from heliograph.recording.items import RecordItem
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.queue import figure_deltas

TROUBLES = {
    "BUSY": (Answer(503), Category.CONNECTION),
    "RESET": (Answer(then="reset"), Category.CONNECTION),
    "ERR": (Answer(500), Category.GENERAL),
    "KEY": (Answer(401), Category.CONFIG),
    "END": (Answer(500), Category.GENERAL),
    "OLD": (Answer(500), Category.GENERAL),
    "LATE": (Answer(500), Category.GENERAL),
}
"""By the first part of a code: the bad answer, and its category by the guide."""
UNSENT = {"SYS": Category.SYSTEM, "SRC": Category.SOURCE_API}
"""By the first part of a code: the category of a failure before a request has left, which no target can see."""
LEADS = [
    {"if": [{"in": "json", "name": "made", "is": ["new"]}], "then": "delivered", "lead": "created"},
    {"if": [{"in": "json", "name": "made", "is": ["again"]}], "then": "delivered", "lead": "updated"},
]


@dataclass
class Diary:
    """What the targets saw and answered. requests: (path, webhook-id, code, whether it was taken)."""

    requests: list[tuple[str, str, str, bool]] = field(default_factory=list)
    leads: Counter[str] = field(default_factory=Counter)
    replayed: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Received) -> Answer:
        with self.lock:
            body = request.json()
            code, uid, path = body["code"], request.header("webhook-id") or "", request.path
            before = [r for r in self.requests if r[:2] == (path, uid)]
            taken = self._takes(path, code, body["first"], len(before))
            self.requests.append((path, uid, code, taken))
            self.replayed[code] += request.header("heliograph-replay") == "true"
            if not taken:
                return TROUBLES[code.partition("-")[0]][0]
            if path != "/crm":
                return Answer(200)
            made = "again" if any(r[0] == path and r[2] == code and r[3] for r in self.requests[:-1]) else "new"
            self.leads[made] += 1
            return Answer(200, {"made": made})

    @staticmethod
    def _takes(path: str, code: str, first: str, before: int) -> bool:
        kind = code.partition("-")[0]
        if path != "/crm" or kind not in TROUBLES:
            return True
        if kind == "OLD":
            return first == "new"
        return kind not in ("END", "LATE") and before > 0

    @property
    def delivered(self) -> Counter[str]:
        """Codes of the live requests that were taken, each id once."""
        taken = {(path, uid): code for path, uid, code, was in self.requests if was and path != "/test"}
        return Counter(taken.values())

    def answered(self, *, taken: bool) -> int:
        """How many live requests were taken, or were not."""
        return sum(was is taken for path, _uid, _code, was in self.requests if path != "/test")

    @property
    def retries(self) -> list[str]:
        """Codes of requests that repeat an id."""
        seen: set[tuple[str, str]] = set()
        found = []
        for path, uid, code, _taken in self.requests:
            found += [code] if (path, uid) in seen else []
            seen.add((path, uid))
        return found

    @property
    def delivered_again(self) -> int:
        """How many requests were taken after the target had refused them."""
        seen: set[tuple[str, str]] = set()
        count = 0
        for path, uid, _code, taken in self.requests:
            count += bool(taken) and path != "/test" and (path, uid) in seen
            seen.add((path, uid))
        return count


@dataclass
class Sent:
    """What the sender sent, and what follows from it by the guide. Counted by code."""

    diary: Diary
    changes: Counter[str] = field(default_factory=Counter)
    triggered: Counter[str] = field(default_factory=Counter)
    untagged: Counter[str] = field(default_factory=Counter)
    unselected: Counter[str] = field(default_factory=Counter)
    invalid: Counter[str] = field(default_factory=Counter)
    superseded: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    queued: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unsent: list[str] = field(default_factory=list)

    @property
    def retries(self) -> list[str]:
        """Codes of what was tried again: at the target, or after a try of which it saw nothing."""
        return [*self.diary.retries, *self.unsent]

    def expected(self, *, replays: bool = True) -> Figures:
        """replays: count them. All of this story's were delivered at the first try."""
        retries, left_out = self.retries, 0 if replays else self.diary.replayed.total()
        return Figures(
            changes=self.changes.total(),
            unique=len(self.changes),
            triggered=self.triggered.total() - left_out,
            not_triggered=(self.untagged + self.unselected).total(),
            active_flows=4,
            success=self.diary.delivered.total() - left_out,
            superseded=self.superseded.total(),
            queued=self.queued.total(),
            failed=self.failed.total(),
            validation=self.invalid.total(),
            held_count=self.held.total(),
            untagged=self.untagged.total(),
            retried=len(retries),
            retried_ok=self.diary.delivered_again + len(self.unsent),  # what the target saw nothing of was delivered then
            abandoned=self.failed.total(),
            validation_errors=self.invalid.total(),
            retried_by_category=dict(Counter(category_of(code) for code in retries)),
            leads_created=self.diary.leads["new"],
            leads_updated=self.diary.leads["again"],
        )


def category_of(code: str) -> Category:
    kind = code.partition("-")[0]
    return UNSENT[kind] if kind in UNSENT else TROUBLES[kind][1]


class Stage:
    """The story's flows: CRM (with leads), Mail (needs an address), VIP (Registered only), one of Test, one that is off."""

    def __init__(self, story: Story) -> None:
        self.story, self.diary = story, Diary()
        story.receiver.answer_all(self.diary.answer)
        self.live = Sent(self.diary)
        lead = story.mapping("Says", {"code": "registration.code", "first": "profile.first_name"})
        mail = story.mapping(
            "Mail", {"code": "registration.code", "first": "profile.first_name", "mail": "profile.email"}, required=["mail"]
        )
        crm = story.connection("CRM", "/crm")
        with story.saving() as transaction:
            connection_services.save_rule(transaction, crm, LEADS)
        self.vip = story.connection("VIP", "/vip")
        self.crm = story.flow("CRM", [story.to(crm, mapping=lead)])
        story.flow("Mail", [story.to(story.connection("Mail", "/mail"), mapping=mail, does=Does.ADDS)])
        story.flow("VIP", [story.to(self.vip, mapping=lead)], statuses=["Registered"])
        self.status = story.flow(
            "Status",
            [story.to(story.connection("Status", "/status"), mapping=lead)],
            watch=Watch.STATUS,
            statuses=["Registered", "Attended", "Cancelled"],
        )
        story.flow("Test", [story.to(story.connection("Test", "/test"), mapping=lead)], mode=Mode.TEST)
        off = story.flow("Off", [story.to(story.connection("Off", "/off"), mapping=lead)])
        story.set_active(off, active=False)
        self.statuses: dict[str, str] = {}

    def records(self, code: str, *, first: str, status: str = "", mail: str = "a@example.org") -> None:
        """Records a live change, and notes what follows from it."""
        document: dict[str, object] = {"profile": {"first_name": first, "email": mail}}
        if status:
            document["status"] = status
        answer = self.story.record(code, **document)
        live, moves = self.live, bool(status) and self.statuses.get(code) != status
        self.statuses[code] = status or self.statuses[code]
        live.changes[code] += len(answer.changes)
        tagged = self.statuses[code] != "New"
        live.triggered[code] += 2 + (moves and tagged)
        live.untagged[code] += moves and not tagged
        live.invalid[code] += not mail
        match self.statuses[code]:
            case "Pre-Registered":
                live.triggered[code] += 1
            case "New":
                live.untagged[code] += 1
            case _:
                live.unselected[code] += 1


def fails_before_it_is_sent(stage: Stage) -> None:
    """Before there is a worker: the marks that three crashes leave, and a source that cannot be read (which no engine reads yet)."""
    story = stage.story
    for kind in UNSENT:
        stage.records(f"{kind}-1", first="a", status="Attended")
        stage.live.unsent.append(f"{kind}-1")
    system, source = (next(action for action in story.actions(f"{kind}-1") if action["flow"] == stage.crm) for kind in ("SYS", "SRC"))
    with story.db.transaction():
        story.db.run("UPDATE lane SET marks = 3 WHERE id = (SELECT lane_id FROM action WHERE id = :id)", {"id": system["id"]})
    end_attempt(
        story.db, story.provider, story.account, source["id"], Refused(Category.SOURCE_API, Cause.SOURCE, "Unreadable.", left=False)
    )


def replays(stage: Stage) -> None:
    """Replays a flow: of each registration whose status it watches for, the latest change."""
    story = stage.story
    wanted = [code for code, status in stage.statuses.items() if status != "New"]
    stage.live.triggered.update(wanted)
    made = checked(story, stage.status)
    with running_jobs():
        starts(story, made)
        story.wait_for(lambda: counts(story, made).success == len(wanted))
    assert stage.diary.replayed == Counter(wanted)


def tell(stage: Stage) -> None:
    """The script, up to the moment where everything rests."""
    story, live = stage.story, stage.live
    fails_before_it_is_sent(stage)
    with story.worker():
        story.wait_for(lambda: all("queued" in story.states(f"{kind}-1") for kind in UNSENT))
        story.submit(*(action["key"] for kind in UNSENT for action in story.actions(f"{kind}-1") if action["state"] == "queued"))
        story.wait_for(lambda: all(set(story.states(f"{kind}-1")) == {"success"} for kind in UNSENT))
        stage.records("OLD-1", first="old", status="Attended")  # fails, and would be tried again in minutes
        story.wait_for(lambda: "queued" in story.states("OLD-1"))
        stage.records("OLD-1", first="new")
        live.superseded["OLD-1"] += 1
        story.wait_for(lambda: "superseded" in story.states("OLD-1"))
        story.retries(0.1, 0.1, 0.1)
        for n in range(1, 4):
            stage.records(f"OK-{n}", first="a", status="Pre-Registered")
            stage.records(f"OK-{n}", first="b")
        for kind in ("BUSY", "RESET", "ERR", "KEY"):
            for n in range(1, 3):
                stage.records(f"{kind}-{n}", first="a", status="Attended")
        for n in range(1, 4):
            stage.records(f"END-{n}", first="a", status="Cancelled")
            live.failed[f"END-{n}"] += 1
        for n in range(1, 5):
            stage.records(f"MAIL-{n}", first="a", status="Attended", mail="")
        for n in range(1, 4):
            story.record(f"T-{n}", "REHEARSAL", status="Attended", profile={"first_name": "t", "email": "t@example.org"})
        story.wait_for(lambda: story.states().count("failed") == 3)
        story.wait_for(lambda: not {"pending", "queued"} & set(story.states()))
        story.pause(stage.vip)
        story.wait_for(lambda: story.holds(stage.vip))
        story.retries(600, 600, 600)
        stage.records("LATE-1", first="a", status="Attended")
        live.queued["LATE-1"] += 1
        for n in range(1, 3):
            stage.records(f"NEW-{n}", first="a", status="New")
        for n in range(1, 3):
            stage.records(f"HELD-{n}", first="a", status="Pre-Registered")
            live.held[f"HELD-{n}"] += 1
        story.wait_for(lambda: story.states().count("pending") == 2 and story.states().count("queued") == 1)
        replays(stage)


def listed_codes(story: Story, kind: RecordKind, since: int, until: int, replays: ReplayShare = ReplayShare.ALL) -> Counter[str]:
    """The codes of a list's records."""
    found = Records(AccountReader(story.db, story.account), RecordFilter(kind, since, until, replays=replays))
    rows = found.page(None, size=500).rows
    assert found.count() == RecordCount(len(rows))
    return Counter(row.person.code for row in rows if row.person)


def test_X2_X3_every_figure_and_list_is_what_receiver_and_sender_counted(story: Story, client: Client) -> None:
    stage = Stage(story)
    tell(stage)
    live, diary, account = stage.live, stage.diary, story.account
    now = story.db.now() // MINUTE * MINUTE
    since, until = now - 60 * MINUTE, now + MINUTE
    shown = PeriodFigures(AccountReader(story.db, account), fixed_window(since, until), Mode.LIVE)
    assert shown.tiles == live.expected()
    whole = shown.tiles
    assert (
        whole.triggered
        == whole.success + whole.superseded + whole.queued + whole.failed + whole.validation + whole.held_count + whole.pending
    )
    assert whole.pie == (whole.success, whole.queued + whole.failed + whole.validation)
    assert sum(shown.by_column(Measure.ATTEMPTS_OK)) == diary.answered(taken=True)
    assert sum(shown.by_column(Measure.ATTEMPTS_FAILED)) == diary.answered(taken=False) + len(live.unsent)
    assert set(whole.retried_by_category) == set(SEVERITY), "every category that is retried"
    assert shown.replayed == diary.replayed.total() > 0
    without = PeriodFigures(AccountReader(story.db, account), fixed_window(since, until), Mode.LIVE, replays=False)
    assert without.tiles == live.expected(replays=False)
    assert sum(without.by_column(Measure.ATTEMPTS_OK)) == diary.answered(taken=True) - diary.replayed.total()
    for kind in (RecordKind.TRIGGERED, RecordKind.SUCCESS, RecordKind.ATTEMPTS):
        every = listed_codes(story, kind, since, until)
        assert listed_codes(story, kind, since, until, ReplayShare.ONLY) == diary.replayed, kind
        assert listed_codes(story, kind, since, until, ReplayShare.WITHOUT) == every - diary.replayed, kind
    retried, abandoned = Counter(live.retries), live.failed
    lists = {
        RecordKind.CHANGES: live.changes,
        RecordKind.REGISTRATIONS: Counter(dict.fromkeys(live.changes, 1)),
        RecordKind.TRIGGERED: live.triggered,
        RecordKind.NOT_TRIGGERED: live.untagged + live.unselected,
        RecordKind.UNTAGGED: +live.untagged,
        RecordKind.SUPERSEDED: live.superseded,
        RecordKind.QUEUED: live.queued,
        RecordKind.FAILED: live.failed,
        RecordKind.VALIDATION: +live.invalid,
        RecordKind.PENDING: Counter(),
        RecordKind.HELD: live.held,
        RecordKind.FAILURES: live.queued + live.failed + live.invalid,
        RecordKind.IN_RETRY_QUEUE: live.queued + live.untagged,
        RecordKind.RETRIES: retried,
        RecordKind.ABANDONED: abandoned,
        RecordKind.VALIDATION_ERRORS: +live.invalid,
    }
    for kind, codes in lists.items():
        assert listed_codes(story, kind, since, until) == codes, kind
    story.signs_in(client)
    links = {}
    for address in ("/signal/metrics/", "/signal/metrics/troubleshooting/"):
        for mode in ("", "&mode=test", "&replays=without"):
            page = client.get(f"{address}?period=1h{mode}").content.decode()
            links |= {html.unescape(link["href"]): number_in(link["inside"]) for link in NUMBER.finditer(page)}
    numbers = {href: n for href, n in links.items() if n is not None}
    assert sum(n > 0 for n in numbers.values()) > 25
    for href, n in numbers.items():
        assert listed(client, href) == n, href


def busy(story: Story, name: str, rounds: int, failed: list[BaseException]) -> None:
    """One client: its own connection, batches of new and changed registrations, live and test."""
    db = story.open()
    try:
        provider = Committed(db, ConfigCache())
        for n in range(rounds):
            items = [
                RecordItem(
                    story.account,
                    {
                        "event": "SUMMIT" if k % 5 else "REHEARSAL",
                        "code": f"{'ERR' if k % 4 == 0 else 'OK'}-{name}{k}",
                        "status": ("Attended", "New", "Pre-Registered")[(n + k) % 3],
                        "profile": {"first_name": str(n), "email": "" if k == 3 else "a@example.org"},
                    },
                    BY,
                )
                for k in range(8)
            ]
            assert all(answer.is_recorded for answer in record_batch(db, items, provider))
            for worker in story.workers:
                worker.wake()
    except BaseException as error:  # noqa: BLE001 -- reported by the test's own thread
        failed.append(error)
    finally:
        db.close()


def asked(story: Story, mode: Mode) -> Figures:
    """The tiles, in one snapshot as the page reads them: `Figures` refuses to exist where they do not add up."""
    with account_reader(story.account, snapshot=True) as of:
        now = story.db.now() // MINUTE * MINUTE
        return PeriodFigures(of, fixed_window(now - 60 * MINUTE, now + 2 * MINUTE), mode).tiles


def test_X2_the_equations_hold_at_every_instant_while_four_clients_write(story: Story) -> None:
    stage = Stage(story)
    story.retries(0.1, 0.2, 0.3)
    failed = list[BaseException]()
    clients = [threading.Thread(target=busy, args=(story, name, 12, failed)) for name in "ABCD"]
    seen: list[Figures] = []
    with story.worker():
        for each in clients:
            each.start()
        for turn in range(200):
            found = asked(story, Mode.LIVE if turn % 4 else Mode.TEST)
            assert (
                found.triggered
                == found.success + found.superseded + found.queued + found.failed + found.validation + found.held_count + found.pending
            )
            if turn % 4:
                seen.append(found)
            if turn % 10 == 0:
                _folds(story, 500)
        for each in clients:
            each.join(120)
        assert not failed, failed
        story.wait_for(lambda: not {"pending", "queued"} & set(story.states()), 90)
    assert [found.changes for found in seen] == sorted(found.changes for found in seen)
    assert len({(found.changes, found.success) for found in seen}) > 10  # asked while it happened
    assert stage.diary.requests
    before = asked(story, Mode.LIVE)
    while _folds(story):
        pass
    assert asked(story, Mode.LIVE) == before == story.recounted(Mode.LIVE)
    assert before.success == stage.diary.delivered.total()


def _folds(story: Story, limit: int = figure_deltas.FOLD_ROWS) -> int:
    with story.db.transaction():
        return figure_deltas.fold(story.db, story.account, limit)
