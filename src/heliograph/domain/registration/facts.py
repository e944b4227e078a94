"""The facts of a change: the value of every source field (M3, M8, M9).

Facts belong to the change (its own after-state and old values). Names and questions come from the given configuration: today's for a retry
(D7), the past one for an explanation (F9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.domain.registration.change import SESSION_STATUS, Change, Facet, RegistrationState
from heliograph.domain.setup.compiled_setup import AccountSetup, EventConfig, EventState, Field, QuestionType, Values
from heliograph.domain.setup.fields import EVENT_FIELDS, PROFILE_FIELDS, REGISTRATION_FIELDS, FieldError, FieldGroup, Value, parse_source
from heliograph.domain.setup.tag_kinds import StandardProperty

_UNKNOWN: Final = object()
JOINED = "; "  # M8: joins answers to several questions with the same tag


class ChangeFacts:
    """The values of one change for one flow. `now` is the time of rendering, aware."""

    __slots__ = ("_account", "_before", "_change", "_event", "_flow", "_memo", "_now", "_state", "event_state")

    def __init__(self, change: Change, account: AccountSetup, event: EventConfig, *, flow_name: str = "", now: datetime) -> None:
        self._change, self._account, self._event, self._flow, self._now = change, account, event, flow_name, now
        self._state = change.registration
        self.event_state: EventState = change.event_state or event.state
        self._memo: dict[str, object] = {}
        self._before: ChangeFacts | None = None

    @property
    def timezone(self) -> str:
        """The event's time zone, in which dates are sent (M9)."""
        return self.event_state.timezone or self._account.timezone

    def value(self, source: str) -> Value:
        """The value of a source key; None if it is empty or does not exist for this subject. Raises FieldError for an invalid key."""
        value = self._memo.get(source, _UNKNOWN)
        if value is _UNKNOWN:
            value = self._memo[source] = _look_up(source)(self)
        return value  # type: ignore[return-value]

    def _profile(self, name: str) -> Value:
        return (self._state.profile.get(name) or None) if self._state else None

    def _registration(self, name: str) -> Value:
        state = self._state
        if state is None:
            return None
        if name == "status":
            status = self._account.status(state.status, self._event)
            return status.name if status else None
        if name == "status_class":
            status = self._account.status(state.status, self._event)
            return status.cls.value if status and status.cls else None
        if name == "attendee_type":
            attendee_type = self._event.types.get(state.attendee_type or 0)
            return attendee_type.name if attendee_type else None
        if name == "test":
            return state.is_test
        if name == "active":
            return state.active
        return getattr(state, name) or None

    def _event_value(self, name: str) -> Value:
        if name == "status":
            status = self._account.event_statuses.get(self.event_state.status)
            return status.name if status else None
        if name in ("start", "end"):
            at: datetime | None = getattr(self.event_state, name)
            return at.astimezone(ZoneInfo(self.timezone)) if at else None
        return getattr(self.event_state, name) or None

    def _session(self, name: str) -> Value:
        registered = self._change.session
        if registered is None:
            return None
        if name == "status":
            status = self._account.session_statuses.get(registered.status)
            return status.name if status else None
        session = self._event.sessions.get(registered.session)
        return (getattr(session, name) or None) if session else None

    def _questions(self, tag: int | None) -> Sequence[Field]:
        """The event's questions with this tag, looked up once per version of the event."""
        cache = self._event.beside(self._account)
        questions: tuple[Field, ...] | None = cache.get((FieldGroup.QUESTION_TAGS, tag))
        if questions is None:
            questions = cache[FieldGroup.QUESTION_TAGS, tag] = tuple(q for q in self._event.questions.values() if q.tag == tag)
        return questions

    def _question(self, tag: int | None) -> Value:
        """The labels of the questions that were answered: one without an answer is not sent."""
        state = self._state
        return (JOINED.join(q.label for q in self._questions(tag) if state.answers.get(q.id)) or None) if state else None

    def _answer(self, tag: int | None) -> Value:
        state = self._state
        if state is None:
            return None
        answered = [(q, state.answers[q.id]) for q in self._questions(tag) if state.answers.get(q.id)]
        if len(answered) == 1:
            return _typed(*answered[0])
        return JOINED.join(", ".join(values) for _, values in answered) or None

    def _property(self, tag: int | None) -> Value:
        if self._state is None or tag is None:
            return None
        if tag < 0:
            return tag in self._state.properties
        return any(tag in p.tags for p in map(self._event.properties.get, self._state.properties) if p)

    def _macro(self, name: str) -> Value:
        if name == "change_id":
            return self._change.id
        local = self._now.astimezone(ZoneInfo(self.timezone))
        simple: Mapping[str, Callable[[], Value]] = {
            "current_date": local.date,
            "current_datetime": lambda: local,
            "change_type": lambda: ", ".join(self._change.facets.words),
            "changed_fields": lambda: tuple(field_name(f, self._account, self._event) for f in self._change.before),
            "previous_status": lambda: self._previous("registration.status"),
            "registrant": self._registrant,
        }
        return simple[name]()

    def _registrant(self) -> Value:
        """The person, for the beginning of a message: the name, else the e-mail address, else the code of the registration."""
        if self._state is None:
            return None
        names = [str(self._profile(name) or "").strip() for name in ("first_name", "last_name")]
        email = str(self._profile("email") or "").strip()
        return " ".join(name for name in names if name) or email or self._state.code or None

    def _previous(self, source: str) -> Value:
        """The value before the change: the old value if the field changed, else the current one. None for a creation."""
        if self._change.facets & (Facet.CREATED | Facet.EVENT_CREATED) or self._state is None:
            return None
        if self._before is None:  # built once: a state may be large, and each row of a mapping may need it
            self._before = self._as_before()
        return self._before.value(source)

    def _as_before(self) -> ChangeFacts:
        return ChangeFacts(
            replace(self._change, registration=state_before(self._change), before={}),
            self._account,
            self._event,
            flow_name=self._flow,
            now=self._now,
        )


@lru_cache(maxsize=4096)  # mappings use the same few keys for every change
def _look_up(source: str) -> Callable[[ChangeFacts], Value]:
    """The function that reads the value of a source key. Raises FieldError for an invalid key."""
    area, _, profile_field = source.partition(".")
    if area == "profile" and profile_field in PROFILE_FIELDS:  # by far the most common
        return lambda self: self._profile(profile_field)
    key = parse_source(source)
    if key.previous:
        before = source.removeprefix("previous.")
        return lambda self: self._previous(before)
    name, id = key.name, key.id
    readers: dict[FieldGroup, Callable[[ChangeFacts], Value]] = {
        FieldGroup.PROFILE_CUSTOM: lambda self: _custom(self._account.profile_fields, self._state.custom if self._state else {}, id),
        FieldGroup.EVENT_CUSTOM: lambda self: _custom(self._account.event_fields, self.event_state.custom, id),
        FieldGroup.QUESTION_TAGS: lambda self: self._question(id) if name == "question" else self._answer(id),
        FieldGroup.STANDARD_PROPERTIES: lambda self: self._property(id),
        FieldGroup.CUSTOM_PROPERTIES: lambda self: self._property(id),
        FieldGroup.REGISTRATION: lambda self: self._registration(name),
        FieldGroup.ACCOUNT: lambda self: (
            {"code": self._account.code, "name": self._account.name, "timezone": self._account.timezone}[name] or None
        ),
        FieldGroup.EVENT: lambda self: self._event_value(name),
        FieldGroup.SESSION: lambda self: self._session(name),
        FieldGroup.FLOW: lambda self: self._flow or None,
        FieldGroup.MACROS: lambda self: self._macro(name),
    }
    if key.group not in readers:
        raise FieldError(f"There is no field {source!r}.")
    return readers[key.group]


def state_before(change: Change) -> RegistrationState | None:
    """The registration before the change, reconstructed from the after-state and the old values."""
    state = change.registration
    if state is None or not change.before:
        return state
    simple: dict[str, object] = {}
    profile, custom, answers, properties = dict(state.profile), dict(state.custom), dict(state.answers), set(state.properties)
    for field, was in change.before.items():
        area, _, name = field.partition(".")
        if field == SESSION_STATUS:
            continue  # belongs to the session registration
        if not name:
            simple[area] = was
        elif area == "profile":
            _put(profile, name, str(was))
        elif area in ("custom", "answer"):
            _put(custom if area == "custom" else answers, int(name), _tuple(was))
        elif area == "property":
            (properties.add if was else properties.discard)(int(name))
    return replace(state, **simple, profile=profile, custom=custom, answers=answers, properties=tuple(sorted(properties)))  # type: ignore[arg-type]


def _put[K, V](values: dict[K, V], key: K, was: V) -> None:
    """Restores an old value; an empty one was absent."""
    if was:
        values[key] = was
    else:
        values.pop(key, None)


def _tuple(value: object) -> Values:
    return tuple(str(v) for v in value) if isinstance(value, (list, tuple)) else ((str(value),) if value else ())


def _custom(fields: Mapping[int, Field], values: Mapping[int, Values], id: int | None) -> Value:
    field, texts = fields.get(id or 0), values.get(id or 0)
    if not texts:
        return None
    return _typed(field, texts) if field else ", ".join(texts)


def _typed(field: Field, values: Values) -> Value:
    if field.type in QuestionType.MANY and field.options:
        return values
    if field.type == QuestionType.CHECKBOX:
        return values[0] == "Yes"
    return values[0] if len(values) == 1 else ", ".join(values)


def field_name(field: str, account: AccountSetup, event: EventConfig) -> str:
    """The name of a changed field (`profile.email`, `custom.7`, `answer.12`, `property.-5`, `status`) as pages and requests show it."""
    area, _, name = field.partition(".")
    if not name:
        return REGISTRATION_FIELDS.get(field) or EVENT_FIELDS.get(field) or field.replace("_", " ").capitalize()
    if area == "profile":
        return PROFILE_FIELDS.get(name, name)
    id = int(name)
    if area == "property":
        known = event.properties.get(id)
        return known.name if known else StandardProperty(id).label if id < 0 else name
    definition = event.questions.get(id) if area == "answer" else account.event_fields.get(id) or account.profile_fields.get(id)
    return definition.label if definition else name
