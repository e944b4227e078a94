"""record(): the one way in (P10, I1-I3; docs/design/recording.md).

    idempotency → configuration → rows locked → diff and decide → changes, runs, actions, figures

It runs in the caller's transaction, so a page saves a registration and its audit line together. An item is refused before any row is
written. Nothing else writes registrations or session registrations; `recording.events` writes events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.registration.change import (
    SESSION_STATUS,
    Change,
    Facet,
    RegistrationState,
    SessionState,
    SubjectKind,
    applied,
    registration_facets,
)
from heliograph.domain.registration.document import resolve
from heliograph.domain.registration.document_values import SHOWN_ALLOWED, DocumentProblem, DocumentRefused
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.setup.statuses import NEW
from heliograph.domain.snapshot import ConfigSource
from heliograph.recording.change_rows import Recorded, numbers_of, write_changes
from heliograph.recording.contents import read_state, too_much, write_state
from heliograph.recording.items import ItemAnswer, ItemOutcome, PreparedItem, RecordItem, read_answer, write_answer
from heliograph.store import configuration, registrations
from heliograph.store.database import Database
from heliograph.store.moments import EPOCH, from_micros, to_micros
from heliograph.store.numbers import DrawnNumbers
from heliograph.store.registrations import RegistrationRow, SessionRow, Written

Key = tuple[int, str, str]  # account, endpoint, idempotency key
OVERTAKEN_AT_MOST: Final = 50
"""Times that others may be first; after that, a fault of ours is likelier."""


class Overtaken(HeliographError):
    """Another transaction was the first to make one of these registrations. Nothing was recorded; do it again."""


def record(
    db: Database,
    items: Sequence[RecordItem],
    source: ConfigSource,
    *,
    endpoint: str = "",
    key_wait_ms: int = 0,
    in_savepoint: bool = True,
) -> list[ItemAnswer]:
    """Records registration documents in the caller's transaction. Returns one answer per document, in order.

    key_wait_ms: how long to wait for a key that another transaction holds (PostgreSQL; 0: without limit). A bad item raises nothing: its
    answer refuses it. After a database error the caller rolls back (`recording.batches` does that for callers that own their connection).
    in_savepoint: where another transaction is the first to make one of these registrations, everything is done again here; otherwise that
    raises Overtaken, for a caller whose transaction holds nothing else.
    """
    answers: list[ItemAnswer | None] = [None] * len(items)
    mine, twins = _claim(db, items, endpoint, key_wait_ms, answers)
    todo = [(i, items[i]) for i in range(len(items)) if answers[i] is None and i not in twins]
    if in_savepoint:
        _run_until_not_overtaken(db, source, todo, answers)
    else:
        _Batch(db, source).run(todo, answers)
    if mine:
        kept = [
            (key, items[i].request_hash, write_answer(found))
            for key, i in mine.items()
            if (found := answers[i]) is not None and found.is_recorded
        ]
        registrations.answer_keys(db, kept)
        registrations.free_keys(db, mine.keys() - {key for key, _, _ in kept})
    _answer_twins(db, items, source, endpoint, twins, answers)
    return [a if a is not None else ItemAnswer(ItemOutcome.REFUSED) for a in answers]


def _run_until_not_overtaken(
    db: Database, source: ConfigSource, todo: Sequence[tuple[int, RecordItem]], answers: list[ItemAnswer | None]
) -> None:
    """Runs the steps, and again from the first one where another transaction made a registration meanwhile. Raises Overtaken."""
    for left in reversed(range(OVERTAKEN_AT_MOST)):
        try:
            with db.savepoint():
                _Batch(db, source).run(todo, answers)
        except Overtaken:
            if not left:
                raise
        else:
            return


def _claim(
    db: Database, items: Sequence[RecordItem], endpoint: str, key_wait_ms: int, answers: list[ItemAnswer | None]
) -> tuple[dict[Key, int], dict[int, int]]:
    """Step 0: claims the keys. Returns the claimed keys with their items, and items that repeat a key of this batch with the first such
    item."""
    first: dict[Key, int] = {}
    twins: dict[int, int] = {}
    for i, item in enumerate(items):
        if item.key is None:
            continue
        if item.problem is not None:
            answers[i] = ItemAnswer(ItemOutcome.REFUSED, problems=(item.problem,))
            continue
        known = first.setdefault((item.account, endpoint, item.key), i)
        if known != i:
            twins[i] = known
    if not first:
        return {}, {}
    ours = registrations.claim_keys(db, [(*key, items[first[key]].request_hash) for key in sorted(first)], key_wait_ms)
    for key, (hash, text) in registrations.kept_answers(db, sorted(first.keys() - ours)).items():
        i = first[key]
        if hash != items[i].request_hash:
            answers[i] = ItemAnswer(ItemOutcome.KEY_REUSED)
        else:
            answers[i] = read_answer(text) if text else ItemAnswer(ItemOutcome.RUNNING)
    return {key: i for key, i in first.items() if key in ours}, twins


def _answer_twins(
    db: Database,
    items: Sequence[RecordItem],
    source: ConfigSource,
    endpoint: str,
    twins: Mapping[int, int],
    answers: list[ItemAnswer | None],
) -> None:
    """Answers items that repeated a key of their batch. A refusal is not remembered (I3), so the next document with the key is recorded."""
    turns = []
    for i, first in twins.items():
        said = answers[first]
        if items[i].request_hash == items[first].request_hash:
            answers[i] = said
        elif said is not None and said.outcome in (ItemOutcome.REFUSED, ItemOutcome.CONFLICT):
            turns.append(i)
        else:
            answers[i] = ItemAnswer(ItemOutcome.KEY_REUSED)
    if turns:
        for i, answer in zip(turns, record(db, [items[i] for i in turns], source, endpoint=endpoint), strict=True):
            answers[i] = answer


@dataclass(slots=True)
class _Subject:
    """A locked registration with its state so far in this batch, so that a second change sees the first."""

    row: RegistrationRow
    state: RegistrationState | None
    text: str
    changed: bool = False
    sent: bool = False


@dataclass(slots=True)
class _Batch:
    """Steps 1 to 6 for the items to record."""

    db: Database
    source: ConfigSource
    now: int = 0
    at: datetime = EPOCH
    accounts: dict[int, AccountConfig] = field(default_factory=dict)
    events: dict[int, EventConfig] = field(default_factory=dict)
    new_status: dict[int, int] = field(default_factory=dict)
    recorded: list[Recorded] = field(default_factory=list)
    sessions: dict[tuple[int, int], SessionRow] = field(default_factory=dict)
    session_ids: Iterator[int] = field(default_factory=lambda: iter(()))
    changed_sessions: dict[int, SessionRow] = field(default_factory=dict)

    def run(self, items: Sequence[tuple[int, RecordItem]], answers: list[ItemAnswer | None]) -> None:
        prepared = self._prepared(items, answers)
        if not prepared:
            return
        subjects = self._subjects(prepared)
        self._lock_sessions(prepared, subjects)
        found: dict[int, list[Recorded]] = {}
        for i, item, p in prepared:
            answers[i], found[i] = self._one(item, p, subjects[p.event, p.code])
        with self.db.together():
            self._write(subjects)
        for i, changes in found.items():
            before = answers[i]
            if before is not None and changes:
                answers[i] = ItemAnswer(before.outcome, before.registration, before.version, tuple(r.id for r in changes))

    # --- step 1: lock configuration; refuse what must be refused

    def _prepared(
        self, items: Sequence[tuple[int, RecordItem]], answers: list[ItemAnswer | None]
    ) -> list[tuple[int, RecordItem, PreparedItem]]:
        named: dict[int, tuple[int, str, str]] = {}
        items_of = dict(items)
        for i, item in items:
            try:
                named[i] = (item.account, *item.address)
            except DocumentRefused as refused:
                answers[i] = ItemAnswer(ItemOutcome.REFUSED, problems=refused.problems)
        ids = self._lock_named({i: items_of[i] for i in named}, named)
        known: dict[int, tuple[str, ...]] = {}
        out = []
        for i, item in items:
            if i not in named:
                continue
            account, event_code, code = named[i]
            event = self.events.get(ids.get((account, event_code), 0))
            if event is None or event.code != event_code:
                if account not in known:
                    known[account] = event_codes(self.db, account)
                problem = DocumentProblem("event", f"there is no event {event_code!r}.", known[account], event_code)
                answers[i] = ItemAnswer(ItemOutcome.REFUSED, problems=(problem,))
                continue
            p = prepare(item, code, self.accounts[account], event)
            if p.upsert is None:
                answers[i] = ItemAnswer(ItemOutcome.REFUSED, problems=p.problems)
            else:
                out.append((i, item, p))
        return out

    def _lock_named(self, items: Mapping[int, RecordItem], named: Mapping[int, tuple[int, str, str]]) -> dict[tuple[int, str], int]:
        """Keeps the configuration of these items still; the ids of their events by account and code.

        Whoever resolved an item before the transaction has found its event. That is asked again only if the event is gone or renamed.
        """
        accounts = {account for account, _, _ in named.values()}
        known = {named[i][:2]: item.prepared.event for i, item in items.items() if item.prepared is not None}
        ids = known | event_ids(self.db, {key[:2] for key in named.values()} - known.keys())
        self._lock(accounts, ids)
        renamed = {key for key, id in known.items() if (event := self.events.get(id)) is None or event.code != key[1]}
        if renamed:
            for i, item in items.items():
                if named[i][:2] in renamed:
                    item.prepared = None
            ids = {key: id for key, id in ids.items() if key not in renamed} | event_ids(self.db, renamed)
            self._lock(accounts, ids)
        return ids

    def _lock(self, accounts: set[int], events: dict[tuple[int, str], int]) -> None:
        if not accounts:
            return
        found, self.now = configuration.lock_and_read(self.db, sorted(accounts), [(account, id) for (account, _), id in events.items()])
        self.at = from_micros(self.now)
        self.accounts = {a: self.source.account(a, found[configuration.ACCOUNT, a]) for a in accounts}
        self.events = {e: self.source.event(e, found[configuration.EVENT, e]) for e in events.values() if (configuration.EVENT, e) in found}
        self.new_status = {
            a: next(status.id for status in config.statuses.values() if status.name == NEW) for a, config in self.accounts.items()
        }

    # --- step 2: lock the rows that exist

    def _subjects(self, prepared: Sequence[tuple[int, RecordItem, PreparedItem]]) -> dict[tuple[int, str], _Subject]:
        wanted = sorted({(p.event, p.code, item.account) for _, item, p in prepared})
        rows = registrations.locked_rows(self.db, wanted)
        return {key: _Subject(row, read_state(row.state) if row.state else None, row.state) for key, row in rows.items()}

    def _lock_sessions(
        self, prepared: Sequence[tuple[int, RecordItem, PreparedItem]], subjects: Mapping[tuple[int, str], _Subject]
    ) -> None:
        """Reads session registrations, which the lock of their registration covers. Draws ids for all that may be created."""
        named = {(subjects[p.event, p.code].row.id, session) for _, _, p in prepared if p.upsert for session in p.upsert.sessions}
        if named:
            self.sessions = registrations.session_rows(self.db, sorted({registration for registration, _ in named}))
            self.session_ids = iter(self.db.draw({"subject_id": len(named - self.sessions.keys())})["subject_id"])

    # --- step 3: diff and decide, in arrival order

    def _one(self, item: RecordItem, p: PreparedItem, s: _Subject) -> tuple[ItemAnswer, list[Recorded]]:
        assert p.upsert is not None
        account, event = self.accounts[item.account], self.events[p.event]
        if item.expected is not None and item.expected != s.row.version:
            return ItemAnswer(ItemOutcome.CONFLICT, s.row.id if s.state else None, s.row.version), []
        sent = None if item.by_hand or p.upsert.modified is None else to_micros(p.upsert.modified)
        if sent is not None and s.row.sent_modified is not None and sent < s.row.sent_modified:
            return ItemAnswer(ItemOutcome.STALE, s.row.id, s.row.version), []
        created = s.state is None
        marks_test = account.is_test_event(event.state.status)
        after, before = applied(s.state, p.code, p.upsert, self.at, new_status=self.new_status[account.id], marks_test=marks_test)
        text = write_state(after) if created or before else s.text
        sessions = [(session, status) for session, status in p.upsert.sessions.items() if self._differs(s, session, status)]
        problem = too_much(text, len(sessions), changed=bool(created or before))
        if problem:
            return ItemAnswer(ItemOutcome.REFUSED, problems=(problem,)), []
        if sent is not None and sent != s.row.sent_modified:
            s.row.sent_modified, s.sent = sent, True
        out: list[Recorded] = []
        if created or before:
            s.state, s.text, s.changed = after, text, True
            s.row.version += 1
            facets = registration_facets(created=created, before=before)
            out.append(self._recorded(item, s, SubjectKind.REGISTRATION, s.row.id, s.row.version, facets, before))
        out += [self._session(item, s, session, status) for session, status in sessions]
        self.recorded += out
        outcome = ItemOutcome.CREATED if created else ItemOutcome.UPDATED if out else ItemOutcome.UNCHANGED
        return ItemAnswer(outcome, s.row.id, s.row.version), out

    def _differs(self, s: _Subject, session: int, status: int) -> bool:
        known = self.sessions.get((s.row.id, session))
        return known is None or known.status != status

    def _session(self, item: RecordItem, s: _Subject, session: int, status: int) -> Recorded:
        known = self.sessions.get((s.row.id, session))
        id, version = (known.id, known.version + 1) if known else (next(self.session_ids), 1)
        row = SessionRow(id, item.account, s.row.id, session, status, version)
        self.sessions[s.row.id, session] = self.changed_sessions[id] = row
        before: dict[str, object] = {SESSION_STATUS: known.status} if known else {}
        kind, facet = SubjectKind.SESSION_REGISTRATION, Facet.SESSION_STATUS_CHANGED
        return self._recorded(item, s, kind, id, version, facet, before, SessionState(session, status))

    def _recorded(
        self,
        item: RecordItem,
        s: _Subject,
        kind: SubjectKind,
        subject: int,
        version: int,
        facets: Facet,
        before: dict[str, object],
        session: SessionState | None = None,
    ) -> Recorded:
        change = Change(
            id=0,  # see Recorded.id
            kind=kind,
            subject_id=subject,
            version=version,
            facets=facets,
            at=self.at,
            by=item.by,
            quiet=item.quiet,
            registration=s.state,
            session=session,
            before=before,
        )
        recorded = Recorded(change, self.accounts[item.account], self.events[s.row.event], s.row.id, state=s.text)
        recorded.decide()
        return recorded

    # --- steps 4 to 6

    def _write(self, subjects: Mapping[tuple[int, str], _Subject]) -> None:
        changed = [Written(s.row, s.state, s.text) for s in subjects.values() if s.changed and s.state is not None]
        new = sum(1 for w in changed if w.row.serial is None)
        numbers = DrawnNumbers(self.db, {"registration_serial": new, **numbers_of(self.db, self.recorded)})
        are_made = registrations.write_rows(self.db, changed, numbers)
        touched = [
            (s.row.id, s.row.sent_modified) for s in subjects.values() if s.sent and not s.changed and s.row.sent_modified is not None
        ]
        registrations.touch_sent(self.db, touched)
        registrations.write_sessions(self.db, list(self.changed_sessions.values()), self.now)
        serials = {s.row.id: s.row.serial for s in subjects.values()}
        for r, id in zip(self.recorded, numbers.take("change_id", len(self.recorded)), strict=True):
            r.id = id
            r.serial = serials[r.registration] if r.registration is not None else None
        write_changes(self.db, self.recorded, self.now, numbers)
        if not are_made():
            raise Overtaken("Another transaction made one of these registrations at the same moment. Please try again.")


def prepare(item: RecordItem, code: str, account: AccountConfig, event: EventConfig) -> PreparedItem:
    """Resolves an item's document, or reuses what was resolved before the transaction if the versions are unchanged."""
    known = item.prepared
    if known is not None and (known.account_version, known.event_version, known.event) == (account.version, event.version, event.id):
        return known
    try:
        item.prepared = PreparedItem(account.version, event.version, event.id, code, resolve(item.document, account, event))
    except DocumentRefused as refused:
        item.prepared = PreparedItem(account.version, event.version, event.id, code, None, refused.problems)
    return item.prepared


def event_ids(db: Database, codes: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """(account, event code) -> event id, for those that exist."""
    out: dict[tuple[int, str], int] = {}
    for account in sorted({a for a, _ in codes}):
        names = [code for a, code in codes if a == account]
        rows = db.all(
            f"SELECT code, id FROM event WHERE account_id = :account AND {db.member('code', 'codes')}", {"account": account, "codes": names}
        )
        out |= {(account, code): id for code, id in rows}
    return out


def event_codes(db: Database, account: int) -> tuple[str, ...]:
    """The first codes of an account's events, for an error message."""
    rows = db.all(
        "SELECT code FROM event WHERE account_id = :account ORDER BY code LIMIT :most", {"account": account, "most": SHOWN_ALLOWED}
    )
    return tuple(code for (code,) in rows)
