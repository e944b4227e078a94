"""The ledger of an account: what sources have and Heliograph has, what is missing and why, and what flows made of it (S9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.source.doorbell import LATEST
from heliograph.domain.source.ledger_rules import ChangeCounts, FlowBalance, GapKind, SourceBalance, flow_balance, undelivered
from heliograph.domain.source.platforms import FOLDER, PLATFORMS, Way
from heliograph.domain.source.silence import Doorbell, Silence, doorbell_of, silence_of, usual_spans
from heliograph.domain.source.source_states import SourceState
from heliograph.domain.source.source_times import DAY
from heliograph.recording.record import event_ids
from heliograph.sources.ledger_gaps import Gap, UnrecordedRegistration, listed_gap, refused_in_file, unrecorded_gap, unrecorded_in
from heliograph.sources.models import Source
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.store import erased_codes, ledger_reads, refused_rows
from heliograph.store.database import Database
from heliograph.store.instants import to_micros
from heliograph.store.ledger_reads import ListedCount, ListedGap, UndeliveredRow, UnrecordedCall
from heliograph.web.cursor import Cursor, ListPage, pages

DAYS: Final = 30
"""Days whose messages are counted."""
SPAN: Final = DAYS * 86_400_000_000
"""The same in microseconds."""
DOORBELL_DAYS: Final = 7
"""Days of which it is known whether changes were announced."""
DOORBELL_SPAN: Final = DOORBELL_DAYS * DAY
MOST_GAPS: Final = 2_000
"""Gaps that are listed of a source, and messages that are listed of an event."""
MOST_CALLS: Final = 100
"""Newest waiting calls of a source whose registrations are named, and as many stored ones."""
MOST_COUNTED: Final = 1_000
"""Calls of a week before that are counted to guess silence."""
PATIENCE: Final = 60_000_000
"""Microseconds for which a stored call is no gap: it is being recorded."""
MOST_MAPPED: Final = 20_000
"""Registrations of these calls that are made anew to name them, and newest refused rows of a watched folder that are named."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A source and an event."""

    source: Source
    event: str
    """The event's code."""
    balance: SourceBalance
    waiting: int = 0
    """Calls of the source that wait with registrations of this event."""
    is_more: bool = False
    """Whether there may be more gaps, because not all calls of the source were read."""
    flows: FlowBalance = field(default_factory=FlowBalance)
    """Of the event, in its first row; zero in others."""
    is_first: bool = True
    """The first row of the event."""
    silence: Silence | None = None
    """Of a source that only calls."""
    doorbell: Doorbell | None = None
    """Of a source that is read and whose platform calls for each change."""


@dataclass
class SourceLedger:
    """The ledger of one account, read from one snapshot of the database."""

    db: Database
    account: int
    sources: Sequence[Source]
    """Those that are not removed."""
    now: int
    _undelivered: dict[int | None, list[UndeliveredRow]] = field(default_factory=dict, init=False, repr=False)

    # --- sources

    @property
    def _ids(self) -> list[int]:
        return [source.pk for source in self.sources]

    @cached_property
    def _unrecorded(self) -> dict[int, list[UnrecordedRegistration]]:
        return {source.pk: self._unrecorded_of(source) for source in self.sources}

    def _unrecorded_of(self, source: Source) -> list[UnrecordedRegistration]:
        """The registrations of a source's waiting and stored calls, or refused rows, the newest of each."""
        if source.platform == FOLDER:
            rows = refused_rows.waiting_rows(self.db, source.pk, MOST_MAPPED)
            by_address = {row.address if all(row.address) else ("", str(row.id)): row for row in reversed(rows)}
            return [refused_in_file(row) for row in by_address.values()]
        mapping = stored_mapping(source)
        has_doorbell = source.platform in PLATFORMS and PLATFORMS[source.platform].has_doorbell
        registrations: dict[tuple[str, str], UnrecordedRegistration] = {}
        left = MOST_MAPPED
        for call in self._unrecorded_calls[source.pk]:
            if has_doorbell and call.stored.is_call:  # it announces an order, and holds no registration
                continue
            for each in unrecorded_in(mapping, call, left):
                left -= 1
                address = (each.event, each.code) if each.code else ("", each.key)
                registrations.setdefault(address, each)
        return list(registrations.values())

    @cached_property
    def _unrecorded_calls(self) -> dict[int, list[UnrecordedCall]]:
        calling = [source for source in self.sources if source.platform != FOLDER]
        return {source.pk: ledger_reads.unrecorded_calls(self.db, source.pk, MOST_CALLS) for source in calling}

    def _has_more_stored(self, source: Source) -> bool:
        """Whether the source has more stored calls than were read."""
        return sum(call.is_stored for call in self._unrecorded_calls.get(source.pk, ())) == MOST_CALLS

    @cached_property
    def _counts(self) -> dict[tuple[int, str], ListedCount]:
        read = [source.pk for source in self.sources if is_read(source)]
        return {(each.source, each.event): each for each in ledger_reads.listed_counts(self.db, read)}

    @cached_property
    def _listed(self) -> dict[int, list[ListedGap]]:
        """The gaps that the items of each source name, at most MOST_GAPS of each."""
        differing = {each.source for each in self._counts.values() if each.missing or each.older or each.only_here}
        return {source: ledger_reads.listed_gaps(self.db, [source], MOST_GAPS) for source in sorted(differing)}

    @cached_property
    def _with_more_calls(self) -> set[int]:
        """The sources of which not all waiting or stored calls, or not all refused rows, are read."""
        cut = {source for source, refused in self._unrecorded.items() if len(refused) >= MOST_MAPPED}
        for source, calls in self._unrecorded_calls.items():
            if MOST_CALLS in Counter(call.is_stored for call in calls).values():
                cut.add(source)
        return cut

    @cached_property
    def cut_sources(self) -> set[int]:
        """The sources that may have more gaps than are listed."""
        return self._with_more_calls | {source for source, rows in self._listed.items() if len(rows) == MOST_GAPS}

    @cached_property
    def gaps(self) -> list[Gap]:
        """The gaps of all sources, at most MOST_GAPS of each, in the order of their items."""
        listed = [row for rows in self._listed.values() for row in rows]
        unrecorded = [each for registrations in self._unrecorded.values() for each in registrations]
        known = ledger_reads.known_registrations(self.db, self.account, [(each.event, each.code) for each in unrecorded if each.code])
        erased = self._erased([*((row.event, row.code) for row in listed), *((each.event, each.code) for each in unrecorded)])
        gaps = []
        for source in self.sources:
            by_address = {(each.event, each.code): each for each in self._unrecorded[source.pk] if each.code}
            has_more = self._has_more_stored(source)
            named = set()
            for row in listed:
                if row.source != source.pk:
                    continue
                gap = listed_gap(row, by_address, has_more_stored=has_more, erased=erased)
                if gap is not None:
                    gaps.append(gap)
                    named.add((row.event, row.code))
            for each in self._unrecorded[source.pk]:
                address = (each.event, each.code)
                is_new = each.refusal.is_stored and each.refusal.at > self.now - PATIENCE
                gap = None if is_new or address in named else unrecorded_gap(source.pk, each, known.get(address), erased)
                if gap is not None:
                    gaps.append(gap)
        return gaps

    def overtaken_pages(self) -> list[int]:
        """Waiting pages of lists whose refused registrations have been read again since, and recorded. A call waits until it is recorded."""
        pages: dict[int, list[UnrecordedRegistration]] = {}
        for source in self.sources:
            mapping = stored_mapping(source)
            for call in self._unrecorded_calls.get(source.pk, ()):
                if not call.is_stored and not call.stored.is_call:
                    pages[call.stored.id] = unrecorded_in(mapping, call, MOST_MAPPED)
        refused = [each for registrations in pages.values() for each in registrations]
        pairs = [(each.event, each.code) for each in refused if each.code]
        known, erased = ledger_reads.known_registrations(self.db, self.account, pairs), self._erased(pairs)
        return [
            page
            for page, registrations in pages.items()
            if all(each.code and unrecorded_gap(0, each, known.get((each.event, each.code)), erased) is None for each in registrations)
        ]

    def _erased(self, addresses: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these (event, code) whose person was erased."""
        pairs = {pair for pair in addresses if all(pair)}
        ids = event_ids(self.db, {(self.account, event) for event, _ in pairs})
        by_id = {(ids[self.account, event], code): (event, code) for event, code in pairs if (self.account, event) in ids}
        known = erased_codes.known(self.db, [(self.account, event, code) for event, code in by_id])
        return {by_id[each] for each in known}

    @cached_property
    def rows(self) -> list[LedgerRow]:
        """A row for each source and event, by event, with what flows made of it."""
        return self._with_flows(self._balances_of_sources)

    @property
    def gap_counts(self) -> dict[int, int]:
        """How many gaps each source has, by its id."""
        counts = Counter({source.pk: 0 for source in self.sources})
        for row in self._balances_of_sources:
            counts[row.source.pk] += row.balance.gaps
        return dict(counts)

    @cached_property
    def _balances_of_sources(self) -> list[LedgerRow]:
        called = [source.pk for source in self.sources if not is_read(source)]
        counts = self._counts
        counts_here = {(source, event): count for source, event, count in ledger_reads.recorded_counts(self.db, called)}
        gaps: dict[tuple[int, str], list[Gap]] = {}
        for gap in self.gaps:
            gaps.setdefault((gap.source or 0, gap.event), []).append(gap)
        rows = []
        by_id = {source.pk: source for source in self.sources}
        for place in counts.keys() | counts_here.keys() | gaps.keys():
            source, of_place = by_id[place[0]], gaps.get(place, [])
            waiting, is_more = len({gap.call for gap in of_place if gap.call is not None}), source.pk in self._with_more_calls
            if is_read(source):
                are_first = len(self._listed.get(source.pk, ())) == MOST_GAPS
                balance = _read_balance(counts.get(place), of_place, are_first=are_first)
                rows.append(LedgerRow(source, place[1], balance, waiting, is_more=is_more, doorbell=self._doorbells[source.pk]))
            else:
                missing = sum(gap.verdict.kind is GapKind.MISSING for gap in of_place)
                balance = SourceBalance(None, counts_here.get(place, 0), missing, len(of_place) - missing)
                rows.append(LedgerRow(source, place[1], balance, waiting, is_more=is_more, silence=self._silences[source.pk]))
        return rows

    def _with_flows(self, rows: Iterable[LedgerRow]) -> list[LedgerRow]:
        """The rows in order, the first of each event with what flows made of it."""
        ids = self.event_ids
        placed: list[LedgerRow] = []
        for row in sorted(rows, key=lambda row: (row.event == "", row.event, not is_read(row.source), row.source.folded_name)):
            is_first = not placed or placed[-1].event != row.event
            flows = self.flows(ids[row.event]) if is_first and row.event in ids else {}
            placed.append(replace(row, is_first=is_first, flows=sum(flows.values(), FlowBalance())))
        return placed

    @cached_property
    def _doorbells(self) -> dict[int, Doorbell | None]:
        return {source.pk: doorbell(self.db, source, self.now) for source in self.sources if is_read(source)}

    @cached_property
    def _silences(self) -> dict[int, Silence | None]:
        return {source.pk: self.silence(source) for source in self.sources if not is_read(source)}

    def silence(self, source: Source) -> Silence | None:
        """The silence of a source that calls: a guess by the same hours of the weeks before."""
        if source.last_call_at is None or source.state != SourceState.ON:
            return None
        last = to_micros(source.last_call_at)
        spans = usual_spans(last, to_micros(source.created), self.now)
        return silence_of(last, ledger_reads.call_counts(self.db, source.pk, spans, MOST_COUNTED))

    # --- flows

    @cached_property
    def event_ids(self) -> dict[str, int]:
        """The ids of the account's events, by code."""
        return dict(self.db.all("SELECT code, id FROM event WHERE account_id = :account", {"account": self.account}))

    @cached_property
    def _balances(self) -> dict[int, dict[int, FlowBalance]]:
        since = self.now - SPAN
        messages: dict[tuple[int, int], dict[ActionState, int]] = {}
        erased: Counter[tuple[int, int]] = Counter()
        for event, flow, state, is_erased, count in ledger_reads.message_counts(self.db, self.account, since):
            by_state = messages.setdefault((event, flow), {})
            by_state[state] = by_state.get(state, 0) + count
            erased[event, flow] += count if is_erased else 0
        decisions = ledger_reads.decision_counts(self.db, self.account, since)
        balances: dict[int, dict[int, FlowBalance]] = {}
        for place in messages.keys() | decisions.keys():
            event, flow = place
            balances.setdefault(event, {})[flow] = flow_balance(
                messages.get(place, {}),
                decisions.get(place, ChangeCounts()),
                changes=self.changes.get(event, 0),
                erased=erased[place],
            )
        return balances

    @cached_property
    def changes(self) -> dict[int, int]:
        """How many changes of the last DAYS days each event has on which a Live flow could act, by the event's id."""
        return ledger_reads.change_counts(self.db, self.account, self.now - SPAN)

    def flows(self, event: int) -> dict[int, FlowBalance]:
        """What each Live flow made of the changes of an event in the last DAYS days, by the flow's id."""
        return self._balances.get(event, {})

    def _undelivered_rows(self, event: int | None) -> list[UndeliveredRow]:
        if event not in self._undelivered:
            self._undelivered[event] = ledger_reads.undelivered_rows(self.db, self.account, self.now - SPAN, event, MOST_GAPS)
        return self._undelivered[event]

    def has_more_undelivered(self, event: int | None = None) -> bool:
        """Whether there may be more than `undelivered` returns: it has at most MOST_GAPS messages, and as many changes."""
        return MOST_GAPS in Counter(row.is_run for row in self._undelivered_rows(event)).values()

    def undelivered(self, event: int | None = None) -> list[Gap]:
        """The newest messages that wait or failed, and changes that could not be decided, of one event or of all."""
        codes = {id: code for code, id in self.event_ids.items()}
        rows = self._undelivered_rows(event)
        ids = sorted({row.registration for row in rows if row.registration is not None})
        sql = f"SELECT id, code FROM registration WHERE +account_id = :account AND {self.db.member('id', 'ids')}"
        registrations: dict[int | None, str] = dict(self.db.all(sql, {"account": self.account, "ids": ids})) if ids else {}
        return [
            Gap(
                f"{'r' if row.is_run else 'a'}{row.id}",
                verdict,
                codes.get(row.event, ""),
                registrations.get(row.registration, ""),
                at=row.at,
                registration=row.registration,
                event_id=row.event,
                flow=row.flow,
                message=row.message,
            )
            for row in rows
            if (verdict := undelivered(row.state)) is not None
        ]


def _read_balance(count: ListedCount | None, gaps: Sequence[Gap], *, are_first: bool) -> SourceBalance:
    """The balance of a source that is read: its items, and the registrations of calls that no item names.

    gaps: those of the source and event
    are_first: whether they are only the first of very many of the source; then the items are counted alone
    """
    by_items = Counter(gap.verdict.kind for gap in gaps if gap.item is not None)
    by_calls = Counter(gap.verdict.kind for gap in gaps if gap.item is None)
    there, missing_items, older, only_here = (count.there, count.missing, count.older, count.only_here) if count else (0, 0, 0, 0)
    recorded = there - missing_items + only_here
    if not are_first:  # items of erased people are no gaps, and not counted there
        there -= missing_items - by_items[GapKind.MISSING]
        missing_items, older = by_items[GapKind.MISSING], by_items[GapKind.OLDER]
    missing = by_calls[GapKind.MISSING]
    return SourceBalance(there + missing, recorded, missing_items + missing, older + by_calls[GapKind.OLDER], only_here)


def doorbell(db: Database, source: Source, now: int) -> Doorbell | None:
    """What the calls of a source announced in the last DOORBELL_DAYS days, and whether they are broken; None if it has no doorbell."""
    platform = PLATFORMS.get(source.platform)
    if platform is None or not platform.has_doorbell or not source.path:
        return None
    hours = ledger_reads.hours_of_changes(db, source.pk, now - DOORBELL_SPAN)
    last_call = None if source.last_call_at is None else to_micros(source.last_call_at)
    return doorbell_of(hours, last_call, now - LATEST)


def is_read(source: Source) -> bool:
    """Whether a source is read, so that its registrations can be counted there."""
    return source.platform not in PLATFORMS or PLATFORMS[source.platform].way is Way.READ


def ledger_of(db: Database, account: int) -> SourceLedger:
    """The ledger of the account in scope."""
    sources = list(Source.objects.filter(deleted_at=None).exclude(state=SourceState.DRAFT))
    return SourceLedger(db, account, sources, db.now())


@dataclass(frozen=True, slots=True)
class GapFilter:
    """Which gaps a list has; None for all."""

    event: str | None = None
    """The code of the event."""
    source: int | None = None
    kind: GapKind | None = None

    def holds(self, gap: Gap) -> bool:
        """Whether the list has the gap."""
        return self.event in (None, gap.event) and self.source in (None, gap.source) and self.kind in (None, gap.verdict.kind)


def _event_of_messages(ledger: SourceLedger, gap_filter: GapFilter) -> tuple[bool, int | None]:
    """Whether a list has messages, too, and of which event; None for all."""
    has_messages = gap_filter.kind in (None, GapKind.UNDELIVERED) and gap_filter.source is None
    return has_messages, None if gap_filter.event is None else ledger.event_ids.get(gap_filter.event, 0)


def is_cut(ledger: SourceLedger, gap_filter: GapFilter) -> bool:
    """Whether `filtered_gaps` may leave gaps out, because there are more than are read."""
    has_messages, event = _event_of_messages(ledger, gap_filter)
    if has_messages and ledger.has_more_undelivered(event):
        return True
    sources = {row.source.pk for row in ledger.rows if gap_filter.event in (None, row.event)} & ledger.cut_sources
    return gap_filter.kind is not GapKind.UNDELIVERED and bool(sources if gap_filter.source is None else sources & {gap_filter.source})


def filtered_gaps(ledger: SourceLedger, gap_filter: GapFilter) -> list[Gap]:
    """The gaps of sources that a filter lets pass, then the messages, each in its order."""
    gaps = list(ledger.gaps)
    has_messages, event = _event_of_messages(ledger, gap_filter)
    if has_messages:
        gaps += ledger.undelivered(event)
    return sorted((gap for gap in gaps if gap_filter.holds(gap)), key=lambda gap: gap.place)


def gap_page(ledger: SourceLedger, gap_filter: GapFilter, cursor: Cursor | None, *, size: int) -> ListPage[Gap]:
    """A page of gaps."""
    gaps = filtered_gaps(ledger, gap_filter)

    def fetch(at: Cursor | None, limit: int) -> Sequence[Gap]:
        if at is not None and at.back:
            return [gap for gap in reversed(gaps) if gap.place < at.key][:limit]
        return [gap for gap in gaps if at is None or gap.place > at.key][:limit]

    return pages(fetch, lambda gap: gap.place, cursor, size=size)
