"""Records a test registration that fits a flow: marked Test, with a value in every field, without evaluation (P9: it sends nothing)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.connection.sample import SampleFacts
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.filters import bounds_of
from heliograph.domain.flow.flow import FilterRow, Flow, Op, Watch
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.setup.compiled_setup import EventConfig, Field, QuestionType, Status
from heliograph.domain.setup.fields import PROFILE_FIELDS, Subject
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES, StandardProperty
from heliograph.flows.drafts import subject_of
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.setup.setup_errors import Invalid
from heliograph.store.config_cache import Committed
from heliograph.store.django_database import of_django

_ANSWERS = {QuestionType.NUMBER: "1", QuestionType.DATE: "2026-01-31"}


def event_for(reader: AccountReader, flow: Flow, event: int) -> EventConfig:
    """The event of a test registration for a flow. Raises Invalid."""
    if subject_of(flow) is Subject.EVENT:
        raise Invalid({"": [_("A flow that watches events is tried on an event.")]})
    config = reader.events([event]).get(event)
    if config is None:
        raise Invalid({"event": [_("This event no longer exists. Choose another one.")]})
    return config


def make(account: int, flow: Flow, event: EventConfig, code: str, *, by: str, now: datetime) -> int | tuple[DocumentProblem, ...]:
    """Records a test registration. Returns its id, or the problems if it was refused. A second call with the same code updates the same
    registration."""
    with transaction.atomic():
        db = of_django(connection)
        provider = Committed(db)
        document = suiting(flow, provider.account(account), event, code, now=now)
        (answer,) = record(db, [RecordItem(account, document, by, quiet=True, by_hand=True)], provider)
        if not answer.is_recorded or answer.registration is None:
            return answer.problems
        return answer.registration


def suiting(flow: Flow, config: AccountConfig, event: EventConfig, code: str, *, now: datetime) -> dict[str, object]:
    """The document of the test registration (I2), with the tags and values for which the flow activates, as far as the event has them."""
    facts = SampleFacts(now, event.state.timezone, config.code)
    profile: dict[str, object] = {name: facts.value(f"profile.{name}") for name in PROFILE_FIELDS}
    answers: dict[str, object] = {q.code: _answer(q) for q in event.questions.values()}
    custom: dict[str, object] = {f.code: _answer(f) for f in config.profile_fields.values()}
    filter_values = {row.field: value for row in flow.filters if (value := _met(row))}
    for key, value in filter_values.items():
        area, _dot, name = key.partition(".")
        if area == "profile" and name in PROFILE_FIELDS:
            profile[name] = value
        elif area == "answer":
            answers |= {q.code: _typed(q, value) for q in event.questions.values() if q.tag == int(name)}
        elif area == "profile":
            field = config.profile_fields.get(int(name.removeprefix("custom.")))
            if field is not None:
                custom[field.code] = _typed(field, value)
    document: dict[str, object] = {
        "event": event.code,
        "code": code,
        "profile": {**profile, **({"custom": custom} if custom else {})},
        "answers": answers,
        "order_code": filter_values.get("registration.order_code", ""),
        "properties": {STANDARD_PROPERTY_NAMES[StandardProperty.TEST]: True, **_properties(flow, event)},
    }
    status = _tagged([*event.statuses.values(), *config.statuses.values()], flow.statuses)
    if status is not None:
        document["status"] = status.name
    tags = {int(v) for row in flow.filters if row.field == ATTENDEE_TYPE_TAGS and row.op is Op.IS_ANY_OF for v in row.values}
    kind = next((t for t in event.types.values() if t.tags & tags), None)
    if kind is not None:
        document["attendee_type"] = kind.code
    if flow.watch is Watch.SESSION_STATUS and event.sessions:
        of_session = _tagged(config.session_statuses.values(), flow.session_statuses) or next(iter(config.session_statuses.values()), None)
        if of_session is not None:
            document["sessions"] = [{"code": next(iter(event.sessions.values())).code, "status": of_session.name}]
    return document


def _met(row: FilterRow) -> str:
    """A value that meets the filter row; "" if the row needs none, or none is known."""
    if row.op.bounds:
        bounds = bounds_of(row.op, row.values)
        if bounds is None:
            return ""
        beyond = -1 if row.op in (Op.IS_BEFORE, Op.IS_LESS) else 1 if row.op in (Op.IS_AFTER, Op.IS_MORE) else 0
        first = bounds[0]
        return str(first + timedelta(beyond) if isinstance(first, date) else first + beyond)
    return row.values[0] if row.op in (Op.IS_ANY_OF, Op.CONTAINS, Op.STARTS_WITH) and row.values else ""


def _typed(field: Field, value: str) -> object:
    return [value] if field.type in QuestionType.MANY and field.options else value


def _tagged(statuses: Iterable[Status], tags: Iterable[int]) -> Status | None:
    tag_set = set(tags)
    return next((status for status in statuses if status.tags & tag_set), None)


def _properties(flow: Flow, event: EventConfig) -> dict[str, bool]:
    """The first property that has one of the flow's tags."""
    for tag in flow.properties:
        if tag < 0:
            return {STANDARD_PROPERTY_NAMES[StandardProperty(tag)]: True}
        tagged_property = next((p for p in event.properties.values() if tag in p.tags), None)
        if tagged_property is not None:
            return {tagged_property.code: True}
    return {}


def _answer(field: Field) -> object:
    if field.options:
        return [field.options[0]] if field.type in QuestionType.MANY else field.options[0]
    return "Yes" if field.type == QuestionType.CHECKBOX else _ANSWERS.get(field.type, "Sample answer")
