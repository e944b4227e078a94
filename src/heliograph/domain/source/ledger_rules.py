"""The rules of the ledger: what is a gap between a source and Heliograph, why, and what repairs it (S9).

    there and not here               missing
    here, from before its last change there    older
    deleted there, active here       only here
    recorded, and a message of a flow waits or failed    undelivered

Registrations are compared by their time of change: the newest `modified` that a source sent for one, and the one that its item had when it was
read last. A registration that only calls bring is compared with the calls that could not be recorded. All instants are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    """A call that holds it waits with a reason."""
    KEPT = "kept"
    """A call of the source is stored, and not recorded yet."""
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
    READ = "read"
    """The item is read from the source once more."""
    SET_INACTIVE = "set_inactive"
    """The source is asked for the item once more; if it is gone, its registrations become inactive."""
    RETRY = "retry"
    """The message goes to the front of its queue."""
    NONE = ""
    """It ends by itself."""


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
    """A registration of a call that waits."""

    call: int
    at: int
    """When the call came."""
    sent: int | None
    """When the registration was changed, as the call says it, or when the call came; None if it cannot be read."""
    problems: tuple[CallProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which gap a registration has, why, and what repairs it."""

    kind: GapKind
    cause: GapCause
    repair: Repair


def gap_of(compared: Compared, refusal: Refusal | None = None, *, has_kept: bool = False) -> Verdict | None:
    """The gap of a registration; None if it has none.

    refusal: the newest call that waits with it
    has_kept: calls of the source are stored, and not recorded yet
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
        return Verdict(kind, GapCause.REFUSED, Repair.RUN_AGAIN)
    if has_kept:
        return Verdict(kind, GapCause.KEPT, Repair.NONE)
    return Verdict(kind, GapCause.LOST, Repair.READ)


def is_newer(theirs: int | None, ours: int | None) -> bool:
    """Whether a time of change at a source is after the newest that was recorded. A source that sends none has none that is newer."""
    return theirs is not None and (ours is None or theirs > ours)


def undelivered(state: ActionState | None) -> Verdict | None:
    """The gap of a message in this state, None for a run that waits to be decided; None if it is delivered, replaced or on its way."""
    causes = {None: GapCause.WAITS, ActionState.QUEUED: GapCause.WAITS, ActionState.FAILED: GapCause.FAILED}
    causes[ActionState.VALIDATION] = GapCause.INVALID
    return Verdict(GapKind.UNDELIVERED, causes[state], Repair.RETRY) if state in causes else None


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
class FlowBalance:
    """What a flow made of the changes that it looked at: looked at = filtered + owed; owed = delivered + replaced + waiting + failed + invalid."""

    filtered: int = 0
    """Changes that it decided not to send."""
    owed: int = 0
    """Messages that it has to send."""
    delivered: int = 0
    replaced: int = 0
    """Messages that were not sent, because one with newer data was."""
    waiting: int = 0
    """Messages that are on their way or wait, and changes that wait for a tag."""
    failed: int = 0
    invalid: int = 0
    """Messages that could not be built."""

    def __post_init__(self) -> None:
        states = self.delivered + self.replaced + self.waiting + self.failed + self.invalid
        if states != self.owed:
            raise FiguresDoNotAddUp(f"{self.owed} messages are owed, but {states} have a state.")

    @property
    def looked_at(self) -> int:
        """Changes that it filtered out, and messages that it owes."""
        return self.filtered + self.owed

    @property
    def to_go(self) -> int:
        """What is owed and neither delivered nor replaced."""
        return self.waiting + self.failed + self.invalid

    def __add__(self, other: FlowBalance) -> FlowBalance:
        return FlowBalance(
            self.filtered + other.filtered,
            self.owed + other.owed,
            self.delivered + other.delivered,
            self.replaced + other.replaced,
            self.waiting + other.waiting,
            self.failed + other.failed,
            self.invalid + other.invalid,
        )


def flow_balance(messages: Mapping[ActionState, int], *, filtered: int, undecided: int) -> FlowBalance:
    """The balance of a flow.

    messages: how many messages have each state
    undecided: changes that wait for a tag, or for another try to decide
    """
    return FlowBalance(
        filtered=filtered,
        owed=sum(messages.values()) + undecided,
        delivered=messages.get(ActionState.SUCCESS, 0),
        replaced=messages.get(ActionState.SUPERSEDED, 0),
        waiting=messages.get(ActionState.PENDING, 0) + messages.get(ActionState.QUEUED, 0) + undecided,
        failed=messages.get(ActionState.FAILED, 0),
        invalid=messages.get(ActionState.VALIDATION, 0),
    )


def total_of(balances: Iterable[FlowBalance]) -> FlowBalance:
    """The sum of balances."""
    return sum(balances, FlowBalance())
