"""One registration of a seeded history: its state, and the changes that may follow."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.change import SESSION_STATUS, Facet, RegistrationState, SubjectKind, registration_facets
from heliograph.domain.setup.compiled_setup import EventConfig, QuestionType
from heliograph.domain.setup.tag_kinds import StandardProperty
from heliograph.seed.guest_names import Guest
from heliograph.seed.lane_history import LaneHistory
from heliograph.seed.state_forms import StateForm

_NEXT: Final[dict[str, tuple[tuple[str, int], ...]]] = {
    "New": (("Pre-Registered", 8), ("Registered - invoice", 4), ("Waitlist Hold", 2), ("Invited by partner", 1), ("Cancelled", 1)),
    "Waitlist Hold": (("Pre-Registered", 3), ("Cancelled", 1)),
    "Invited by partner": (("Pre-Registered", 4), ("Declined Invitation", 1)),
    "Pre-Registered": (("Attended", 6), ("No-show", 2), ("Cancelled", 1)),
    "Registered - invoice": (("Attended", 6), ("Cancelled", 1)),
}
"""Status -> the statuses that follow it, with their weights. Statuses that an event does not have are left out."""
_CUSTOMS: Final = 24
"""Different sets of answers among an event's registrations: each needs its own form of a request."""
_BADGE: Final = StandardProperty.BADGE_PRINTED.value


@dataclass(frozen=True, slots=True)
class Answers:
    """The values of a registration beside its profile."""

    attendee_type: int
    custom: dict[int, tuple[str, ...]]
    answers: dict[int, tuple[str, ...]]
    properties: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EventWays:
    """An event, with the values that its registrations can have."""

    config: EventConfig
    prefix: str
    is_test: bool
    new: int
    next: dict[int, tuple[list[int], list[int]]]
    """The statuses that follow a status, with their weights."""
    attended: int
    sessions: tuple[int, ...]
    answer_sets: tuple[Answers, ...]


def ways_of(config: EventConfig, account: AccountConfig, chance: random.Random) -> EventWays:
    """The values that registrations of an event can have, by its configuration."""
    statuses = {s.name: s.id for s in (*account.statuses.values(), *config.statuses.values())}
    follows = {
        statuses[name]: ([statuses[n] for n, _ in after if n in statuses], [w for n, w in after if n in statuses])
        for name, after in _NEXT.items()
        if name in statuses
    }
    is_test = account.is_test_event(config.state.status)
    answer_sets = tuple(_answers(config, account, chance, is_test=is_test) for _ in range(_CUSTOMS))
    return EventWays(config, config.code[:3], is_test, statuses["New"], follows, statuses["Attended"], tuple(config.sessions), answer_sets)


def _answers(config: EventConfig, account: AccountConfig, chance: random.Random, *, is_test: bool) -> Answers:
    answers: dict[int, tuple[str, ...]] = {}
    for question in config.questions.values():
        many = question.type in QuestionType.MANY
        chosen = tuple(o for o in question.options if chance.random() < 0.3) if many else (chance.choice(question.options),)
        if chosen:
            answers[question.id] = chosen
    custom: dict[int, tuple[str, ...]] = {f.id: (chance.choice(f.options),) for f in account.profile_fields.values() if f.options}
    properties = [p for p in config.properties if chance.random() < 0.15]
    if is_test:
        properties.append(StandardProperty.TEST.value)
    return Answers(chance.choice(list(config.types)), custom, answers, tuple(sorted(properties)))


@dataclass(frozen=True, slots=True)
class Step:
    """A change before it is recorded."""

    kind: SubjectKind
    facets: Facet
    before: dict[str, object]
    """The old values."""
    session: int = 0
    """The session of a session registration."""
    status: int = 0
    """The status of a session registration."""


@dataclass(slots=True)
class SeededSession:
    """A session registration."""

    id: int
    session: int
    status: int
    version: int
    created: int
    modified: int


@dataclass(slots=True)
class SeededRegistration:
    """A registration that may still change."""

    id: int
    serial: int
    event: EventWays
    answer_set: int
    """The index of its answers in `EventWays.answer_sets`."""
    guest: Guest
    state: RegistrationState
    people: tuple[tuple[str, ...], ...]
    """The values of `values_of`, by copy."""
    form: StateForm
    version: int = 0
    lanes: dict[int, LaneHistory] = field(default_factory=dict)
    """Its lanes by destination."""
    sessions: dict[int, SeededSession] = field(default_factory=dict)
    last: tuple[int, int, int] | None = None
    """The newest delivered action: ids of its destination, of the action and of its change."""

    def step(self, chance: random.Random, at: datetime, statuses: dict[str, int]) -> Step | None:
        """Its next change, applied to its state; None if it will not change any more.

        statuses: ids of session statuses, by name
        """
        state, event = self.state, self.event
        if not state.active:
            return None
        luck = chance.random()
        if luck < 0.06:
            phone = f"+49 30 {int(chance.random() * 9_000_000) + 1_000_000}"
            before: dict[str, object] = {"profile.phone": state.profile.get("phone", "")}
            return self._changed(before, at, profile={**state.profile, "phone": phone})
        if luck < 0.1 and event.sessions:
            return self._session(event.sessions[int(chance.random() * len(event.sessions))], statuses["Registered"])
        if luck < 0.115:
            return self._changed({"active": True}, at, active=False)
        follows = event.next.get(state.status)
        if follows is not None:
            status = chance.choices(*follows)[0]
            return self._changed({"status": state.status}, at, status=status)
        if state.status != event.attended:
            return None
        if _BADGE not in state.properties:
            return self._changed({f"property.{_BADGE}": False}, at, properties=tuple(sorted((*state.properties, _BADGE))))
        for session in event.sessions:
            if session not in self.sessions or self.sessions[session].status != statuses["Attended"]:
                return self._session(session, statuses["Attended"])
        return None

    def created(self) -> Step:
        """Its creation."""
        return Step(SubjectKind.REGISTRATION, registration_facets(created=True, before={}), {})

    def _changed(self, before: dict[str, object], at: datetime, **changes: object) -> Step:
        moved = {"status_modified": at} if "status" in before else {}
        self.state = replace(self.state, modified=at, **moved, **changes)  # type: ignore[arg-type]
        return Step(SubjectKind.REGISTRATION, registration_facets(created=False, before=before), before)

    def _session(self, session: int, status: int) -> Step | None:
        known = self.sessions.get(session)
        if known is not None and known.status == status:
            return None
        before: dict[str, object] = {SESSION_STATUS: known.status} if known else {}
        return Step(SubjectKind.SESSION_REGISTRATION, Facet.SESSION_STATUS_CHANGED, before, session, status)
