"""Changes: one saved change of a subject, with its facets, its changed fields and the state after it (P8-P10).

A state refers to everything by id; names come from the configuration in force. Diffs are keyed by field: `status`, `active`,
`profile.first_name`, `custom.7`, `answer.12`, `property.-5`, ... and contain the values before the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum, IntFlag
from typing import Final

from heliograph.domain.setup.compiled_setup import EventState, Values
from heliograph.domain.setup.tag_kinds import StandardProperty


class SubjectKind(IntEnum):
    """The kinds of subjects that change."""

    REGISTRATION = 1
    SESSION_REGISTRATION = 2
    EVENT = 3


class Facet(IntFlag):
    """The kinds of change that flows watch for (F4, P10)."""

    CREATED = 1
    UPDATED = 2
    STATUS_CHANGED = 4
    SESSION_STATUS_CHANGED = 8
    EVENT_CREATED = 16
    EVENT_UPDATED = 32

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the set facets, as the API and the timeline show them."""
        return tuple(str(f.name).lower() for f in Facet if f & self)


class Keep(Enum):
    """Marks a field that an upsert does not mention: it stays unchanged (I2)."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP
_TEST: Final = StandardProperty.TEST.value
SESSION_STATUS: Final = "session_status"
"""The only field of a session registration's change."""


@dataclass(frozen=True, slots=True)
class RegistrationState:
    """A registration as it is stored, and as a change contains it (P8). Empty profile fields and answers are not in the mappings."""

    code: str
    status: int
    created: datetime
    modified: datetime
    status_modified: datetime
    attendee_type: int | None = None
    active: bool = True
    order_code: str = ""
    profile: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[int, Values] = field(default_factory=dict)
    answers: Mapping[int, Values] = field(default_factory=dict)
    properties: tuple[int, ...] = ()

    @property
    def is_test(self) -> bool:
        """P9: marked as Test, so that Live flows ignore it."""
        return _TEST in self.properties


@dataclass(frozen=True, slots=True)
class SessionState:
    """One session registration (P5)."""

    session: int
    status: int


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded change, immutable. The subject is described by exactly one of `registration` (possibly with `session`) and
    `event_state`; `before` contains the old values of what changed."""

    id: int
    kind: SubjectKind
    subject_id: int
    version: int
    facets: Facet
    at: datetime
    by: str
    quiet: bool = False
    registration: RegistrationState | None = None
    session: SessionState | None = None
    event_state: EventState | None = None
    before: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_judged(self) -> bool:
        """True if flows evaluate the change. False if it is quiet (P9), or was saved on an inactive registration (P8)."""
        if self.quiet:
            return False
        return self.registration is None or self.registration.active or "active" in self.before


@dataclass(frozen=True, slots=True)
class Upsert:
    """A sender's wishes for a registration, resolved to ids. KEEP = not mentioned; None or () = cleared (I2). sessions: only statuses;
    there is no None for "no longer registered"."""

    status: int | Keep = KEEP
    attendee_type: int | Keep | None = KEEP
    active: bool | Keep = KEEP
    order_code: str | Keep = KEEP
    profile: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[int, Values] = field(default_factory=dict)
    answers: Mapping[int, Values] = field(default_factory=dict)
    properties: Mapping[int, bool] = field(default_factory=dict)
    sessions: Mapping[int, int] = field(default_factory=dict)
    modified: datetime | None = None


def applied(
    state: RegistrationState | None, code: str, upsert: Upsert, now: datetime, *, new_status: int, marks_test: bool
) -> tuple[RegistrationState, dict[str, object]]:
    """The state after an upsert, and the old values of what actually changed (P10: an empty diff = no change).

    state: None for a registration that is created. new_status: the status of a registration saved without one (P3: New). marks_test: its
    event is Planning or Testing (P9; only at creation). A creation's diff is empty too; its facet distinguishes it.
    """
    if state is None:
        return _created(code, upsert, now, new_status=new_status, marks_test=marks_test), {}
    before: dict[str, object] = {}
    status, attendee_type, active, order_code = state.status, state.attendee_type, state.active, state.order_code
    if upsert.status is not KEEP and upsert.status != status:
        before["status"], status = status, upsert.status
    if upsert.attendee_type is not KEEP and upsert.attendee_type != attendee_type:
        before["attendee_type"], attendee_type = attendee_type, upsert.attendee_type
    if upsert.active is not KEEP and upsert.active != active:
        before["active"], active = active, upsert.active
    if upsert.order_code is not KEEP and upsert.order_code != order_code:
        before["order_code"], order_code = order_code, upsert.order_code
    profile = _merged(state.profile, upsert.profile, "", "profile", before)
    custom = _merged(state.custom, upsert.custom, (), "custom", before)
    answers = _merged(state.answers, upsert.answers, (), "answer", before)
    properties_after = set(state.properties)
    for key, on in upsert.properties.items():
        if on != (key in properties_after):
            before[f"property.{key}"] = not on
            (properties_after.add if on else properties_after.discard)(key)
    if not before:
        return state, before
    after = RegistrationState(
        code=state.code,
        created=state.created,
        status=status,
        attendee_type=attendee_type,
        active=active,
        order_code=order_code,
        profile=profile,
        custom=custom,
        answers=answers,
        properties=tuple(sorted(properties_after)),
        modified=now,
        status_modified=now if "status" in before else state.status_modified,
    )
    return after, before


def _created(code: str, upsert: Upsert, now: datetime, *, new_status: int, marks_test: bool) -> RegistrationState:
    """A registration that did not exist before."""
    properties = {p for p, on in upsert.properties.items() if on}
    if marks_test and StandardProperty.TEST.value not in upsert.properties:
        properties.add(StandardProperty.TEST.value)
    return RegistrationState(
        code=code,
        status=new_status if upsert.status is KEEP else upsert.status,
        created=now,
        modified=now,
        status_modified=now,
        attendee_type=None if upsert.attendee_type is KEEP else upsert.attendee_type,
        active=True if upsert.active is KEEP else upsert.active,
        order_code="" if upsert.order_code is KEEP else upsert.order_code,
        profile={k: v for k, v in upsert.profile.items() if v},
        custom={k: v for k, v in upsert.custom.items() if v},
        answers={k: v for k, v in upsert.answers.items() if v},
        properties=tuple(sorted(properties)),
    )


def _merged[K, V](old: Mapping[K, V], new_values: Mapping[K, V], empty: V, name: str, before: dict[str, object]) -> Mapping[K, V]:
    merged = None
    for key, value in new_values.items():
        was = old.get(key, empty)
        if was == value:
            continue
        before[f"{name}.{key}"] = was
        merged = dict(old) if merged is None else merged
        if value:
            merged[key] = value
        else:
            merged.pop(key, None)
    return old if merged is None else merged


def registration_facets(*, created: bool, before: Mapping[str, object]) -> Facet:
    """P10: a creation is `created` + `status_changed`; a later status change is `updated` + `status_changed`."""
    if created:
        return _CREATION
    return _STATUS_UPDATE if "status" in before else Facet.UPDATED


_CREATION: Final = Facet.CREATED | Facet.STATUS_CHANGED
_STATUS_UPDATE: Final = Facet.UPDATED | Facet.STATUS_CHANGED


def event_diff(before: EventState, after: EventState) -> dict[str, object]:
    """The old values of what changed in an event, keyed by field; custom answers as `custom.<field id>`."""
    old: dict[str, object] = {}
    for name in ("code", "name", "status", "start", "end", "timezone", "location", "tags"):
        was = getattr(before, name)
        if was != getattr(after, name):
            old[name] = was
    for key in {**before.custom, **after.custom}:
        if before.custom.get(key, ()) != after.custom.get(key, ()):
            old[f"custom.{key}"] = before.custom.get(key, ())
    return old
