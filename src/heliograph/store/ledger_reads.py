"""What the ledger reads: registrations of sources there and here, calls that wait, and what flows made of changes (S9; docs/design/sources.md).

An item of a list names its registrations by event and code, as JSON. They are joined with the registrations by unique indexes, so a list of
100,000 costs one walk of its items and two look-ups for each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final

from heliograph.domain.delivery.action import ActionState, Origin
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.flow import Mode
from heliograph.domain.source.ledger_rules import ChangeCounts
from heliograph.domain.source.silence import HourOfChanges
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.store.database import Database
from heliograph.store.row_states import ACTION_FAILURE, RUN_TRIGGERED, STUCK_RUN_OPEN, STUCK_RUN_WAITING
from heliograph.store.source_reads import PAGE
from heliograph.store.stored_calls import CALL, CALL_IS_MAPPED, CALL_STORED, CALL_WAITING, DELETIONS, StoredCall, unpack_body

_LISTED: Final = "i.gone = 0 AND i.missing = 0"
"""The item was listed when all keys were compared last, or was read since."""
_ERASED: Final = f"state = {ActionState.FAILED.value} AND cause = '{Cause.ERASED.value}'"
"""The message ended because its person was erased (B7)."""
_FLOWS_MAY_ACT: Final = f"c.mode = {Mode.LIVE.code} AND NOT c.quiet"
"""A Live flow could act on the change `c`."""
_IN_LEDGER: Final = f"deleted_at IS NULL AND state <> {SourceState.DRAFT.value}"
"""The source is switched on or paused, so the ledger has it."""
_TO_COUNT: Final = f"{_IN_LEDGER} AND (gaps_counted IS NULL OR gaps_counted < :before)"
_OLDER: Final = "i.sent_modified IS NOT NULL AND (r.sent_modified IS NULL OR r.sent_modified < i.sent_modified)"


@dataclass(frozen=True, slots=True)
class ListedCount:
    """Registrations of one event that the items of a source name."""

    source: int
    event: str
    """The event's code, as the items have it."""
    there: int
    missing: int
    older: int
    only_here: int


@dataclass(frozen=True, slots=True)
class ListedGap:
    """A registration that an item names, and that is not as it should be."""

    source: int
    item: int
    number: int
    """Which registration of the item, from 0."""
    key: str
    event: str
    code: str
    misses: int
    """Comparisons in a row that did not find the item."""
    is_deleted: bool
    theirs: int | None
    event_id: int | None
    registration: int | None
    is_active: bool
    ours: int | None


@dataclass(frozen=True, slots=True)
class UnrecordedCall:
    """A call that waits with its reasons, or is stored."""

    source: int
    stored: StoredCall
    problem: str
    """JSON."""
    is_stored: bool
    """Nobody has tried to record it yet."""


@dataclass(frozen=True, slots=True)
class KnownRegistration:
    """A registration by its event and code."""

    id: int
    ours: int | None
    is_active: bool
    changed: int
    """When it was changed here last."""


@dataclass(frozen=True, slots=True)
class UndeliveredRow:
    """A message that waits or failed, or a run that waits to be decided or could not be."""

    id: int
    is_run: bool
    state: ActionState
    registration: int | None
    event: int
    flow: int
    cause: str
    message: str
    at: int


def _documents(db: Database) -> tuple[str, str]:
    """A table with the registrations of the items `i`, and the column with their position."""
    if db.vendor == "sqlite":
        return "json_each(i.documents) d", "d.key"
    return "jsonb_array_elements(i.documents::jsonb) WITH ORDINALITY d(value, position)", "d.position - 1"


def _listed(db: Database) -> str:
    """The registrations that the items of sources name, with what is here of them."""
    return (
        f"source_item i CROSS JOIN {'LATERAL ' if db.vendor == 'postgresql' else ''}{_documents(db)[0]}"
        " LEFT JOIN event e ON e.account_id = i.account_id AND e.code = d.value ->> 0"
        " LEFT JOIN registration r ON r.event_id = e.id AND r.code = d.value ->> 1"
        f" WHERE {db.member('i.source_id', 'sources')} AND d.value ->> 2 IS NULL"  # with a third entry it is a session of a registration
    )


def listed_counts(db: Database, sources: Iterable[int]) -> list[ListedCount]:
    """How many registrations of each event the items of sources name, and how many of them are not as they should be."""
    missing = f"{_LISTED} AND r.id IS NULL"
    older = f"{_LISTED} AND r.id IS NOT NULL AND {_OLDER}"
    rows = db.all(
        f"SELECT i.source_id, d.value ->> 0, {_count(_LISTED)}, {_count(missing)}, {_count(older)}, {_count(_only_here())}"
        f" FROM {_listed(db)} GROUP BY 1, 2 ORDER BY 1, 2",
        {"sources": list(sources)},
    )
    return [ListedCount(source, str(event), *(int(number) for number in numbers)) for source, event, *numbers in rows]


def listed_gaps(db: Database, sources: Iterable[int], most: int) -> list[ListedGap]:
    """The first registrations that the items of sources name and that are missing, older or only here, in the order of their items."""
    gap = f"({_LISTED} AND (r.id IS NULL OR {_OLDER})) OR ({_only_here()})"
    position = _documents(db)[1]
    rows = db.all(
        f"SELECT i.source_id, i.id, {position}, i.key, d.value ->> 0, d.value ->> 1, i.missing, i.gone, i.sent_modified, e.id, r.id,"
        f" r.is_active, r.sent_modified FROM {_listed(db)} AND ({gap}) ORDER BY i.source_id, i.id, 3 LIMIT :most",
        {"sources": list(sources), "most": most},
    )
    return [
        ListedGap(source, item, int(number), key, str(event), str(code), misses, bool(gone), theirs, event_id, id, bool(active), ours)
        for source, item, number, key, event, code, misses, gone, theirs, event_id, id, active, ours in rows
    ]


def _only_here() -> str:
    return "(i.gone = 1 OR i.missing > 0) AND r.is_active"


def _count(condition: str) -> str:
    return f"COALESCE(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)"


def recorded_counts(db: Database, sources: Iterable[int]) -> list[tuple[int, str, int]]:
    """(source, code of the event, registrations of it that the source has recorded)."""
    rows = db.all(
        "SELECT per_event.source_id, e.code, per_event.n FROM (SELECT s.source_id, r.event_id, COUNT(*) AS n FROM source_registration s"
        f" JOIN registration r ON r.id = s.registration_id WHERE {db.member('s.source_id', 'sources')} GROUP BY s.source_id, r.event_id) per_event"
        " JOIN event e ON e.id = per_event.event_id ORDER BY 1, 2",
        {"sources": list(sources)},
    )
    return [(source, event, int(count)) for source, event, count in rows]


def unrecorded_calls(db: Database, source: int, most: int) -> list[UnrecordedCall]:
    """The newest calls of a source that wait, and the newest that are stored; most of each, newest first."""
    rows = [
        row
        for condition in (CALL_WAITING, CALL_STORED)
        for row in db.all(
            f"SELECT id, at, headers, body, kind, problem, state FROM source_call WHERE source_id = :source AND {condition} AND {CALL_IS_MAPPED}"
            " ORDER BY id DESC LIMIT :most",
            {"source": source, "most": most},
        )
    ]
    return [
        UnrecordedCall(
            source,
            StoredCall(id, at, headers, None if body is None else unpack_body(body), kind == CALL),
            problem,
            state == CallState.STORED,
        )
        for id, at, headers, body, kind, problem, state in sorted(rows, key=lambda row: -row[0])
    ]


def known_registrations(db: Database, account: int, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], KnownRegistration]:
    """What is here of these (code of the event, code of the registration)."""
    codes_by_event: dict[str, list[str]] = {}
    for event, code in sorted(set(pairs)):
        codes_by_event.setdefault(event, []).append(code)
    known: dict[tuple[str, str], KnownRegistration] = {}
    for event, codes in codes_by_event.items():
        rows = db.all(
            "SELECT r.code, r.id, r.sent_modified, r.is_active, r.modified FROM event e JOIN registration r ON r.event_id = e.id"
            f" WHERE e.account_id = :account AND e.code = :event AND {db.member('r.code', 'codes')}",
            {"account": account, "event": event, "codes": codes},
        )
        known |= {(event, code): KnownRegistration(id, ours, bool(active), changed) for code, id, ours, active, changed in rows}
    return known


def call_counts(db: Database, source: int, spans: Iterable[tuple[int, int]], most: int) -> list[int]:
    """How many calls a source took in each of these spans [begin, end), most at most. Pages that were read are no calls."""
    sql = (
        "SELECT COUNT(*) FROM (SELECT 1 FROM source_call WHERE source_id = :source AND at >= :begin AND at < :end"
        f" AND kind NOT IN ({PAGE}, {DELETIONS}) LIMIT :most) calls"
    )
    return [int(db.all(sql, {"source": source, "begin": begin, "end": end, "most": most})[0][0]) for begin, end in spans]


def hours_of_changes(db: Database, source: int, since: int) -> list[HourOfChanges]:
    """The changes that a source with a doorbell brought, by the hours since then, in their order."""
    rows = db.all(
        "SELECT hour, announced, unannounced, first_unannounced, last_unannounced FROM source_changes"
        " WHERE source_id = :source AND hour >= :since ORDER BY hour",
        {"source": source, "since": since},
    )
    return [HourOfChanges(*row) for row in rows]


# --- what repairs a gap


def forget_digests(db: Database, source: int, items: Collection[int]) -> None:
    """Lets items count as changed at the next reading that finds them."""
    db.run(
        f"UPDATE source_item SET digest = :none WHERE source_id = :source AND {db.member('id', 'items')}",
        {"none": b"", "source": source, "items": list(items)},
    )


def count_as_missing(db: Database, source: int, items: Collection[int], missing: int) -> None:
    """Lets items count as missing in so many comparisons, so that the reader makes sure of them."""
    db.run(
        "UPDATE source_item SET gone = 0, missing = CASE WHEN missing > :missing THEN missing ELSE :missing END"
        f" WHERE source_id = :source AND {db.member('id', 'items')}",
        {"missing": missing, "source": source, "items": list(items)},
    )


def end_overtaken(db: Database, calls: Collection[int], now: int) -> int:
    """Ends waiting calls whose registrations newer data has replaced. Returns their number."""
    return db.run(
        f"UPDATE source_call SET state = {CallState.RECORDED.value}, problem = '', done_at = :now WHERE {CALL_WAITING} AND {db.member('id', 'calls')}",
        {"now": now, "calls": list(calls)},
    )


# --- how many gaps there are


def accounts_to_count(db: Database, before: int) -> list[int]:
    """The accounts with sources whose gaps were not counted since then."""
    return [account for (account,) in db.all(f"SELECT DISTINCT account_id FROM source WHERE {_TO_COUNT} ORDER BY 1", {"before": before})]


def take_to_count(db: Database, account: int, before: int, now: int) -> bool:
    """Notes that an account's gaps are being counted. False if another process has done so since `before`."""
    sql = f"UPDATE source SET gaps_counted = :now WHERE account_id = :account AND {_TO_COUNT}"
    return db.run(sql, {"account": account, "before": before, "now": now}) > 0


def save_gaps(db: Database, gaps: Mapping[int, int]) -> None:
    """Saves how many gaps each source has, by the source's id."""
    db.many("UPDATE source SET gaps = :gaps WHERE id = :source", [{"source": source, "gaps": count} for source, count in gaps.items()])


def counted_gaps(db: Database, account: int | None = None) -> int:
    """How many gaps the sources of an account had when they were counted last; None for those of all accounts."""
    of_account = "" if account is None else " AND account_id = :account"
    ((count,),) = db.all(
        f"SELECT COALESCE(SUM(gaps), 0) FROM source WHERE {_IN_LEDGER}{of_account}", {} if account is None else {"account": account}
    )
    return int(count)


# --- what flows made of changes


def message_counts(db: Database, account: int, since: int) -> list[tuple[int, int, ActionState, bool, int]]:
    """(event, flow, state, whether their person was erased before they were sent, messages) of the Live messages that changes since then made.
    Replays and what was sent again are left out."""
    rows = db.all(
        f"SELECT event_id, flow_id, state, CASE WHEN {_ERASED} THEN 1 ELSE 0 END, COUNT(*) FROM action WHERE account_id = :account"
        f" AND created >= :since AND mode = {Mode.LIVE.code} AND origin IN ({Origin.RECORDED.value}, {Origin.RECONSIDERED.value})"
        " GROUP BY 1, 2, 3, 4",
        {"account": account, "since": since},
    )
    return [(event, flow, ActionState(state), bool(erased), int(count)) for event, flow, state, erased, count in rows]


def change_counts(db: Database, account: int, since: int) -> dict[int, int]:
    """How many changes since then each event has on which a Live flow could act, by the event's id."""
    rows = db.all(
        f"SELECT c.event_id, COUNT(*) FROM change c WHERE c.account_id = :account AND c.at >= :since AND {_FLOWS_MAY_ACT} GROUP BY c.event_id",
        {"account": account, "since": since},
    )
    return {event: int(count) for event, count in rows}


def decision_counts(db: Database, account: int, since: int) -> dict[tuple[int, int], ChangeCounts]:
    """What Live flows decided about the changes since then, by event and flow."""
    rows = db.all(
        "SELECT event_id, flow_id, COALESCE(kind, 1), COUNT(*) FROM ("  # 0 to 4: the place of a field of ChangeCounts
        f"SELECT (SELECT c.event_id FROM change c WHERE c.id = r.change_id AND c.at >= :since AND {_FLOWS_MAY_ACT}) AS event_id, r.flow_id,"
        f" CASE WHEN r.{RUN_TRIGGERED} THEN 0 ELSE (SELECT CASE WHEN s.{STUCK_RUN_WAITING} THEN 2 WHEN s.{STUCK_RUN_OPEN} THEN 3"
        f" WHEN s.cause = '{Cause.ERASED.value}' THEN 4 ELSE 1 END FROM stuck_run s WHERE s.run_id = r.id) END AS kind"
        f" FROM run r WHERE r.account_id = :account AND r.mode = {Mode.LIVE.code} AND r.at >= :since) decision"
        " WHERE event_id IS NOT NULL GROUP BY 1, 2, 3",
        {"account": account, "since": since},
    )
    counts: dict[tuple[int, int], list[int]] = {}
    for event, flow, field, count in rows:
        counts.setdefault((event, flow), [0] * len(fields(ChangeCounts)))[field] = int(count)
    return {place: ChangeCounts(*numbers) for place, numbers in counts.items()}


def undelivered_rows(db: Database, account: int, since: int, event: int | None, most: int) -> list[UndeliveredRow]:
    """The newest messages that wait or failed, and runs that wait to be decided or could not be, newest first; most of each. What ended because
    its person was erased is left out.

    event: only of this event
    """
    of_event = "" if event is None else " AND event_id = :event"
    params = {"account": account, "since": since, "event": event, "most": most}
    messages = db.all(
        "SELECT id, state, registration_id, event_id, flow_id, cause, message, created FROM action WHERE account_id = :account"
        f" AND mode = {Mode.LIVE.code} AND {ACTION_FAILURE} AND NOT ({_ERASED}) AND created >= :since"
        f" AND origin IN ({Origin.RECORDED.value}, {Origin.RECONSIDERED.value}){of_event} ORDER BY created DESC, id DESC LIMIT :most",
        params,
    )
    runs = db.all(  # by the index stuck_run_open
        f"SELECT id, CASE WHEN {STUCK_RUN_WAITING} THEN {ActionState.QUEUED.value} ELSE {ActionState.FAILED.value} END, registration_id, event_id,"
        f" flow_id, cause, message, created FROM stuck_run WHERE account_id = :account AND mode = {Mode.LIVE.code} AND {STUCK_RUN_OPEN}"
        f" AND created >= :since{of_event} ORDER BY created DESC, id DESC LIMIT :most",
        params,
    )
    rows = [
        UndeliveredRow(id, is_run, ActionState(state), *rest)
        for is_run, items in ((False, messages), (True, runs))
        for id, state, *rest in items
    ]
    return sorted(rows, key=lambda row: (-row.at, row.id))
