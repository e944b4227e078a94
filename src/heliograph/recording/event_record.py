"""Records changes of events (P2, P10): the only writer of events.

An event is both configuration and a subject. So its saver holds an exclusive lock on the event's configuration and a shared one on the
account's (`store.configuration_versions.lock_exclusive`), and writes the new version and the change in one transaction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from heliograph.domain.errors import HeliographError
from heliograph.domain.registration.change import Change, Facet, SubjectKind, event_diff
from heliograph.domain.sentence_template import gettext_noop
from heliograph.domain.setup.compiled_setup import EventConfig, EventState
from heliograph.domain.snapshot import ConfigProvider, compile_event, event_body
from heliograph.recording.change_rows import Recorded, numbers_of, write_changes
from heliograph.store import configuration_versions
from heliograph.store.database import Database
from heliograph.store.instants import from_micros
from heliograph.store.numbers import DrawnNumbers


class EventCodeTaken(HeliographError):
    """Another event of this account has this code, in capitals or not: filters ignore case. code: that of the other event."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(gettext_noop("The event %(code)s has this code already. Capitals do not count."), code=code)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """The saved event. change: None if nothing differed."""

    event: int
    created: bool
    change: int | None


def record_event(
    db: Database, account: int, event: int | None, state: EventState, *, by: str, provider: ConfigProvider, quiet: bool = False
) -> RecordedEvent:
    """Creates (event None) or saves an event and records the change. The caller holds the configuration locks.

    Raises EventCodeTaken, and KeyError if the account has no such event.
    """
    taken = db.all(
        "SELECT code FROM event WHERE account_id = :account AND lower(code) = :code AND id <> :id",
        {"account": account, "code": state.code.lower(), "id": event or 0},
    )
    if taken:
        raise EventCodeTaken(taken[0][0])
    now = db.now()
    if event is None:
        config, before, created = _create(db, account, state, now), {}, True
    else:
        rows = db.all("SELECT account_id FROM event WHERE id = :id" + db.for_update, {"id": event})
        if not rows or rows[0][0] != account:
            raise KeyError(event)
        owner, version, entries = configuration_versions.entries(db, configuration_versions.EVENT, event)
        config, created = compile_event(event, owner, version, entries), False
        before = event_diff(config.state, state)
        if not before:
            return RecordedEvent(event, False, None)
    version = configuration_versions.save(
        db, account, configuration_versions.EVENT, config.id, {("event", config.id): event_body(state)}, by=by
    )
    config = replace(config, state=state, version=version)
    ((number,),) = db.all("UPDATE event SET version = version + 1 WHERE id = :id RETURNING version", {"id": config.id})
    _write_row(db, config.id, state, now)
    change = Change(
        id=db.draw({"change_id": 1})["change_id"][0],
        kind=SubjectKind.EVENT,
        subject_id=config.id,
        version=number,
        facets=Facet.EVENT_CREATED if created else Facet.EVENT_UPDATED,
        at=from_micros(now),
        by=by,
        quiet=quiet,
        event_state=state,
        before=before,
    )
    of_account = configuration_versions.versions(db, [account], [])[configuration_versions.ACCOUNT, account]
    recorded = Recorded(change, provider.account(account, of_account), config, id=change.id)
    recorded.decide()
    write_changes(db, [recorded], now, DrawnNumbers(db, numbers_of(db, [recorded]) | {"change_id": 0}))
    return RecordedEvent(config.id, created, change.id)


def _create(db: Database, account: int, state: EventState, now: int) -> EventConfig:
    id = db.draw({"subject_id": 1})["subject_id"][0]
    db.run(
        "INSERT INTO event (id, account_id, code, name, status_id, timezone, location, custom, version, created, modified)"
        " VALUES (:id, :account, :code, :name, :status, 'UTC', '', '{}', 0, :now, :now)",
        {"id": id, "account": account, "code": state.code, "name": state.name, "status": state.status, "now": now},
    )
    return EventConfig(id, account, 0, state)


def _write_row(db: Database, id: int, state: EventState, now: int) -> None:
    body = event_body(state)
    row: dict[str, Any] = {
        "id": id,
        "code": state.code,
        "name": state.name,
        "status": state.status,
        "start": state.start and db.django_time(state.start),
        "end": state.end and db.django_time(state.end),
        "timezone": state.timezone,
        "location": state.location,
        "custom": json.dumps(body["custom"]),
        "now": now,
    }
    db.run(
        'UPDATE event SET code = :code, name = :name, status_id = :status, start = :start, "end" = :end, timezone = :timezone, location = :location,'
        " custom = :custom, modified = :now WHERE id = :id",
        row,
    )
