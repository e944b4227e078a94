"""What record() would do with prepared items, without doing it: for dry runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django_scopes import scope

from heliograph.domain.changes import KEEP, RegistrationState, Upsert, applied
from heliograph.domain.statuses import NEW
from heliograph.domain.tags import STANDARD_PROPERTY_NAMES
from heliograph.platform.imports.columns import Known
from heliograph.recording.contents import read_state
from heliograph.recording.items import Item, Outcome
from heliograph.store.models import Registration, SessionRegistration

STANDARD_NAMES: Final = frozenset(label.casefold() for label in STANDARD_PROPERTY_NAMES.values())
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def compare(account: int, items: Sequence[Item], known: Known) -> list[tuple[Outcome, int]]:
    """For each prepared item: what would become of it, and how many values it clears."""
    wanted: dict[int, list[str]] = defaultdict(list)
    for item in items:
        if item.prepared is not None:
            wanted[item.prepared.event].append(item.prepared.code)
    stored: dict[tuple[int, str], Registration] = {}
    sessions: dict[tuple[int, int], int] = {}
    with scope(account=account):
        for event, codes in wanted.items():
            for row in Registration.objects.using("read").filter(event_id=event, code__in=codes):
                stored[event, row.code] = row
        if any(item.prepared and item.prepared.upsert and item.prepared.upsert.sessions for item in items):
            ids = [row.id for row in stored.values()]
            for s in SessionRegistration.objects.using("read").filter(registration_id__in=ids):
                sessions[s.registration_id, s.session_id] = s.status_id
    new_status = next(s.id for s in known.account.statuses.values() if s.name == NEW)
    return [_one(item, stored, sessions, new_status) for item in items]


def _one(
    item: Item, stored: dict[tuple[int, str], Registration], sessions: dict[tuple[int, int], int], new_status: int
) -> tuple[Outcome, int]:
    p = item.prepared
    assert p is not None
    assert p.upsert is not None
    row = stored.get((p.event, p.code))
    if row is None:
        return Outcome.CREATED, 0
    if p.upsert.modified is not None and row.sent_modified is not None and p.upsert.modified < row.sent_modified:
        return Outcome.STALE, 0
    state = read_state(row.state)
    _, before = applied(state, p.code, p.upsert, _LONG_AGO, new_status=new_status, marks_test=False)
    changed = before or any(sessions.get((row.id, session)) != status for session, status in p.upsert.sessions.items())
    return (Outcome.UPDATED, cleared(state, p.upsert)) if changed else (Outcome.UNCHANGED, 0)


def cleared(state: RegistrationState, upsert: Upsert) -> int:
    """How many stored values an upsert empties."""
    n = sum(1 for key, text in upsert.profile.items() if not text and state.profile.get(key))
    n += sum(1 for key, values in upsert.custom.items() if not values and state.custom.get(key))
    n += sum(1 for key, values in upsert.answers.items() if not values and state.answers.get(key))
    n += upsert.attendee_type is None and state.attendee_type is not None
    return n + (upsert.order_code is not KEEP and not upsert.order_code and bool(state.order_code))
