"""Empties the registration of an erased person (B7; docs/design/erasure.md).

It makes no change, so no flow looks at it and no figure moves. The row stays with its status and its serial, by which it counts as before.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.registration.erasure import code_of_emptied, emptied
from heliograph.recording.contents import read_state, write_state
from heliograph.store import configuration_versions, erased_codes, registrations
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class EmptiedRegistration:
    """What emptying a registration has removed."""

    sessions: int
    """Session registrations."""
    answers: int
    """Answers and custom fields."""


def empty_registration(db: Database, account: int, registration: int) -> EmptiedRegistration | None:
    """Empties a registration of the account in the caller's transaction; None if there is none, or it is emptied already.

    The event's configuration is held exclusively: whoever records takes it shared, so nobody finds the old code after having missed its digest.
    """
    rows = db.all("SELECT event_id FROM registration WHERE id = :id AND account_id = :account", {"id": registration, "account": account})
    if not rows:
        return None
    configuration_versions.lock_exclusive(db, events=[(account, rows[0][0])], read_accounts=[account])
    row = registrations.lock_erasable(db, account, registration)
    if row is None:
        return None
    now, state = db.now(), read_state(row.state)
    erased_codes.remember(db, account, row.event, row.code, now)
    code = code_of_emptied(registration)
    sessions = registrations.empty_row(db, registration, code, write_state(emptied(state, code)), now)
    return EmptiedRegistration(sessions, len(state.answers) + len(state.custom))
