"""The compiled set-up of an account and of an event (P2-P7, F10). `domain.snapshot` compiles it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import ref

from heliograph.domain.setup.name_index import NameIndex, choices_of
from heliograph.domain.setup.statuses import TEST_EVENT_STATUSES, StatusClass
from heliograph.domain.setup.tag_kinds import Tag

type Values = tuple[str, ...]
"""The values of one answer or custom field; () for none."""


@dataclass(frozen=True, slots=True)
class Status:
    """A status of a registration, session registration or event, with its tags. `cls`: only for registration statuses."""

    id: int
    code: str
    name: str
    tags: frozenset[int] = frozenset()
    cls: StatusClass | None = None


class QuestionType:
    """Types of questions and custom fields (P6)."""

    TEXT, NUMBER, DATE, SELECT, MULTI_SELECT, CHECKBOX, RADIO = "text", "number", "date", "select", "multi-select", "checkbox", "radio"
    ALL = (TEXT, NUMBER, DATE, SELECT, MULTI_SELECT, CHECKBOX, RADIO)
    ENUMERATED = frozenset({SELECT, MULTI_SELECT, CHECKBOX, RADIO})  # their answers are given
    MANY = frozenset({MULTI_SELECT, CHECKBOX})  # several values at once; a checkbox without options is a Yes/No


@dataclass(frozen=True, slots=True)
class Field:
    """A custom profile or event field, or a question (then with at most one tag, P6)."""

    id: int
    code: str
    label: str
    type: str
    options: tuple[str, ...] = ()
    tag: int | None = None
    _choices: list[NameIndex[str]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def choices(self) -> NameIndex[str]:
        """The options by their names."""
        if not self._choices:
            self._choices.append(choices_of(self.options))
        return self._choices[0]

    @property
    def takes_any_text(self) -> bool:
        return self.type == QuestionType.TEXT and not self.options


@dataclass(frozen=True, slots=True)
class Named:
    """An attendee type, or a custom registration property: code, name, tags."""

    id: int
    code: str
    name: str
    tags: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Session:
    """A session of an event (P5)."""

    id: int
    code: str
    name: str
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventState:
    """An event as contained in its changes (P2): its own facts, its status and its tags."""

    code: str
    name: str
    status: int
    start: datetime | None = None
    end: datetime | None = None
    timezone: str = "UTC"
    location: str = ""
    custom: Mapping[int, Values] = field(default_factory=dict)
    tags: tuple[int, ...] = ()


@dataclass(frozen=True)
class EventConfig:
    """One event with its set-up in force at `version`. Lists are in the order of the pages."""

    id: int
    account: int
    version: int
    state: EventState
    statuses: Mapping[int, Status] = field(default_factory=dict)  # custom registration statuses
    types: Mapping[int, Named] = field(default_factory=dict)
    questions: Mapping[int, Field] = field(default_factory=dict)
    properties: Mapping[int, Named] = field(default_factory=dict)  # custom ones
    sessions: Mapping[int, Session] = field(default_factory=dict)
    _beside: list[tuple[ref[AccountSetup], dict[Any, Any]]] = field(default_factory=list, init=False, compare=False, repr=False)

    @property
    def code(self) -> str:
        return self.state.code

    def beside(self, account: AccountSetup) -> dict[Any, Any]:
        """A cache for results that are computed from this event and this account together, by keys of the caller."""
        if not self._beside or self._beside[0][0]() is not account:
            self._beside[:] = [(ref(account), {})]
        return self._beside[0][1]


@dataclass(frozen=True)
class AccountSetup:
    """An account's set-up in force at `version`, without flows, mappings and connections (`flow.account_config` adds them)."""

    id: int
    version: int
    code: str
    name: str
    timezone: str
    signal_enabled: bool = True
    networks: tuple[str, ...] = ()  # C6: what the operator allowed this account, in the syntax of `outbound.guard`
    tags: Mapping[int, Tag] = field(default_factory=dict)  # including those of the standard properties
    statuses: Mapping[int, Status] = field(default_factory=dict)  # standard registration statuses
    session_statuses: Mapping[int, Status] = field(default_factory=dict)
    event_statuses: Mapping[int, Status] = field(default_factory=dict)
    profile_fields: Mapping[int, Field] = field(default_factory=dict)
    event_fields: Mapping[int, Field] = field(default_factory=dict)

    def status(self, id: int, event: EventConfig | None) -> Status | None:
        """A registration status by id: a standard one, or one of the event's custom ones."""
        return self.statuses.get(id) or (event.statuses.get(id) if event else None)

    def is_test_event(self, status: int) -> bool:
        """F3: True if an event with this status is a test event."""
        status_kind = self.event_statuses.get(status)
        return status_kind is None or status_kind.name in TEST_EVENT_STATUSES
