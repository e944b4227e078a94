"""The effect that record() would have, for dry runs: nothing is written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django_scopes import scope

from heliograph.domain.flow.decision import FlowDecision, FlowVerdict, decide
from heliograph.domain.registration.change import KEEP, Change, Facet, RegistrationState, SubjectKind, Upsert
from heliograph.domain.registration.document import address
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.registration.item_plan import ItemOutcome, StoredRegistration, plan_item
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.statuses import NEW
from heliograph.recording.contents import read_state, write_state
from heliograph.recording.items import RecordItem
from heliograph.registrations.imports.columns import Known
from heliograph.registrations.imports.notes import ComparedRow
from heliograph.registrations.imports.rows import FileRow
from heliograph.store import erased_codes
from heliograph.store.django_database import read_database
from heliograph.store.instants import to_micros
from heliograph.store.models import Registration, SessionRegistration

LISTED: Final = frozenset({ItemOutcome.CREATED, ItemOutcome.UPDATED, ItemOutcome.UNCHANGED, ItemOutcome.STALE})
"""The outcomes whose rows a dry run lists. Rows of erased people are only counted, because nothing of such a person is stored."""
MOST_LISTED: Final = 25
"""The most rows of one outcome that a dry run lists."""


@dataclass(frozen=True, slots=True)
class ComparedItem:
    """The effect that record() would have for one item."""

    outcome: ItemOutcome
    cleared: int = 0
    """How many stored values it would clear."""
    changes: int = 0
    """How many changes flows would judge."""
    acts: tuple[int, ...] = ()
    """The flows that would act, by id; one that acts on two changes occurs twice."""
    waits: int = 0
    """How many decisions of flows would wait for a tag."""
    problem: DocumentProblem | None = None
    """Why it would be refused."""


def compare(account: int, items: Sequence[RecordItem], known: Known) -> list[ComparedItem]:
    """The result for each prepared item, by stored data and current flows."""
    codes_by_event: dict[int, list[str]] = defaultdict(list)
    for item in items:
        if item.prepared is not None:
            codes_by_event[item.prepared.event].append(item.prepared.code)
    rows: dict[tuple[int, str], Registration] = {}
    sessions: dict[int, dict[int, int]] = defaultdict(dict)
    with scope(account=account):
        for event, codes in codes_by_event.items():
            for row in Registration.objects.using("read").filter(event_id=event, code__in=codes):
                rows[event, row.code] = row
        if any(item.prepared and item.prepared.upsert and item.prepared.upsert.sessions for item in items):
            ids = [row.id for row in rows.values()]
            for session_row in SessionRegistration.objects.using("read").filter(registration_id__in=ids):
                sessions[session_row.registration_id][session_row.session_id] = session_row.status_id
    stored = {
        key: StoredRegistration(
            read_state(row.state), row.state, row.version, to_micros(row.sent_modified) if row.sent_modified else None, sessions[row.id]
        )
        for key, row in rows.items()
    }
    new_status = next(status.id for status in known.account.statuses.values() if status.name == NEW)
    events, now = {event.id: event for event in known.events}, datetime.now(UTC)
    with read_database() as db:
        erased = erased_codes.known(
            db, [(account, event, code) for event, codes in codes_by_event.items() for code in codes if (event, code) not in rows]
        )
    erased |= {key for key, row in rows.items() if row.erased_at is not None}
    compared = []
    for item in items:
        assert item.prepared is not None
        key = (item.prepared.event, item.prepared.code)
        if key in erased:
            compared.append(ComparedItem(ItemOutcome.ERASED))
            continue
        compared.append(_one(item, stored.get(key, StoredRegistration()), known, events[item.prepared.event], new_status, now))
    return compared


def listed_rows(
    items: Sequence[tuple[FileRow, RecordItem]], compared: Sequence[ComparedItem], counts: Mapping[str, int]
) -> list[ComparedRow]:
    """The rows of a chunk that a dry run lists: of each outcome in LISTED the first MOST_LISTED rows of the file.

    compared: the result for each item
    counts: the number of rows of each outcome in the chunks before
    """
    rows = []
    numbers = Counter({outcome: int(counts.get(outcome, 0)) for outcome in LISTED})
    for (row, item), each in zip(items, compared, strict=True):
        if each.outcome in LISTED and numbers[each.outcome] < MOST_LISTED:
            numbers[each.outcome] += 1
            event, code = address(item.document)
            rows.append(ComparedRow(row.line, row.number, str(each.outcome), event, code))
    return rows


def acts_on_new_events(codes: Sequence[str], known: Known) -> list[int]:
    """The flows that would act on the creation of events, by id; one that acts on two events occurs twice.

    codes: the codes of the events that would be created
    """
    flow_ids: list[int] = []
    for event in known.events:
        if event.code in codes:
            change = Change(
                0, SubjectKind.EVENT, event.id, 1, Facet.EVENT_CREATED, datetime.now(UTC), "", event_state=event.state, before={}
            )
            flow_ids += _acts(_decisions([change], known, event))
    return flow_ids


def _one(item: RecordItem, stored: StoredRegistration, known: Known, event: EventConfig, new_status: int, now: datetime) -> ComparedItem:
    prepared = item.prepared
    assert prepared is not None
    upsert = prepared.upsert
    assert upsert is not None
    plan = plan_item(
        prepared.code,
        upsert,
        stored,
        write_state,
        now=now,
        new_status=new_status,
        marks_test=known.account.is_test_event(event.state.status),
        sent_modified=item.sent_modified,
    )
    changes = [
        Change(
            0,
            SubjectKind.SESSION_REGISTRATION if planned.session else SubjectKind.REGISTRATION,
            0,
            0,
            planned.facets,
            now,
            "",
            registration=plan.state,
            session=planned.session,
            before=planned.before,
        )
        for planned in plan.changes
    ]
    decisions = _decisions(changes, known, event)
    return ComparedItem(
        plan.outcome,
        cleared(stored.state, upsert) if stored.state is not None and changes else 0,
        sum(each.is_judged for each in changes),
        _acts(decisions),
        sum(each.reason is not None and each.reason.is_untagged for each in decisions),
        plan.problem,
    )


def _decisions(changes: Iterable[Change], known: Known, event: EventConfig) -> list[FlowDecision]:
    return [decision for change in changes for decision in decide(change, known.account, event)]


def _acts(decisions: Iterable[FlowDecision]) -> tuple[int, ...]:
    return tuple(decision.flow.id for decision in decisions if decision.verdict is FlowVerdict.TRIGGERED)


def cleared(state: RegistrationState, upsert: Upsert) -> int:
    """How many stored values an upsert clears."""
    count = sum(1 for key, text in upsert.profile.items() if not text and state.profile.get(key))
    count += sum(1 for key, values in upsert.custom.items() if not values and state.custom.get(key))
    count += sum(1 for key, values in upsert.answers.items() if not values and state.answers.get(key))
    count += upsert.attendee_type is None and state.attendee_type is not None
    return count + (upsert.order_code is not KEEP and not upsert.order_code and bool(state.order_code))
