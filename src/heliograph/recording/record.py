"""record(): the one way in (spec P10, I1-I3; protocols section 2).

    idempotency → configuration → rows exist → rows locked → diff and decide → changes, runs, actions, figures

All of it in the caller's one transaction, on the caller's connection: a page saves a registration and its audit line together.
What is refused is refused before a row is made. Nothing else writes registrations or session registrations; events have
`recording.events`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from heliograph.domain.changes import Change, Facet, RegistrationState, SessionState, SubjectKind, applied, registration_facets
from heliograph.domain.documents import Problem, Refused, address, resolve
from heliograph.domain.snapshot import AccountConfig, EventConfig, Source
from heliograph.domain.statuses import NEW
from heliograph.recording.contents import read_state, write_state
from heliograph.recording.items import Answer, Item, Outcome, Prepared, read_answer, write_answer
from heliograph.recording.writing import Recorded, write_changes
from heliograph.store import configuration, registrations
from heliograph.store.database import Database
from heliograph.store.fields import from_micros, to_micros
from heliograph.store.registrations import Row, SessionRow, Written

Key = tuple[int, str, str]  # account, endpoint, idempotency key


def record(db: Database, items: Sequence[Item], source: Source, *, endpoint: str = "") -> list[Answer]:
    """Records registration documents in the caller's transaction; an answer each, in order.

    Raises nothing for a bad item: it is refused in its answer. What the database raises is the caller's to roll back
    (`recording.batches` does that for those who own their connection).
    """
    answers: list[Answer | None] = [None] * len(items)
    mine, twins = _claim(db, items, endpoint, answers)
    todo = [i for i in range(len(items)) if answers[i] is None and i not in twins]
    _Batch(db, source).run([(i, items[i]) for i in todo], answers)
    if mine:
        kept = [(key, write_answer(found)) for key, i in mine.items() if (found := answers[i]) is not None and found.is_recorded]
        registrations.answer_keys(db, kept)
        registrations.free_keys(db, mine.keys() - {key for key, _ in kept})
    for i, first in twins.items():
        same = items[i].request_hash == items[first].request_hash
        answers[i] = answers[first] if same else Answer(Outcome.KEY_REUSED)
    return [a if a is not None else Answer(Outcome.REFUSED) for a in answers]


def _claim(db: Database, items: Sequence[Item], endpoint: str, answers: list[Answer | None]) -> tuple[dict[Key, int], dict[int, int]]:
    """Step 0. Keys that are ours with their item, and items that repeat a key of this batch with the item that has it first."""
    first: dict[Key, int] = {}
    twins: dict[int, int] = {}
    for i, item in enumerate(items):
        if item.key is not None:
            key = (item.account, endpoint, item.key)
            if key in first:
                twins[i] = first[key]
            else:
                first[key] = i
    if not first:
        return {}, {}
    claims = [(*key, items[first[key]].request_hash) for key in sorted(first)]
    ours = registrations.claim_keys(db, claims, db.now())
    theirs = sorted(first.keys() - ours)
    for key, (hash, text) in registrations.kept_answers(db, theirs).items():
        i = first[key]
        if hash != items[i].request_hash:
            answers[i] = Answer(Outcome.KEY_REUSED)
        else:
            answers[i] = read_answer(text) if text else Answer(Outcome.RUNNING)
    return {key: i for key, i in first.items() if key in ours}, twins


@dataclass(slots=True)
class _Subject:
    """A locked registration with its state as this batch leaves it: two changes of one registration see each other."""

    row: Row
    state: RegistrationState | None
    made: bool
    changed: bool = False
    sent: bool = False


@dataclass(slots=True)
class _Batch:
    """Steps 1 to 7 for items that are to be recorded."""

    db: Database
    source: Source
    accounts: dict[int, AccountConfig] = field(default_factory=dict)
    events: dict[int, EventConfig] = field(default_factory=dict)
    recorded: list[Recorded] = field(default_factory=list)
    sessions: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    session_rows: dict[int, SessionRow] = field(default_factory=dict)

    def run(self, items: Sequence[tuple[int, Item]], answers: list[Answer | None]) -> None:
        prepared = self._prepared(items, answers)
        if not prepared:
            return
        now = self.db.now()
        wanted = sorted({(p.event, p.code, item.account) for _, item, p in prepared})
        keys = [(event, code) for event, code, _ in wanted]
        made = registrations.make_rows(self.db, wanted, now)
        rows = registrations.lock_rows(self.db, keys)
        if len(rows) < len(keys):  # erased in between
            made |= registrations.make_rows(self.db, wanted, now)
            rows = registrations.lock_rows(self.db, keys)
        subjects = {key: _Subject(row, read_state(row.state) if row.state else None, key in made) for key, row in rows.items()}
        with_sessions = sorted({subjects[p.event, p.code].row.id for _, _, p in prepared if p.upsert and p.upsert.sessions})
        self.sessions = registrations.session_rows(self.db, with_sessions)
        found: dict[int, list[Recorded]] = {}
        for i, item, p in prepared:
            answers[i], found[i] = self._one(item, p, subjects[p.event, p.code], now)
        self._write(subjects, now)
        for i, changes in found.items():
            before = answers[i]
            if before is not None and changes:
                answers[i] = Answer(before.outcome, before.registration, before.version, tuple(r.change.id for r in changes))

    # --- step 1: configuration, held still; what is refused is refused here

    def _prepared(self, items: Sequence[tuple[int, Item]], answers: list[Answer | None]) -> list[tuple[int, Item, Prepared]]:
        named: dict[int, tuple[int, str, str]] = {}
        for i, item in items:
            try:
                named[i] = (item.account, *address(item.document))
            except Refused as refused:
                answers[i] = Answer(Outcome.REFUSED, problems=refused.problems)
        ids = event_ids(self.db, {(account, event) for account, event, _ in named.values()})
        self._hold({account for account, _, _ in named.values()}, ids)
        out = []
        for i, item in items:
            if i not in named:
                continue
            account, event_code, code = named[i]
            event = self.events.get(ids.get((account, event_code), 0))
            if event is None or event.code != event_code:
                answers[i] = Answer(Outcome.REFUSED, problems=(unknown_event(self.db, account, event_code),))
                continue
            p = prepare(item, code, self.accounts[account], event)
            if p.upsert is None:
                answers[i] = Answer(Outcome.REFUSED, problems=p.problems)
            else:
                out.append((i, item, p))
        return out

    def _hold(self, accounts: set[int], events: dict[tuple[int, str], int]) -> None:
        configuration.lock_shared(self.db, accounts, [(account, id) for (account, _), id in events.items()])
        found = configuration.versions(self.db, accounts, events.values())
        self.accounts = {a: self.source.account(a, found[configuration.ACCOUNT, a]) for a in accounts}
        self.events = {e: self.source.event(e, found[configuration.EVENT, e]) for e in events.values() if (configuration.EVENT, e) in found}

    # --- step 4: diff and decide, in arrival order

    def _one(self, item: Item, p: Prepared, s: _Subject, now: int) -> tuple[Answer, list[Recorded]]:
        assert p.upsert is not None
        account, event = self.accounts[item.account], self.events[p.event]
        if item.expected is not None and item.expected != s.row.version:
            return Answer(Outcome.CONFLICT, s.row.id, s.row.version), []
        sent = None if item.by_hand or p.upsert.modified is None else to_micros(p.upsert.modified)
        if sent is not None and s.row.sent_modified is not None and sent < s.row.sent_modified:
            return Answer(Outcome.STALE, s.row.id, s.row.version), []
        if sent is not None and sent != s.row.sent_modified:
            s.row.sent_modified, s.sent = sent, True
        created = s.state is None
        after, before = applied(
            s.state,
            p.code,
            p.upsert,
            from_micros(now),
            new_status=next(status.id for status in account.statuses.values() if status.name == NEW),
            marks_test=account.is_test_event(event.state.status),
        )
        out: list[Recorded] = []
        if created or before:
            s.state, s.changed = after, True
            s.row.version += 1
            facets = registration_facets(created=created, before=before)
            out.append(self._change(item, s, SubjectKind.REGISTRATION, s.row.id, s.row.version, facets, before, None, now))
        for session, status in p.upsert.sessions.items():
            changed = self._session(item, s, session, status, now)
            if changed is not None:
                out.append(changed)
        self.recorded += out
        outcome = Outcome.CREATED if created else Outcome.UPDATED if out else Outcome.UNCHANGED
        return Answer(outcome, s.row.id, s.row.version), out

    def _session(self, item: Item, s: _Subject, session: int, status: int, now: int) -> Recorded | None:
        known = self.sessions.get((s.row.id, session))
        if known is not None and known[1] == status:
            return None
        id, version = (known[0], known[2] + 1) if known else (self.db.draw("subject_id", 1)[0], 1)
        self.sessions[s.row.id, session] = (id, status, version)
        self.session_rows[id] = SessionRow(id, item.account, s.row.id, session, status, version)
        before: dict[str, object] = {"session_status": known[1]} if known else {}
        return self._change(
            item, s, SubjectKind.SESSION_REGISTRATION, id, version, Facet.SESSION_STATUS_CHANGED, before, SessionState(session, status), now
        )

    def _change(
        self,
        item: Item,
        s: _Subject,
        kind: SubjectKind,
        subject: int,
        version: int,
        facets: Facet,
        before: dict[str, object],
        session: SessionState | None,
        now: int,
    ) -> Recorded:
        change = Change(
            id=0,
            kind=kind,
            subject_id=subject,
            version=version,
            facets=facets,
            at=from_micros(now),
            by=item.by,
            quiet=item.quiet,
            registration=s.state,
            session=session,
            before=before,
        )
        recorded = Recorded(change, self.accounts[item.account], self.events[s.row.event], s.row.id)
        recorded.judge()
        return recorded

    # --- steps 5 to 7

    def _write(self, subjects: dict[tuple[int, str], _Subject], now: int) -> None:
        changed = [s for s in subjects.values() if s.changed]
        registrations.write_rows(self.db, [Written(s.row, s.state, write_state(s.state)) for s in changed if s.state is not None])
        touched = [
            (s.row.id, s.row.sent_modified) for s in subjects.values() if s.sent and not s.changed and s.row.sent_modified is not None
        ]
        registrations.touch_sent(self.db, touched)
        registrations.write_sessions(self.db, list(self.session_rows.values()), now)
        serials = {s.row.id: s.row.serial for s in subjects.values()}
        for r, id in zip(self.recorded, self.db.draw("change_id", len(self.recorded)), strict=True):
            object.__setattr__(r.change, "id", id)  # drawn after the lock, so that ids of one subject rise with its versions
            r.serial = serials[r.registration] if r.registration is not None else None
        write_changes(self.db, self.recorded, now)


def prepare(item: Item, code: str, account: AccountConfig, event: EventConfig) -> Prepared:
    """Resolves an item's document, or takes what was prepared against the same versions before the transaction."""
    known = item.prepared
    if known is not None and (known.account_version, known.event_version, known.event) == (account.version, event.version, event.id):
        return known
    try:
        item.prepared = Prepared(account.version, event.version, event.id, code, resolve(item.document, account, event))
    except Refused as refused:
        item.prepared = Prepared(account.version, event.version, event.id, code, None, refused.problems)
    return item.prepared


def event_ids(db: Database, codes: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """(account, event code) -> event id, of those that exist."""
    out: dict[tuple[int, str], int] = {}
    for account in sorted({a for a, _ in codes}):
        names = [code for a, code in codes if a == account]
        rows = db.all(
            f"SELECT code, id FROM event WHERE account_id = :account AND {db.member('code', 'codes')}", {"account": account, "codes": names}
        )
        out |= {(account, code): id for code, id in rows}
    return out


def unknown_event(db: Database, account: int, code: str) -> Problem:
    """The problem of a document that names no event of the account."""
    known = [c for (c,) in db.all("SELECT code FROM event WHERE account_id = :account ORDER BY code LIMIT 50", {"account": account})]
    return Problem("event", f"there is no event {code!r}.", tuple(known), code)
