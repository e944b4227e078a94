"""The effect of a document on its registration: one rule for record() and for the dry run of an import (I2, I4, I5, P10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from heliograph.domain.registration.change import (
    SESSION_STATUS,
    Facet,
    RegistrationState,
    SessionState,
    Upsert,
    applied,
    registration_facets,
)
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.sentence_template import Sentence

LARGEST_STATE: Final = 256 * 1024
"""Characters of a registration as stored; each of its changes stores all of it."""
MOST_WRITTEN: Final = 4 * 1024 * 1024
"""The most characters of all changes of one document. Each changed session is a change, which stores the whole registration as well."""


class ItemOutcome(StrEnum):
    """The outcome of an item: what record() did, or would do."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"  # its `modified` is older than the newest from a sender (I2)
    ERASED = "erased"  # its person was erased here (B7): a sender cannot bring the registration back
    REFUSED = "refused"
    CONFLICT = "conflict"  # a form showed an older version
    KEY_REUSED = "key_reused"  # the same Idempotency-Key with another document (I3)
    FAILED = "failed"  # an internal error; nothing was recorded, and it may be sent again
    RUNNING = "running"  # the first request with this key has no answer yet (I3)


@dataclass(frozen=True, slots=True)
class StoredRegistration:
    """The stored part of a registration; all defaults if it does not exist yet."""

    state: RegistrationState | None = None
    text: str = ""
    """The state as stored."""
    version: int = 0
    sent_modified: int | None = None
    """The newest `modified` from a sender, in microseconds."""
    sessions: Mapping[int, int] = field(default_factory=dict)
    """The status of each session registration, by session."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A change that would be recorded."""

    facets: Facet
    before: dict[str, object]
    session: SessionState | None = None
    """The session registration that changes; None: the registration itself."""


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """The effect of an item. Only CREATED and UPDATED have changes."""

    outcome: ItemOutcome
    state: RegistrationState | None = None
    """The registration afterwards."""
    text: str = ""
    """That state as it would be stored."""
    changes: tuple[PlannedChange, ...] = ()
    """The change of the registration, then one of each session registration."""
    problem: DocumentProblem | None = None
    """Why it would be refused."""


def plan_item(
    code: str,
    upsert: Upsert,
    stored: StoredRegistration,
    write: Callable[[RegistrationState], str],
    *,
    now: datetime,
    new_status: int,
    marks_test: bool,
    sent_modified: int | None = None,
    expected: int | None = None,
) -> ItemPlan:
    """Plans an item whose document is resolved.

    write: serializes a state as it would be stored
    new_status, marks_test: as in `applied`
    sent_modified: the sender's `modified`, in microseconds; None if there is none, and for an edit by hand
    expected: the version that a form showed; None if there was no form
    """
    if expected is not None and expected != stored.version:
        return ItemPlan(ItemOutcome.CONFLICT)
    if sent_modified is not None and stored.sent_modified is not None and sent_modified < stored.sent_modified:
        return ItemPlan(ItemOutcome.STALE)
    is_new = stored.state is None
    after, before = applied(stored.state, code, upsert, now, new_status=new_status, marks_test=marks_test)
    changes, text = [], stored.text
    if is_new or before:
        changes.append(PlannedChange(registration_facets(created=is_new, before=before), before))
        text = write(after)
    for session, status in upsert.sessions.items():
        was = stored.sessions.get(session)
        if was != status:
            old: dict[str, object] = {} if was is None else {SESSION_STATUS: was}
            changes.append(PlannedChange(Facet.SESSION_STATUS_CHANGED, old, SessionState(session, status)))
    problem = _too_much(text, changes)
    if problem is not None:
        return ItemPlan(ItemOutcome.REFUSED, problem=problem)
    outcome = ItemOutcome.CREATED if is_new else ItemOutcome.UPDATED if changes else ItemOutcome.UNCHANGED
    return ItemPlan(outcome, after, text, tuple(changes))


def _too_much(text: str, changes: list[PlannedChange]) -> DocumentProblem | None:
    """Why a registration of this text and these changes are too large to be recorded together; None if they are not (I5)."""
    if len(text) * len(changes) <= LARGEST_STATE:
        return None
    if len(text) > LARGEST_STATE:
        return DocumentProblem(
            "",
            Sentence(
                "would make the registration %(count)s characters long, at most %(most)s are possible.",
                count=len(text),
                most=LARGEST_STATE,
            ),
        )
    sessions = sum(change.session is not None for change in changes)
    if sessions and len(text) * (1 + sessions) > MOST_WRITTEN:
        most = max(1, MOST_WRITTEN // len(text) - 1)
        return DocumentProblem(
            "sessions",
            Sentence(
                "changes %(sessions)s sessions of a registration of %(count)s characters. Send at most %(most)s in one document.",
                sessions=sessions,
                count=len(text),
                most=most,
            ),
        )
    return None
