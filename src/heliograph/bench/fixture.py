"""The account of a scenario: an event with questions and custom fields, a mapping, connections to the receiver, and flows, few of which
trigger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from heliograph.accounts.tokens import create_token
from heliograph.bench.work import CUSTOM, EVENT, QUESTIONS
from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import FixedText, Mapping, MappingRow, SourceValue, ValueType
from heliograph.domain.mapping.transform import Case
from heliograph.domain.setup.configuration import EventState, QuestionType
from heliograph.domain.setup.tags import TagKind
from heliograph.flows.services.flows import save_flow
from heliograph.flows.services.rules import MOST_DESTINATIONS
from heliograph.mappings.services import save_mapping
from heliograph.setup.models import EventStatus, RegistrationStatus, SessionStatus
from heliograph.setup.services import custom_fields, event_setup, events, object_tags, tags
from heliograph.setup.services.create_account import AccountFacts, create_account
from heliograph.setup.services.save import saving
from heliograph.setup.services.transaction import SetupTransaction

BY: Final = "bench"
SLOW: Final = "slow"
"""The position whose registrations go to the slow targets."""


@dataclass(frozen=True, slots=True)
class FixtureSize:
    """The size of an account to create. matching: flows that trigger on each change, each with a destination; flows: all flows; slow: URLs
    of further targets, which get few registrations, or all of them if `all_hear` is set."""

    code: str
    receiver: str
    flows: int = 10
    matching: int = 1
    slow: tuple[str, ...] = ()
    all_hear: bool = False


@dataclass(frozen=True, slots=True)
class Fixture:
    """A created account. connections: of the flows that trigger; slow: of the slow targets."""

    account: int
    token: str
    connections: tuple[int, ...]
    slow: tuple[int, ...] = ()

    @property
    def silent(self) -> Fixture:
        """The same account without waiting for deliveries."""
        return Fixture(self.account, self.token, ())


def make(size: FixtureSize) -> Fixture:
    """Creates the account and its contents, through the services that the pages use."""
    account = create_account(AccountFacts(size.code, f"Bench {size.code}"), by=BY).pk
    with saving(account, by=BY, whole_account=True) as transaction:
        chosen, other = (
            tags.save_tag(transaction, tags.TagFacts(name, frozenset({TagKind.REGISTRATION_STATUS, TagKind.SESSION_STATUS}))).pk
            for name in ("Registered", "Other")
        )
        for status in RegistrationStatus.objects.filter(event=None):
            wears = chosen if status.name in ("Pre-Registered", "Attended") else other
            object_tags.set_tags(transaction, TagKind.REGISTRATION_STATUS, status.pk, [wears])
        for of_session in SessionStatus.objects.all():
            object_tags.set_tags(transaction, TagKind.SESSION_STATUS, of_session.pk, [chosen])
        custom = [custom_fields.save_field(transaction, custom_fields.FieldFacts("profile", name, name.capitalize())).pk for name in CUSTOM]
        questions = [tags.save_tag(transaction, tags.TagFacts(name, frozenset({TagKind.QUESTION}))).pk for name in QUESTIONS]
    _make_event(account, questions)
    with saving(account, by=BY, whole_account=True) as transaction:
        mapping = save_mapping(transaction, _mapping(custom, questions)).pk
        urls = [f"{size.receiver}/d/{n}" for n in range(1, size.matching + 1)]
        connections = [_connect(transaction, f"Target {n}", url) for n, url in enumerate(urls, 1)]
        slow = [_connect(transaction, f"Slow target {n}", url) for n, url in enumerate(size.slow, 1)]
        for n, connection in enumerate(connections, 1):
            _flow(transaction, f"Matches {n}", (chosen,), [connection], mapping)
        for n in range(size.flows - size.matching):
            _idle_flow(transaction, n, (chosen, other), connections[:1], mapping)
        for n in range(0, len(slow), MOST_DESTINATIONS):
            rows = () if size.all_hear else (FilterRow("profile.position", Op.IS_ANY_OF, (SLOW,)),)
            _flow(transaction, f"Slow {n}", (chosen,), slow[n : n + MOST_DESTINATIONS], mapping, filters=rows)
    token = create_token(account, "bench", by=BY).secret
    return Fixture(account, token, tuple(connections), tuple(slow))


def _make_event(account: int, questions: list[int]) -> None:
    start = datetime(2030, 5, 2, 9, tzinfo=UTC)
    with saving(account, by=BY) as transaction:
        live = EventStatus.objects.get(name="Live").pk
        event = events.save_event(
            transaction, EventState(EVENT, "Annual Summit", live, start, start.replace(hour=18), "Europe/Stockholm", "Stockholm")
        )
    with saving(account, by=BY, events=[event]) as transaction:
        event_setup.save_type(transaction, event, event_setup.TypeFacts("speaker", "Speaker"))
        for name, tag in zip(QUESTIONS, questions, strict=True):
            event_setup.save_question(transaction, event, event_setup.QuestionFacts(name, name.capitalize(), QuestionType.TEXT, (), tag))


def _mapping(custom: list[int], questions: list[int]) -> Mapping:
    """A mapping like a CRM's for a registrant, about 700 bytes. The change's number comes first, where the receiver reads it."""
    return Mapping(
        "CRM",
        rows=(
            MappingRow("change", (SourceValue("macro.change_id"),), ValueType.NUMBER),
            MappingRow("ExternalId", (SourceValue("profile.external_key"),), required=True),
            MappingRow("FirstName", (SourceValue("profile.first_name"),), trim=True),
            MappingRow("LastName", (SourceValue("profile.last_name"),), trim=True),
            MappingRow("Email", (SourceValue("profile.email"),), trim=True, case=Case.LOWER, required=True),
            MappingRow("Phone", (SourceValue("profile.phone"),)),
            MappingRow("Company", (SourceValue("profile.organization"),)),
            MappingRow("Title", (SourceValue("profile.position"), FixedText(" @ "), SourceValue("profile.organization"))),
            MappingRow("City", (SourceValue("profile.city"),), case=Case.UPPER),
            MappingRow("Country", (SourceValue("profile.country"),)),
            MappingRow("Status", (SourceValue("registration.status"),)),
            MappingRow("Type", (SourceValue("registration.attendee_type"),)),
            MappingRow("Event", (SourceValue("event.name"),)),
            MappingRow("Start", (SourceValue("event.start"),)),
            MappingRow("Complete", (SourceValue("property.-1"),), ValueType.BOOLEAN),
            MappingRow("Modified", (SourceValue("registration.modified"),)),
            MappingRow("Custom", (SourceValue(f"profile.custom.{custom[0]}"),)),
            MappingRow("Answer", (SourceValue(f"answer.{questions[0]}"),)),
        ),
    )


def _connect(transaction: SetupTransaction, name: str, url: str) -> int:
    row = save_connection(
        transaction,
        ConnectionFacts({"name": name, "auth": "Open / No Auth", "content_type": "application/json"}, url=url),
        confirmed=True,
        http=True,
    )
    return int(row.pk)


def _flow(
    transaction: SetupTransaction,
    name: str,
    statuses: tuple[int, ...],
    connections: Sequence[int],
    mapping: int,
    *,
    watch: Watch = Watch.REGISTRATION,
    mode: Mode = Mode.LIVE,
    filters: tuple[FilterRow, ...] = (),
) -> None:
    lists = {"session_statuses": statuses} if watch is Watch.SESSION_STATUS else {"statuses": statuses}
    to = tuple(Destination(0, f"CRM {n}", connection=connection, payload_mapping=mapping) for n, connection in enumerate(connections, 1))
    save_flow(transaction, Flow(0, name=name, mode=mode, watch=watch, filters=filters, destinations=to, **lists), confirmed=True)  # type: ignore[arg-type]


def _idle_flow(transaction: SetupTransaction, n: int, known: tuple[int, int], connections: Sequence[int], mapping: int) -> None:
    """A flow that does not trigger, of the kinds that accounts have: for another event, for people who do not exist, in Test, for sessions;
    and one in a hundred that watches another tag, so that each change is stored as not triggered for it."""
    chosen, other = known
    name = f"Passes by {n}"
    if n % 100 == 0:
        _flow(transaction, name, (other,), connections, mapping)
    elif n % 5 == 1:
        _flow(transaction, name, (chosen,), connections, mapping, mode=Mode.TEST)
    elif n % 5 == 2:
        _flow(transaction, name, (chosen,), connections, mapping, watch=Watch.SESSION_STATUS)
    elif n % 5 == 3:
        row = FilterRow("profile.country", Op.IS_ANY_OF, (f"Country {n}",))
        _flow(transaction, name, (chosen,), connections, mapping, filters=(row,))
    else:
        row = FilterRow("event.code", Op.IS_ANY_OF, (f"EVENT-{n}",))
        _flow(transaction, name, (chosen,), connections, mapping, filters=(row,))
