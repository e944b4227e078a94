"""The account of a scenario: an event with questions and custom fields, a mapping, connections to the receiver, and flows, few of which
trigger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.accounts.api_tokens import create_token
from heliograph.bench.work import CUSTOM, EVENT, QUESTIONS
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import FixedText, Mapping, MappingRow, SourceValue, ValueType
from heliograph.domain.mapping.transform import Case
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import save_flow
from heliograph.flows.services.rules import MOST_DESTINATIONS
from heliograph.mappings.services import save_mapping
from heliograph.setup.services.account_creation import AccountFacts
from heliograph.setup.services.custom_fields import FieldFacts
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.stage.account import AccountPlan, EventPlan, QuestionPlan, connect, make_account

BY: Final = "bench"
SLOW: Final = "slow"
"""The position whose registrations go to the slow targets."""
_HOURS: Final = ("2030-05-02T11:00", "2030-05-02T20:00")


@dataclass(frozen=True, slots=True)
class FixtureSize:
    """The size of an account to create."""

    code: str
    receiver: str
    flows: int = 10
    """The number of all flows."""
    matching: int = 1
    """The number of flows that trigger on each change, each with a destination."""
    slow: tuple[str, ...] = ()
    """URLs of further targets, which get few registrations, or all of them if `all_hear` is set."""
    all_hear: bool = False


@dataclass(frozen=True, slots=True)
class Fixture:
    """A created account."""

    account: int
    token: str
    connections: tuple[int, ...]
    """The connections of the flows that trigger."""
    slow: tuple[int, ...] = ()
    """The connections of the slow targets."""

    @property
    def silent(self) -> Fixture:
        """The same account without waiting for deliveries."""
        return Fixture(self.account, self.token, ())


def make(size: FixtureSize) -> Fixture:
    """Creates the account and its contents, through the services that the pages use."""
    kinds = (TagKind.REGISTRATION_STATUS, TagKind.SESSION_STATUS)
    questions = tuple(QuestionPlan(name, name.capitalize(), name) for name in QUESTIONS)
    made = make_account(
        AccountPlan(
            AccountFacts(size.code, f"Bench {size.code}"),
            tags={"Registered": kinds, "Other": kinds, **dict.fromkeys(QUESTIONS, (TagKind.QUESTION,))},
            events=[EventPlan(EVENT, "Annual Summit", *_HOURS, "Europe/Stockholm", "Stockholm", ("Speaker",), questions)],
            status_tag=lambda name: "Registered" if name in ("Pre-Registered", "Attended") else "Other",
            session_tag=lambda _: "Registered",
            custom_fields=[FieldFacts("profile", name, name.capitalize()) for name in CUSTOM],
        ),
        BY,
    )
    account, chosen, other = made.id, made.tags["Registered"], made.tags["Other"]
    with saving(account, by=BY, whole_account=True) as transaction:
        mapping = save_mapping(transaction, _mapping(made.custom_fields[CUSTOM[0]], made.tags[QUESTIONS[0]])).pk
        urls = [f"{size.receiver}/d/{number}" for number in range(1, size.matching + 1)]
        connections = [connect(transaction, f"Target {number}", url) for number, url in enumerate(urls, 1)]
        slow = [connect(transaction, f"Slow target {number}", url) for number, url in enumerate(size.slow, 1)]
        for number, connection in enumerate(connections, 1):
            _flow(transaction, f"Matches {number}", (chosen,), [connection], mapping)
        for number in range(size.flows - size.matching):
            _idle_flow(transaction, number, (chosen, other), connections[:1], mapping)
        for first in range(0, len(slow), MOST_DESTINATIONS):
            rows = () if size.all_hear else (FilterRow("profile.position", Op.IS_ANY_OF, (SLOW,)),)
            _flow(transaction, f"Slow {first}", (chosen,), slow[first : first + MOST_DESTINATIONS], mapping, filters=rows)
    token = create_token(account, "bench", by=BY).secret
    return Fixture(account, token, tuple(connections), tuple(slow))


def _mapping(custom: int, question: int) -> Mapping:
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
            MappingRow("Custom", (SourceValue(f"profile.custom.{custom}"),)),
            MappingRow("Answer", (SourceValue(f"answer.{question}"),)),
        ),
    )


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


def _idle_flow(transaction: SetupTransaction, number: int, known: tuple[int, int], connections: Sequence[int], mapping: int) -> None:
    """A flow that does not trigger, of the kinds that accounts have: for another event, for people who do not exist, in Test, for sessions;
    and one in a hundred that watches another tag, so that each change is stored as not triggered for it."""
    chosen, other = known
    name = f"Passes by {number}"
    if number % 100 == 0:
        _flow(transaction, name, (other,), connections, mapping)
    elif number % 5 == 1:
        _flow(transaction, name, (chosen,), connections, mapping, mode=Mode.TEST)
    elif number % 5 == 2:
        _flow(transaction, name, (chosen,), connections, mapping, watch=Watch.SESSION_STATUS)
    elif number % 5 == 3:
        row = FilterRow("profile.country", Op.IS_ANY_OF, (f"Country {number}",))
        _flow(transaction, name, (chosen,), connections, mapping, filters=(row,))
    else:
        row = FilterRow("event.code", Op.IS_ANY_OF, (f"EVENT-{number}",))
        _flow(transaction, name, (chosen,), connections, mapping, filters=(row,))
