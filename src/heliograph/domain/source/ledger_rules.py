"""The rules of the ledger: what is a gap between a source and Heliograph, why, and what repairs it (S9).

    there and not here               missing
    here, from before its last change there    older
    deleted there, active here       only here
    recorded, and a message of a flow waits or failed    undelivered

Registrations are compared by their time of change: the newest `modified` that a source sent for one, and the one that its item had when it was
read last. A registration that only calls bring is compared with the calls that could not be recorded, one of a watched folder with refused rows. All instants are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.figures import FiguresDoNotAddUp
from heliograph.domain.source.call_documents import CallProblem


class GapKind(StrEnum):
    """What a gap is."""

    MISSING = "missing"
    """There and not here."""
    OLDER = "older"
    """Here as it was before its last change there."""
    ONLY_HERE = "only_here"
    """Not there any more, and active here."""
    UNDELIVERED = "undelivered"
    """Recorded, and a message of a flow waits or failed."""


class GapCause(StrEnum):
    """Why there is a gap."""

    REFUSED = "refused"
    """A call that holds it waits with a reason, or its row of a file was refused."""
    KEPT = "kept"
    """A call with it is stored, and not recorded yet."""
    LOST = "lost"
    """Nothing that is stored holds it: it was removed or overwritten here."""
    UNSEEN = "unseen"
    """The last comparisons did not find it at the source."""
    DELETED = "deleted"
    """It was deleted at the source."""
    WAITS = "waits"
    FAILED = "failed"
    INVALID = "invalid"


class Repair(StrEnum):
    """What one click does about a gap."""

    RUN_AGAIN = "run_again"
    """The call is recorded once more."""
    IMPORT_AGAIN = "import_again"
    """The refused rows of the file are imported once more."""
    READ = "read"
    """The item is read from the source once more."""
    SET_INACTIVE = "set_inactive"
    """The source is asked for the item once more; if it is gone, its registrations become inactive."""
    RETRY = "retry"
    """The message goes to the front of its queue."""
    NONE = ""
    """It ends by itself, or on its own page."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A registration as its source and Heliograph have it."""

    is_there: bool
    """The source listed it when all keys were compared last."""
    is_deleted: bool = False
    """The source deleted it, and it was set inactive."""
    theirs: int | None = None
    """When it was changed there, as it was read last; None if the source sends no such time."""
    is_here: bool = False
    is_active: bool = False
    ours: int | None = None
    """The newest time of change that was recorded; None if none was sent."""
    is_erased: bool = False
    """Its person was erased: nothing of it comes back (B7)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A registration of a call that waits or is stored, or of a row of a file that was refused."""

    call: int | None
    """None for a row of a file."""
    at: int
    """When the call came, or the row was refused."""
    sent: int | None
    """When the registration was changed, as the call says it, or when the call came; None if it cannot be read."""
    problems: tuple[CallProblem, ...] = ()
    is_stored: bool = False
    """The call is stored, and nobody has tried to record it yet."""
    has_time: bool = True
    """Whether `sent` is a time of change, as recorded ones are. False for a row of a file that says no time: `sent` is when the row was imported."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which gap a registration has, why, and what repairs it."""

    kind: GapKind
    cause: GapCause
    repair: Repair


def gap_of(compared: Compared, refusal: Refusal | None = None, *, has_more_stored: bool = False) -> Verdict | None:
    """The gap of a registration; None if it has none.

    refusal: the newest call with it that waits or is stored
    has_more_stored: the source has so many stored calls that not all were read; one of them may hold the registration
    """
    if compared.is_erased:
        return None
    if not compared.is_there:
        if not (compared.is_here and compared.is_active):
            return None
        return Verdict(GapKind.ONLY_HERE, GapCause.DELETED if compared.is_deleted else GapCause.UNSEEN, Repair.SET_INACTIVE)
    is_refused = refusal is not None and is_newer(refusal.sent, compared.ours)
    is_older = compared.is_here and (is_newer(compared.theirs, compared.ours) or is_refused)
    if compared.is_here and not is_older:
        return None
    kind = GapKind.OLDER if compared.is_here else GapKind.MISSING
    if refusal is not None and (is_refused or not compared.is_here):
        if refusal.is_stored:
            return Verdict(kind, GapCause.KEPT, Repair.NONE)
        return Verdict(kind, GapCause.REFUSED, Repair.IMPORT_AGAIN if refusal.call is None else Repair.RUN_AGAIN)
    if has_more_stored:
        return Verdict(kind, GapCause.KEPT, Repair.NONE)
    return Verdict(kind, GapCause.LOST, Repair.READ)


def is_newer(theirs: int | None, ours: int | None) -> bool:
    """Whether a time of change at a source is after the newest that was recorded. A source that sends none has none that is newer."""
    return theirs is not None and (ours is None or theirs > ours)


def undelivered(state: ActionState) -> Verdict | None:
    """The gap of a message in this state; None if it is delivered, replaced or on its way."""
    causes = {
        ActionState.QUEUED: GapCause.WAITS,
        ActionState.FAILED: GapCause.FAILED,
        ActionState.VALIDATION: GapCause.INVALID,
    }
    repair = Repair.NONE if state is ActionState.VALIDATION else Repair.RETRY  # a message that cannot be built is sent anew, from its page
    return Verdict(GapKind.UNDELIVERED, causes[state], repair) if state in causes else None


# --- balances


@dataclass(frozen=True, slots=True)
class SourceBalance:
    """How many registrations of an event a source has, and how many of them are here."""

    there: int | None = None
    """None: the source only calls, so it cannot be counted."""
    recorded: int = 0
    missing: int = 0
    older: int = 0
    only_here: int = 0

    def __post_init__(self) -> None:
        if self.there is not None and self.there - self.missing + self.only_here != self.recorded:
            raise FiguresDoNotAddUp(
                f"{self.there} there, {self.missing} missing and {self.only_here} only here cannot be {self.recorded} here."
            )

    @property
    def gaps(self) -> int:
        """Registrations that are missing, older, or only here."""
        return self.missing + self.older + self.only_here

    @property
    def equal(self) -> int:
        """Registrations that are here as they are there."""
        return self.recorded - self.older - self.only_here


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """How many changes of an event a flow decided in which way."""

    triggered: int = 0
    """It made messages of them."""
    filtered: int = 0
    """It decided not to send them."""
    waiting: int = 0
    """They wait for a tag, or for another try to decide."""
    failed: int = 0
    """It could not decide them."""
    erased: int = 0
    """They waited to be decided when their person was erased."""

    @property
    def looked_at(self) -> int:
        """Changes that the flow looked at."""
        return self.triggered + self.filtered + self.waiting + self.failed + self.erased


@dataclass(frozen=True, slots=True)
class FlowBalance:
    """What became of the changes of an event at a flow.

        changes = not looked at + filtered + acted on
        owed = delivered + replaced + waiting + failed + invalid + erased

    A change that a flow acts on owes a message to each of its destinations; one that is not decided yet is owed once.
    """

    changes: int = 0
    not_looked_at: int = 0
    """Changes of what the flow does not watch, and changes that were recorded while it was not Live."""
    filtered: int = 0
    """Changes that it decided not to send."""
    acted_on: int = 0
    """Changes that it sent, or has yet to decide or send."""
    owed: int = 0
    """Messages that it had to send."""
    delivered: int = 0
    replaced: int = 0
    """Messages that were not sent, because one with newer data was."""
    waiting: int = 0
    """Messages that are on their way or wait, and changes that wait to be decided."""
    failed: int = 0
    invalid: int = 0
    """Messages that could not be built."""
    erased: int = 0
    """Messages that were not sent, because their person was erased first."""

    def __post_init__(self) -> None:
        if self.not_looked_at + self.filtered + self.acted_on != self.changes:
            raise FiguresDoNotAddUp(
                f"{self.not_looked_at} not looked at, {self.filtered} filtered and {self.acted_on} acted on cannot be {self.changes} changes."
            )
        states = self.delivered + self.replaced + self.waiting + self.failed + self.invalid + self.erased
        if states != self.owed:
            raise FiguresDoNotAddUp(f"{self.owed} messages are owed, but {states} have a state.")

    @property
    def to_go(self) -> int:
        """What is owed and has not come to a good end."""
        return self.waiting + self.failed + self.invalid

    def __add__(self, other: FlowBalance) -> FlowBalance:
        return FlowBalance(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(FlowBalance)})


def flow_balance(messages: Mapping[ActionState, int], counts: ChangeCounts, *, changes: int, erased: int = 0) -> FlowBalance:
    """The balance of a flow.

    messages: how many messages have each state
    changes: of the event, on which a Live flow could act
    erased: how many of the failed messages ended because their person was erased
    """
    undecided = counts.waiting + counts.failed + counts.erased
    return FlowBalance(
        changes=changes,
        not_looked_at=changes - counts.looked_at,
        filtered=counts.filtered,
        acted_on=counts.triggered + undecided,
        owed=sum(messages.values()) + undecided,
        delivered=messages.get(ActionState.SUCCESS, 0),
        replaced=messages.get(ActionState.SUPERSEDED, 0),
        waiting=messages.get(ActionState.PENDING, 0) + messages.get(ActionState.QUEUED, 0) + counts.waiting,
        failed=messages.get(ActionState.FAILED, 0) - erased + counts.failed,
        invalid=messages.get(ActionState.VALIDATION, 0),
        erased=erased + counts.erased,
    )


def total_of(balances: Iterable[FlowBalance]) -> FlowBalance:
    """The sum of balances."""
    return sum(balances, FlowBalance())
