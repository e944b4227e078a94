"""What record() would do with prepared items, without doing it: for dry runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django_scopes import scope

from heliograph.domain.flow.decision import FlowVerdict, decide
from heliograph.domain.registration.change import (
    KEEP,
    SESSION_STATUS,
    Change,
    Facet,
    RegistrationState,
    SessionState,
    SubjectKind,
    Upsert,
    applied,
    registration_facets,
)
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.setup.statuses import NEW
from heliograph.recording.contents import read_state, too_much, write_state
from heliograph.recording.items import ItemOutcome, RecordItem
from heliograph.registrations.imports.columns import Known
from heliograph.store.models import Registration, SessionRegistration

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ComparedItem:
    """What record() would do with one item."""

    outcome: ItemOutcome
    cleared: int = 0
    """How many stored values it would clear."""
    changes: int = 0
    """How many changes flows would judge."""
    acts: tuple[int, ...] = ()
    """The id of a flow for each change that the flow would act on."""
    problem: DocumentProblem | None = None
    """Why it would be refused."""


def compare(account: int, items: Sequence[RecordItem], known: Known) -> list[ComparedItem]:
    """The result for each prepared item, by stored data and current flows."""
    codes_by_event: dict[int, list[str]] = defaultdict(list)
    for item in items:
        if item.prepared is not None:
            codes_by_event[item.prepared.event].append(item.prepared.code)
    stored: dict[tuple[int, str], Registration] = {}
    sessions: dict[tuple[int, int], int] = {}
    with scope(account=account):
        for event, codes in codes_by_event.items():
            for row in Registration.objects.using("read").filter(event_id=event, code__in=codes):
                stored[event, row.code] = row
        if any(item.prepared and item.prepared.upsert and item.prepared.upsert.sessions for item in items):
            ids = [row.id for row in stored.values()]
            for session_row in SessionRegistration.objects.using("read").filter(registration_id__in=ids):
                sessions[session_row.registration_id, session_row.session_id] = session_row.status_id
    new_status = next(status.id for status in known.account.statuses.values() if status.name == NEW)
    events = {event.id: event for event in known.events}
    return [_one(item, stored, sessions, known, events, new_status) for item in items]


def events_act(codes: Sequence[str], known: Known) -> list[int]:
    """The id of a flow for each of these events on whose creation the flow would act."""
    flow_ids: list[int] = []
    for event in known.events:
        if event.code in codes:
            change = Change(0, SubjectKind.EVENT, event.id, 1, Facet.EVENT_CREATED, _LONG_AGO, "", event_state=event.state, before={})
            flow_ids += _acts([change], known, event)
    return flow_ids


def _one(
    item: RecordItem,
    stored: dict[tuple[int, str], Registration],
    sessions: dict[tuple[int, int], int],
    known: Known,
    events: dict[int, EventConfig],
    new_status: int,
) -> ComparedItem:
    prepared = item.prepared
    assert prepared is not None
    upsert = prepared.upsert
    assert upsert is not None
    row, event = stored.get((prepared.event, prepared.code)), events[prepared.event]
    if row is not None and upsert.modified is not None and row.sent_modified is not None and upsert.modified < row.sent_modified:
        return ComparedItem(ItemOutcome.STALE)
    state = read_state(row.state) if row is not None else None
    marks_test = known.account.is_test_event(event.state.status)
    after, before = applied(state, prepared.code, upsert, _LONG_AGO, new_status=new_status, marks_test=marks_test)
    had = {session: sessions.get((row.id, session)) if row is not None else None for session in upsert.sessions}
    differing = {session: (had[session], status) for session, status in upsert.sessions.items() if had[session] != status}
    facets = registration_facets(created=state is None, before=before) if state is None or before else None
    problem = too_much(write_state(after) if facets is not None or row is None else row.state, len(differing), changed=facets is not None)
    if problem is not None:
        return ComparedItem(ItemOutcome.REFUSED, problem=problem)
    changes = list(_changes(after, before, facets, differing))
    if not changes:
        return ComparedItem(ItemOutcome.UNCHANGED)
    outcome = ItemOutcome.CREATED if state is None else ItemOutcome.UPDATED
    return ComparedItem(
        outcome,
        cleared(state, upsert) if state is not None else 0,
        sum(each.is_judged for each in changes),
        _acts(changes, known, event),
    )


def _changes(
    after: RegistrationState, before: dict[str, object], facets: Facet | None, sessions: Mapping[int, tuple[int | None, int]]
) -> Iterator[Change]:
    """The changes that record() would make: one of the registration, and one of each session registration.

    sessions: session id -> (status before, status after).
    """
    if facets is not None:
        yield Change(0, SubjectKind.REGISTRATION, 0, 0, facets, _LONG_AGO, "", registration=after, before=before)
    for session, (was, status) in sessions.items():
        state = SessionState(session, status)
        kind, had = SubjectKind.SESSION_REGISTRATION, {} if was is None else {SESSION_STATUS: was}
        yield Change(0, kind, 0, 0, Facet.SESSION_STATUS_CHANGED, _LONG_AGO, "", registration=after, session=state, before=had)


def _acts(changes: Iterable[Change], known: Known, event: EventConfig) -> tuple[int, ...]:
    return tuple(d.flow.id for change in changes for d in decide(change, known.account, event) if d.verdict is FlowVerdict.TRIGGERED)


def cleared(state: RegistrationState, upsert: Upsert) -> int:
    """How many stored values an upsert clears."""
    count = sum(1 for key, text in upsert.profile.items() if not text and state.profile.get(key))
    count += sum(1 for key, values in upsert.custom.items() if not values and state.custom.get(key))
    count += sum(1 for key, values in upsert.answers.items() if not values and state.answers.get(key))
    count += upsert.attendee_type is None and state.attendee_type is not None
    return count + (upsert.order_code is not KEEP and not upsert.order_code and bool(state.order_code))
