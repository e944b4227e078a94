"""States as JSON and back: the contents of `registration.state` and `change_content`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from heliograph.domain.registration.change import Change, Facet, RegistrationState, SessionState, SubjectKind
from heliograph.domain.snapshot import event_body, event_state
from heliograph.store.database import Database
from heliograph.store.instants import from_micros

_json = msgspec.json.Encoder()
_state = msgspec.json.Decoder(RegistrationState)
_any = msgspec.json.Decoder()


class After(msgspec.Struct, omit_defaults=True):
    """The state after a change: a registration with the session, or the body of an event."""

    registration: RegistrationState | None = None
    session: SessionState | None = None
    event: dict[str, Any] | None = None


_after = msgspec.json.Decoder(After)


def write_state(state: RegistrationState) -> str:
    """A registration's state as JSON."""
    return _json.encode(state).decode()


def read_state(text: str) -> RegistrationState:
    """The state that `write_state` wrote."""
    return _state.decode(text)


def write_after(change: Change, state: str = "") -> str:
    """The after-state of a change as JSON.

    state: the state of its registration as written by `write_state`; "" if it is not at hand
    """
    if not state:
        event = event_body(change.event_state) if change.event_state else None
        return _json.encode(After(change.registration, change.session, event)).decode()
    return f'{{"registration":{state}{write_session(change.session)}}}'


def write_session(session: SessionState | None) -> str:
    """The part of an after-state behind the registration."""
    return f',"session":{_json.encode(session).decode()}' if session is not None else ""


def write_before(before: Mapping[str, object]) -> str:
    """The old values of what changed as JSON."""
    return _json.encode(before).decode()


CHANGE_COLUMNS = "c.id, c.kind, c.subject_id, c.version, c.facets, c.at, c.by, c.quiet, x.after, x.before, c.account_id, c.event_id, c.account_version, c.event_version"
FROM_CHANGE = "change c LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at"


def read_change(row: Sequence[Any]) -> Change | None:
    """A change from a row of CHANGE_COLUMNS; None if retention or erasure has deleted its content (X6)."""
    id, kind, subject, version, facets, at, by, quiet, after, before = row[:10]
    if not after:
        return None
    state: After = _after.decode(after)
    old_values: dict[str, object] = _any.decode(before)
    return Change(
        id=id,
        kind=SubjectKind(kind),
        subject_id=subject,
        version=version,
        facets=Facet(facets),
        at=from_micros(at),
        by=by,
        quiet=bool(quiet),
        registration=state.registration,
        session=state.session,
        event_state=event_state(state.event) if state.event else None,
        before={name: tuple(value) if isinstance(value, list) else value for name, value in old_values.items()},
    )


def read_changes(db: Database, ids: Sequence[int]) -> dict[int, tuple[Change | None, tuple[int, int, int, int]]]:
    """Changes by id, each with (account, event, account version, event version)."""
    return ask_changes(db, ids)()


def ask_changes(db: Database, ids: Sequence[int]) -> Callable[[], dict[int, tuple[Change | None, tuple[int, int, int, int]]]]:
    """Like `read_changes`, but returns a function that waits for the result (`Database.ask`)."""
    if not ids:
        return dict
    rows = db.ask(f"SELECT {CHANGE_COLUMNS} FROM {FROM_CHANGE} WHERE {db.member('c.id', 'ids')}", {"ids": list(ids)})
    return lambda: {row[0]: (read_change(row), (row[10], row[11], row[12], row[13])) for row in rows()}
