"""Makes an account of a trial, of the demo or of a seed through the services of the pages: tags, statuses, custom fields and events.

An AccountPlan describes the account, with its tags by name. Connections, mappings and flows are made afterwards, with the ids from MadeAccount.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.domain.connection.connection import Auth, ContentType
from heliograph.domain.setup.compiled_setup import EventState, QuestionType
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.models import EventStatus, RegistrationStatus, SessionStatus
from heliograph.setup.services import custom_fields, event_setup, events, object_tags, tags
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction

BY: Final = "trial"
"""The actor of the set-up, for the audit."""


@dataclass(frozen=True, slots=True)
class QuestionPlan:
    """A question of an event."""

    code: str
    label: str
    tag: str
    type: str = QuestionType.TEXT
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventPlan:
    """An event."""

    code: str
    name: str
    start: str
    """Local time, as in 2026-12-02T09:00."""
    end: str
    """Local time, as in 2026-12-02T09:00."""
    timezone: str = "UTC"
    location: str = ""
    types: tuple[str, ...] = ()
    """Names. If there is a tag of the same name, it is the type's tag."""
    questions: tuple[QuestionPlan, ...] = ()
    status: str = "Live"
    tags: tuple[str, ...] = ()
    sessions: tuple[tuple[str, str], ...] = ()
    """Codes and names."""
    statuses: tuple[tuple[str, StatusClass, str | None], ...] = ()
    """Names and classes of custom statuses, and their tags; None leaves one untagged."""
    properties: tuple[tuple[str, str], ...] = ()
    """Names and tags."""


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """An account."""

    facts: AccountFacts
    tags: Mapping[str, Sequence[TagKind]]
    events: Sequence[EventPlan]
    status_tag: Callable[[str], str | None]
    """The tag of a standard status, by its name; None leaves the status untagged."""
    session_tag: Callable[[str], str | None] = lambda _: None
    """The tag of a session status, by its name; None leaves the status untagged."""
    custom_fields: Sequence[custom_fields.FieldFacts] = ()
    retry_intervals: Mapping[str, list[float]] | None = None
    """Seconds by category (D5); None for the usual minutes."""


@dataclass(frozen=True, slots=True)
class MadeAccount:
    """A made account."""

    id: int
    tags: Mapping[str, int]
    """The ids of tags by name."""
    custom_fields: Mapping[str, int]
    """The ids of custom fields by code."""


def make_account(plan: AccountPlan, by: str = BY) -> MadeAccount:
    """Makes the account in a migrated database that has no account with this code."""
    account = create_account(plan.facts, by=by)
    if plan.retry_intervals is not None:
        account.retry_intervals = dict(plan.retry_intervals)
        account.save(update_fields=["retry_intervals"])
    with saving(account.pk, by=by, whole_account=True) as transaction:
        tag_ids = {name: tags.save_tag(transaction, tags.TagFacts(name, frozenset(kinds))).pk for name, kinds in plan.tags.items()}
        fields = {facts.code: custom_fields.save_field(transaction, facts).pk for facts in plan.custom_fields}
        for status in RegistrationStatus.objects.filter(event=None):
            if tag := plan.status_tag(status.name):
                object_tags.set_tags(transaction, TagKind.REGISTRATION_STATUS, status.pk, [tag_ids[tag]])
        for session_status in SessionStatus.objects.all():
            if tag := plan.session_tag(session_status.name):
                object_tags.set_tags(transaction, TagKind.SESSION_STATUS, session_status.pk, [tag_ids[tag]])
    for event in plan.events:
        _make_event(account.pk, event, tag_ids, by)
    return MadeAccount(account.pk, tag_ids, fields)


def _make_event(account: int, plan: EventPlan, tag_ids: Mapping[str, int], by: str) -> None:
    zone = ZoneInfo(plan.timezone)
    with saving(account, by=by) as transaction:
        state = EventState(
            code=plan.code,
            name=plan.name,
            status=EventStatus.objects.get(name=plan.status).pk,
            start=datetime.fromisoformat(plan.start).replace(tzinfo=zone),
            end=datetime.fromisoformat(plan.end).replace(tzinfo=zone),
            timezone=plan.timezone,
            location=plan.location,
            tags=tuple(tag_ids[name] for name in plan.tags),
        )
        id = events.save_event(transaction, state)
    with saving(account, by=by, events=[id]) as transaction:
        for name in plan.types:
            event_setup.save_type(transaction, id, event_setup.TypeFacts(_code(name), name, (tag_ids[name],) if name in tag_ids else ()))
        for name, cls, tag in plan.statuses:
            event_setup.save_status(transaction, id, event_setup.StatusFacts(_code(name), name, cls, (tag_ids[tag],) if tag else ()))
        for code, name in plan.sessions:
            event_setup.save_session(transaction, id, event_setup.SessionFacts(code, name))
        for name, property_tag in plan.properties:
            event_setup.save_property(transaction, id, event_setup.PropertyFacts(_code(name), name, (tag_ids[property_tag],)))
        for question in plan.questions:
            facts = event_setup.QuestionFacts(question.code, question.label, question.type, question.options, tag_ids[question.tag])
            event_setup.save_question(transaction, id, facts)


def _code(name: str) -> str:
    return name.lower().replace(" - ", "-").replace(" ", "-")


def connect(transaction: SetupTransaction, name: str, url: str) -> int:
    """Makes a connection without authentication that sends JSON. Returns its id."""
    fields = {"name": name, "auth": Auth.OPEN.value, "content_type": ContentType.JSON.value}
    return int(save_connection(transaction, ConnectionFacts(fields, url=url), confirmed=True, http=True).pk)
