"""Sets up a trial's account through the services of the pages.

One status that triggers ("Attended", tagged Chosen), any number of text questions, a mapping of a trial registration's fields, flows that
trigger with their destinations, and flows that never trigger. In `order_code` a trial counts the versions of a registration.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from heliograph.accounts.tokens import create_token
from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.domain.connection.connection import Auth, ContentType
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import Mapping, MappingRow, SourceValue
from heliograph.domain.setup.configuration import EventState, QuestionType
from heliograph.domain.setup.tags import TagKind
from heliograph.flows.models import Flow as FlowRow
from heliograph.flows.services.flows import save_flow
from heliograph.mappings.services import save_mapping
from heliograph.setup.models import EventStatus, RegistrationStatus
from heliograph.setup.services import event_setup, events, object_tags, tags
from heliograph.setup.services.create_account import AccountFacts, create_account
from heliograph.setup.services.save import saving
from heliograph.setup.services.transaction import SetupTransaction

BY: Final = "trial"
STATUS: Final = "Attended"
"""The status that triggers."""
SECONDS: Final[Map[str, list[float]]] = {
    "System": [0.5, 1.0, 2.0],
    "Connection": [0.5, 1.0, 2.0],
    "Source API": [0.5, 1.0, 2.0],
    "General": [1.0, 2.0, 3.0],
    "Config": [1.0, 2.0, 3.0],
}
"""Retry intervals short enough for a trial (D5: three per category, shorter for more serious ones)."""


@dataclass(frozen=True, slots=True)
class StageTarget:
    """A destination with its own connection. more: further fields of the connection, such as {"parallel": 4}."""

    name: str
    url: str
    does: Does = Does.UPDATES
    more: Map[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The contents of the account.

    flows: for each entry, a flow that triggers, with these destinations. filtered: flows that a filter stops, of which nothing is stored.
    unselected: flows that watch another tag, so that each change is stored as "not triggered" for them. questions: text questions q01, q02
    …, all in the mapping. retry: seconds by category; None = the usual minutes. apart: number of unused connections between the targets'
    connections, so that the targets belong to slots of different workers.
    """

    flows: tuple[tuple[StageTarget, ...], ...]
    filtered: int = 0
    unselected: int = 0
    questions: int = 0
    events: tuple[str, ...] = ("TRIAL-1",)
    retry: Map[str, list[float]] | None = field(default_factory=lambda: SECONDS)
    apart: int = 0


@dataclass(frozen=True, slots=True)
class Staged:
    """What was created: ids (by the targets' names if there are several), and the token for /ingest."""

    account: int
    token: str
    events: tuple[str, ...]
    flows: tuple[int, ...]
    destinations: Map[str, int]
    connections: Map[str, int]


def make_account(plan: Plan) -> Staged:
    """Creates the account in a migrated database that has no account with this code."""
    account = create_account(AccountFacts("TRIAL", "Trial"), by=BY)
    if plan.retry is not None:
        account.retry_intervals = dict(plan.retry)
        account.save(update_fields=["retry_intervals"])
    with saving(account.pk, by=BY, whole_account=True) as transaction:
        chosen = tags.save_tag(transaction, tags.TagFacts("Chosen", frozenset({TagKind.REGISTRATION_STATUS}))).pk
        other = tags.save_tag(transaction, tags.TagFacts("Other", frozenset({TagKind.REGISTRATION_STATUS}))).pk
        for status in RegistrationStatus.objects.filter(event=None):
            object_tags.set_tags(transaction, TagKind.REGISTRATION_STATUS, status.pk, [chosen if status.name == STATUS else other])
        of_questions = [
            tags.save_tag(transaction, tags.TagFacts(_question(n), frozenset({TagKind.QUESTION}))).pk for n in range(plan.questions)
        ]
    for code in plan.events:
        _make_event(account.pk, code, of_questions)
    with saving(account.pk, by=BY, whole_account=True) as transaction:
        mapping = save_mapping(transaction, _mapping(of_questions)).pk
        connections: dict[str, int] = {}
        for target in (target for targets in plan.flows for target in targets):
            connections[target.name] = _connect(transaction, target)
            for number in range(plan.apart):
                _connect(transaction, StageTarget(f"Unused {len(connections)}.{number + 1}", target.url))
        first, flows = next(iter(connections.values())), []
        for number, targets in enumerate(plan.flows, 1):
            to = tuple(Destination(0, t.name, connection=connections[t.name], payload_mapping=mapping, does=t.does) for t in targets)
            flows.append(_flow(transaction, f"Trial {number}", chosen, to))
        beside = (Destination(0, "Never", connection=first, payload_mapping=mapping),)
        for number in range(1, plan.filtered + 1):
            _flow(transaction, f"Filtered {number}", chosen, beside, (FilterRow("event.code", Op.IS_ANY_OF, (f"NO-{number}",)),))
        for number in range(1, plan.unselected + 1):
            _flow(transaction, f"Unselected {number}", other, beside)
        destinations = [d for row in FlowRow.objects.filter(pk__in=[f.pk for f in flows]) for d in row.body["destinations"]]
    token = create_token(account.pk, "trial", by=BY).secret
    return Staged(account.pk, token, plan.events, tuple(f.pk for f in flows), {d["name"]: d["id"] for d in destinations}, connections)


def document(event: str, code: str, version: int, **more: Any) -> dict[str, Any]:
    """A registration document (I2) that triggers. version: counted by the sender; the receiver reads it as "version"."""
    return {"event": event, "code": code, "status": STATUS, "order_code": str(version), **more}


def answers(count: int, text: str) -> dict[str, str]:
    """Answers to the first `count` questions."""
    return {_question(n).lower(): f"{text} {n}" for n in range(count)}


def _question(number: int) -> str:
    return f"Q{number + 1:02}"


def _make_event(account: int, code: str, of_questions: list[int]) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    with saving(account, by=BY) as transaction:
        live = EventStatus.objects.get(name="Live").pk
        id = events.save_event(
            transaction, EventState(code=code, name=code.title(), status=live, start=start, end=start + timedelta(days=1))
        )
    with saving(account, by=BY, events=[id]) as transaction:
        for number, tag in enumerate(of_questions):
            name = _question(number)
            event_setup.save_question(
                transaction, id, event_setup.QuestionFacts(name.lower(), f"Question {name}", QuestionType.TEXT, (), tag)
            )


def _mapping(of_questions: list[int]) -> Mapping:
    rows = {
        "code": "registration.code",
        "version": "registration.order_code",
        "event": "event.code",
        "status": "registration.status",
        "first_name": "profile.first_name",
        "last_name": "profile.last_name",
        "email": "profile.email",
        "organization": "profile.organization",
        **{_question(number).lower(): f"answer.{tag}" for number, tag in enumerate(of_questions)},
    }
    return Mapping("Trial", rows=tuple(MappingRow(name, (SourceValue(key),)) for name, key in rows.items()))


def _connect(transaction: SetupTransaction, target: StageTarget) -> int:
    fields = {"name": target.name, "auth": Auth.OPEN.value, "content_type": ContentType.JSON.value, **target.more}
    return int(save_connection(transaction, ConnectionFacts(fields, url=target.url), confirmed=True, http=True).pk)


def _flow(
    transaction: SetupTransaction, name: str, tag: int, destinations: tuple[Destination, ...], filters: tuple[FilterRow, ...] = ()
) -> FlowRow:
    flow = Flow(0, name=name, mode=Mode.LIVE, watch=Watch.REGISTRATION, statuses=(tag,), filters=filters, destinations=destinations)
    return save_flow(transaction, flow, confirmed=True)
