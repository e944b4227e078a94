"""record(): the one way in (P10, I1-I3; docs/design/recording.md).

    idempotency → configuration → rows locked → diff and decide → changes, runs, actions, figures

It runs in the caller's transaction, so a page saves a registration and its audit line together. An item is refused before any row is
written. Nothing else writes registrations or session registrations; `recording.event_record` writes events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.change import Change, RegistrationState, SubjectKind
from heliograph.domain.registration.document import resolve
from heliograph.domain.registration.document_values import SHOWN_ALLOWED, DocumentProblem, DocumentRefused
from heliograph.domain.registration.item_plan import ItemOutcome, PlannedChange, StoredRegistration, plan_item
from heliograph.domain.sentence_template import Sentence
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.statuses import NEW
from heliograph.domain.snapshot import ConfigProvider
from heliograph.recording.change_rows import Recorded, numbers_of, write_changes
from heliograph.recording.contents import read_state, write_state
from heliograph.recording.items import ItemResult, PreparedItem, RecordItem, read_result, write_result
from heliograph.store import configuration_versions, erased_codes, registrations
from heliograph.store.database import Database
from heliograph.store.instants import EPOCH, from_micros
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
    provider: ConfigProvider,
    *,
    endpoint: str = "",
    key_wait_ms: int = 0,
    in_savepoint: bool = True,
) -> list[ItemResult]:
    """Records registration documents in the caller's transaction. Returns one result per document, in order.

    key_wait_ms: how long to wait for a key that another transaction holds (PostgreSQL; 0: without limit).
    in_savepoint: if another transaction is the first to create one of these registrations, everything is done again here. False: that
        raises Overtaken, for a caller whose transaction holds nothing else.

    A bad item raises nothing: its result refuses it. After a database error the caller rolls back (`recording.batches` does that for callers
    that own their connection).
    """
    results: list[ItemResult | None] = [None] * len(items)
    claimed_keys, repeats = _claim(db, items, endpoint, key_wait_ms, results)
    unrecorded = [(number, item) for number, item in enumerate(items) if results[number] is None and number not in repeats]
    if in_savepoint:
        _run_until_not_overtaken(db, provider, unrecorded, results)
    else:
        _Batch(db, provider).run(unrecorded, results)
    if claimed_keys:
        recorded = [
            (key, items[number].request_hash, write_result(result))
            for key, number in claimed_keys.items()
            if (result := results[number]) is not None and result.is_recorded
        ]
        registrations.store_results(db, recorded)
        registrations.free_keys(db, claimed_keys.keys() - {key for key, _, _ in recorded})
    _record_repeats(db, items, provider, endpoint, repeats, results)
    return [result if result is not None else ItemResult(ItemOutcome.REFUSED) for result in results]


def _run_until_not_overtaken(
    db: Database, provider: ConfigProvider, todo: Sequence[tuple[int, RecordItem]], results: list[ItemResult | None]
) -> None:
    """Runs all steps, and runs them again if another transaction created one of the registrations first. Raises Overtaken."""
    for left in reversed(range(OVERTAKEN_AT_MOST)):
        try:
            with db.savepoint():
                _Batch(db, provider).run(todo, results)
        except Overtaken:
            if not left:
                raise
        else:
            return


def _claim(
    db: Database, items: Sequence[RecordItem], endpoint: str, key_wait_ms: int, results: list[ItemResult | None]
) -> tuple[dict[Key, int], dict[int, int]]:
    """Step 0: claims the keys of the items. An item whose key has a stored result gets that result. Items are named by their numbers.

    Returns two mappings:
        the claimed keys -> the item that claimed it
        items that repeat a key of this batch -> the first item with that key
    """
    first_items: dict[Key, int] = {}
    repeats: dict[int, int] = {}
    for number, item in enumerate(items):
        if item.key is None:
            continue
        if item.problem is not None:
            results[number] = ItemResult(ItemOutcome.REFUSED, problems=(item.problem,))
            continue
        first = first_items.setdefault((item.account, endpoint, item.key), number)
        if first != number:
            repeats[number] = first
    if not first_items:
        return {}, {}
    new_keys = registrations.claim_keys(db, [(*key, items[first_items[key]].request_hash) for key in sorted(first_items)], key_wait_ms)
    for key, (request_hash, text) in registrations.stored_results(db, sorted(first_items.keys() - new_keys)).items():
        number = first_items[key]
        if request_hash != items[number].request_hash:
            results[number] = ItemResult(ItemOutcome.KEY_REUSED)
        else:
            results[number] = read_result(text) if text else ItemResult(ItemOutcome.RUNNING)
    return {key: number for key, number in first_items.items() if key in new_keys}, repeats


def _record_repeats(
    db: Database,
    items: Sequence[RecordItem],
    provider: ConfigProvider,
    endpoint: str,
    repeats: Mapping[int, int],
    results: list[ItemResult | None],
) -> None:
    """Sets the results of items that repeated a key of their batch. If the first one was refused, the next document with the key is recorded,
    because a refusal is not stored (I3)."""
    to_record = []
    for number, first in repeats.items():
        first_result = results[first]
        if items[number].request_hash == items[first].request_hash:
            results[number] = first_result
        elif first_result is not None and first_result.outcome in (ItemOutcome.REFUSED, ItemOutcome.CONFLICT):
            to_record.append(number)
        else:
            results[number] = ItemResult(ItemOutcome.KEY_REUSED)
    if to_record:
        for number, result in zip(to_record, record(db, [items[each] for each in to_record], provider, endpoint=endpoint), strict=True):
            results[number] = result


@dataclass(slots=True)
class _Subject:
    """A locked registration with its state so far in this batch, so that its next change builds on the one before."""

    row: RegistrationRow
    state: RegistrationState | None
    text: str
    """The state as stored."""
    is_changed: bool = False
    is_erased: bool = False
    """A sender names the code of an erased registration."""
    has_newer_sent_modified: bool = False
    """A sender's `modified` was newer than the stored one."""


@dataclass(slots=True)
class _Batch:
    """Steps 1 to 6 for the items to record."""

    db: Database
    provider: ConfigProvider
    now: int = 0
    at: datetime = EPOCH
    accounts: dict[int, AccountConfig] = field(default_factory=dict)
    events: dict[int, EventConfig] = field(default_factory=dict)
    new_status: dict[int, int] = field(default_factory=dict)
    with_erasures: set[int] = field(default_factory=set)
    """Accounts with erased codes."""
    recorded: list[Recorded] = field(default_factory=list)
    sessions: dict[tuple[int, int], SessionRow] = field(default_factory=dict)
    session_ids: Iterator[int] = field(default_factory=lambda: iter(()))
    changed_sessions: dict[int, SessionRow] = field(default_factory=dict)

    def run(self, items: Sequence[tuple[int, RecordItem]], results: list[ItemResult | None]) -> None:
        prepared = self._prepared(items, results)
        if not prepared:
            return

        # Step 2: locks the rows that exist
        keys = sorted({(prepared_item.event, prepared_item.code, item.account) for _, item, prepared_item in prepared})
        rows = registrations.locked_rows(self.db, keys)
        erased_codes = self._erased_codes(rows)
        subjects = {
            key: _Subject(row, read_state(row.state) if row.state else None, row.state, is_erased=key in erased_codes)
            for key, row in rows.items()
        }
        self._lock_sessions(prepared, subjects)

        # Step 3: diffs and decides, in arrival order
        changes_by_item: dict[int, list[Recorded]] = {}
        for number, item, prepared_item in prepared:
            subject = subjects[prepared_item.event, prepared_item.code]
            results[number], changes_by_item[number] = self._record_one(item, prepared_item, subject)

        # Steps 4 to 6: writes
        with self.db.together():
            self._write(subjects)
        for number, changes in changes_by_item.items():
            result = results[number]
            if result is not None and changes:  # the ids of changes are known only after the write
                ids = tuple(recorded.id for recorded in changes)
                results[number] = ItemResult(result.outcome, result.registration, result.version, ids)

    # --- step 1: lock configuration; refuse what must be refused

    def _prepared(
        self, items: Sequence[tuple[int, RecordItem]], results: list[ItemResult | None]
    ) -> list[tuple[int, RecordItem, PreparedItem]]:
        addresses: dict[int, tuple[int, str, str]] = {}
        items_by_number = dict(items)
        for number, item in items:
            try:
                addresses[number] = (item.account, *item.address)
            except DocumentRefused as refused:
                results[number] = ItemResult(ItemOutcome.REFUSED, problems=refused.problems)
        ids = self._lock_configuration({number: items_by_number[number] for number in addresses}, addresses)
        known_codes: dict[int, tuple[str, ...]] = {}
        prepared = []
        for number, item in items:
            if number not in addresses:
                continue
            account, event_code, code = addresses[number]
            event = self.events.get(ids.get((account, event_code), 0))
            if event is None or event.code != event_code:
                if account not in known_codes:
                    known_codes[account] = event_codes(self.db, account)
                problem = DocumentProblem(
                    "event", Sentence("there is no event “%(code)s”.", code=event_code), known_codes[account], event_code
                )
                results[number] = ItemResult(ItemOutcome.REFUSED, problems=(problem,))
                continue
            prepared_item = prepare(item, code, self.accounts[account], event)
            if prepared_item.upsert is None:
                results[number] = ItemResult(ItemOutcome.REFUSED, problems=prepared_item.problems)
            else:
                prepared.append((number, item, prepared_item))
        return prepared

    def _lock_configuration(
        self, items: Mapping[int, RecordItem], addresses: Mapping[int, tuple[int, str, str]]
    ) -> dict[tuple[int, str], int]:
        """Locks the configuration of the items' accounts and events.

        addresses: account, event code and registration code of each item.
        Returns (account, event code) -> event id, for the events that exist.

        An item that was resolved before the transaction knows its event. The event is looked up again only if it is gone or renamed.
        """
        accounts = {account for account, _, _ in addresses.values()}
        known_ids = {addresses[number][:2]: item.prepared.event for number, item in items.items() if item.prepared is not None}
        ids = known_ids | event_ids(self.db, {address[:2] for address in addresses.values()} - known_ids.keys())
        self._lock(accounts, ids)
        renamed = {key for key, id in known_ids.items() if (event := self.events.get(id)) is None or event.code != key[1]}
        if renamed:
            for number, item in items.items():
                if addresses[number][:2] in renamed:
                    item.prepared = None
            ids = {key: id for key, id in ids.items() if key not in renamed} | event_ids(self.db, renamed)
            self._lock(accounts, ids)
        return ids

    def _lock(self, accounts: set[int], events: dict[tuple[int, str], int]) -> None:
        if not accounts:
            return
        event_scopes = [(account, event) for (account, _), event in events.items()]
        versions, self.now = configuration_versions.lock_and_read(self.db, sorted(accounts), event_scopes)
        self.at = from_micros(self.now)
        self.with_erasures = {account for account in accounts if (configuration_versions.ERASURES, account) in versions}
        self.accounts = {account: self.provider.account(account, versions[configuration_versions.ACCOUNT, account]) for account in accounts}
        self.events = {
            event: self.provider.event(event, versions[configuration_versions.EVENT, event])
            for event in events.values()
            if (configuration_versions.EVENT, event) in versions
        }
        self.new_status = {
            account: next(status.id for status in config.statuses.values() if status.name == NEW)
            for account, config in self.accounts.items()
        }

    # --- step 2: lock the rows that exist

    def _erased_codes(self, rows: Mapping[tuple[int, str], RegistrationRow]) -> set[tuple[int, str]]:
        """The registrations, by event and code, whose person was erased (B7): emptied rows, and new ones with the code of an erased one."""
        new = [(row.account, row.event, row.code) for row in rows.values() if row.serial is None and row.account in self.with_erasures]
        emptied = {key for key, row in rows.items() if row.is_erased}
        return emptied | erased_codes.known(self.db, new) if new else emptied

    def _lock_sessions(
        self, prepared: Sequence[tuple[int, RecordItem, PreparedItem]], subjects: Mapping[tuple[int, str], _Subject]
    ) -> None:
        """Reads session registrations, which the lock of their registration covers. Draws ids for all that may be created."""
        keys = {
            (subjects[prepared_item.event, prepared_item.code].row.id, session)
            for _, _, prepared_item in prepared
            if prepared_item.upsert
            for session in prepared_item.upsert.sessions
        }
        if keys:
            self.sessions = registrations.session_rows(self.db, sorted({registration for registration, _ in keys}))
            self.session_ids = iter(self.db.draw({"subject_id": len(keys - self.sessions.keys())})["subject_id"])

    # --- step 3: diff and decide, in arrival order

    def _record_one(self, item: RecordItem, prepared_item: PreparedItem, subject: _Subject) -> tuple[ItemResult, list[Recorded]]:
        """The result of an item, and its changes: of the registration, then of its session registrations."""
        upsert, row = prepared_item.upsert, subject.row
        assert upsert is not None
        account, event = self.accounts[item.account], self.events[prepared_item.event]

        if row.is_erased or (subject.is_erased and not item.by_hand and subject.state is None):
            return ItemResult(ItemOutcome.ERASED), []
        sent_modified = item.sent_modified
        session_rows = {session: stored for session in upsert.sessions if (stored := self.sessions.get((row.id, session))) is not None}
        plan = plan_item(
            prepared_item.code,
            upsert,
            StoredRegistration(
                subject.state, subject.text, row.version, row.sent_modified, {id: stored.status for id, stored in session_rows.items()}
            ),
            write_state,
            now=self.at,
            new_status=self.new_status[account.id],
            marks_test=account.is_test_event(event.state.status),
            sent_modified=sent_modified,
            expected=item.expected,
        )
        if plan.problem is not None:
            return ItemResult(plan.outcome, problems=(plan.problem,)), []
        if plan.outcome in (ItemOutcome.CONFLICT, ItemOutcome.STALE):
            return ItemResult(plan.outcome, row.id if subject.state else None, row.version), []
        if sent_modified is not None and sent_modified != row.sent_modified:
            row.sent_modified, subject.has_newer_sent_modified = sent_modified, True
        changes: list[Recorded] = []
        for planned in plan.changes:
            if planned.session is None:
                subject.state, subject.text, subject.is_changed = plan.state, plan.text, True
                row.version += 1
                changes.append(self._recorded(item, subject, SubjectKind.REGISTRATION, row.id, row.version, planned))
            else:
                session, stored = planned.session, session_rows.get(planned.session.session)
                id, version = (stored.id, stored.version + 1) if stored else (next(self.session_ids), 1)
                session_row = SessionRow(id, item.account, row.id, session.session, session.status, version)
                self.sessions[row.id, session.session] = self.changed_sessions[id] = session_row
                changes.append(self._recorded(item, subject, SubjectKind.SESSION_REGISTRATION, id, version, planned))
        self.recorded += changes
        return ItemResult(plan.outcome, row.id, row.version), changes

    def _recorded(
        self,
        item: RecordItem,
        subject: _Subject,
        kind: SubjectKind,
        subject_id: int,
        version: int,
        planned: PlannedChange,
    ) -> Recorded:
        change = Change(
            id=0,  # see Recorded.id
            kind=kind,
            subject_id=subject_id,
            version=version,
            facets=planned.facets,
            at=self.at,
            by=item.by,
            quiet=item.quiet,
            registration=subject.state,
            session=planned.session,
            before=planned.before,
        )
        recorded = Recorded(
            change, self.accounts[item.account], self.events[subject.row.event], subject.row.id, state=subject.text, trace=item.trace
        )
        recorded.decide()
        return recorded

    # --- steps 4 to 6

    def _write(self, subjects: Mapping[tuple[int, str], _Subject]) -> None:
        changed_rows = [
            Written(subject.row, subject.state, subject.text)
            for subject in subjects.values()
            if subject.is_changed and subject.state is not None
        ]
        new_rows = sum(written.row.serial is None for written in changed_rows)
        numbers = DrawnNumbers(self.db, {"registration_serial": new_rows, **numbers_of(self.db, self.recorded)})
        are_created = registrations.write_rows(self.db, changed_rows, numbers)
        newly_sent = [
            (subject.row.id, subject.row.sent_modified)
            for subject in subjects.values()
            if subject.has_newer_sent_modified and not subject.is_changed and subject.row.sent_modified is not None
        ]
        registrations.touch_sent(self.db, newly_sent)
        registrations.write_sessions(self.db, list(self.changed_sessions.values()), self.now)
        serials = {subject.row.id: subject.row.serial for subject in subjects.values()}
        for recorded, change_id in zip(self.recorded, numbers.take("change_id", len(self.recorded)), strict=True):
            recorded.id = change_id
            recorded.serial = serials[recorded.registration] if recorded.registration is not None else None
        write_changes(self.db, self.recorded, self.now, numbers)
        if not are_created():
            raise Overtaken("Another transaction made one of these registrations at the same moment. Please try again.")


def prepare(item: RecordItem, code: str, account: AccountConfig, event: EventConfig) -> PreparedItem:
    """Resolves an item's document, or reuses the result from before the transaction if the versions have not changed."""
    earlier = item.prepared
    versions = (account.version, event.version, event.id)
    if earlier is not None and (earlier.account_version, earlier.event_version, earlier.event) == versions:
        return earlier
    try:
        item.prepared = PreparedItem(account.version, event.version, event.id, code, resolve(item.document, account, event))
    except DocumentRefused as refused:
        item.prepared = PreparedItem(account.version, event.version, event.id, code, None, refused.problems)
    return item.prepared


def event_ids(db: Database, codes: set[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """(account, event code) -> event id, for those that exist."""
    ids: dict[tuple[int, str], int] = {}
    for account in sorted({account for account, _ in codes}):
        names = [code for owner, code in codes if owner == account]
        rows = db.all(
            f"SELECT code, id FROM event WHERE account_id = :account AND {db.member('code', 'codes')}", {"account": account, "codes": names}
        )
        ids |= {(account, code): id for code, id in rows}
    return ids


def event_codes(db: Database, account: int) -> tuple[str, ...]:
    """The first codes of an account's events, for an error message."""
    rows = db.all(
        "SELECT code FROM event WHERE account_id = :account ORDER BY code LIMIT :most", {"account": account, "most": SHOWN_ALLOWED}
    )
    return tuple(code for (code,) in rows)
