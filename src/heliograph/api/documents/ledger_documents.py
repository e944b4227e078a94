"""The ledger as JSON (S9)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from heliograph.api.documents.shared_forms import Document, Id
from heliograph.api.list_answers import ListQuery
from heliograph.domain.source.call_documents import CallProblem
from heliograph.domain.source.ledger_rules import FlowBalance, GapCause, GapKind, Repair
from heliograph.sources.ledger_gaps import Gap
from heliograph.sources.source_ledger import LedgerRow
from heliograph.store.instants import from_micros

EventCode = Annotated[str, msgspec.Meta(max_length=200)]


class LedgerRowDocument(Document):
    """A source and an event: how many registrations are there, and how many here."""

    source: Id
    event: Annotated[str, msgspec.Meta(description="Its code; empty for calls in which it cannot be read.")]
    there: Annotated[
        int | None,
        msgspec.Meta(description="Registrations at the source; null: it only calls, or is a watched folder, and cannot be counted."),
    ]
    recorded: int
    missing: Annotated[int, msgspec.Meta(description="There and not here.")]
    older: Annotated[int, msgspec.Meta(description="Here as they were before their last change there.")]
    only_here: Annotated[int, msgspec.Meta(description="Not there any more, and active here.")]
    is_more: Annotated[
        bool, msgspec.Meta(description="There may be more than `missing` and `older`: not all calls of the source were read.")
    ]

    @classmethod
    def from_row(cls, row: LedgerRow) -> LedgerRowDocument:
        """The document of a row."""
        balance = row.balance
        return cls(
            source=str(row.source.pk),
            event=row.event,
            there=balance.there,
            recorded=balance.recorded,
            missing=balance.missing,
            older=balance.older,
            only_here=balance.only_here,
            is_more=row.is_more,
        )


class LedgerFlowDocument(Document):
    """What became of the changes of an event in the last 30 days at a Live flow.

    changes = not_looked_at + filtered + acted_on; owed = delivered + replaced + waiting + failed + invalid + erased.
    """

    flow: Id
    changes: Annotated[
        int, msgspec.Meta(description="Changes of the event; those that were recorded quietly and those of tests are left out.")
    ]
    not_looked_at: Annotated[
        int, msgspec.Meta(description="Changes of what the flow does not watch, and changes that were recorded while it was not Live.")
    ]
    filtered: Annotated[int, msgspec.Meta(description="Changes that it decided not to send.")]
    acted_on: Annotated[int, msgspec.Meta(description="Changes that it sent, or has yet to decide or send.")]
    owed: Annotated[int, msgspec.Meta(description="Messages that it had to send, one for each destination of a change.")]
    delivered: int
    replaced: Annotated[int, msgspec.Meta(description="Messages that were not sent, because one with newer data was.")]
    waiting: int
    failed: int
    invalid: Annotated[int, msgspec.Meta(description="Messages that could not be built.")]
    erased: Annotated[int, msgspec.Meta(description="Messages that were not sent, because their person was erased first.")]

    @classmethod
    def from_balance(cls, flow: int, balance: FlowBalance) -> LedgerFlowDocument:
        """The document of a flow's balance."""
        return cls(
            flow=str(flow),
            changes=balance.changes,
            not_looked_at=balance.not_looked_at,
            filtered=balance.filtered,
            acted_on=balance.acted_on,
            owed=balance.owed,
            delivered=balance.delivered,
            replaced=balance.replaced,
            waiting=balance.waiting,
            failed=balance.failed,
            invalid=balance.invalid,
            erased=balance.erased,
        )


class ReasonDocument(Document):
    """Why a registration could not be recorded."""

    field: Annotated[
        str,
        msgspec.Meta(description="Of the registration document, or the column of the file; empty for the call or the row itself."),
    ]
    reason: str
    cure: str

    @classmethod
    def from_problem(cls, problem: CallProblem, *, in_file: bool) -> ReasonDocument:
        """The document of a problem, of a row of a file or of a call."""
        return cls(field=problem.path if in_file else problem.target, reason=problem.reason, cure=problem.cure)


class GapDocument(Document):
    """A registration that is not as it should be, or a message that is not delivered."""

    gap: Annotated[str, msgspec.Meta(description="Names the gap.")]
    kind: GapKind
    cause: GapCause
    repair: Annotated[
        Repair, msgspec.Meta(description="What its repair does; empty: it ends automatically, or a person has to look at it.")
    ]
    source: Annotated[Id | None, msgspec.Meta(description="Null for a message.")]
    event: str
    code: Annotated[str, msgspec.Meta(description="Of the registration; empty if it cannot be read.")]
    call: Annotated[Id | None, msgspec.Meta(description="The call that waits with it.")]
    file: Annotated[str, msgspec.Meta(description="The file of a watched folder that has the refused row; empty for other gaps.")]
    line: Annotated[int | None, msgspec.Meta(description="The row's line in that file; null for other gaps, and for a whole file.")]
    flow: Annotated[Id | None, msgspec.Meta(description="Of a message.")]
    reasons: list[ReasonDocument]
    changed_there: datetime | None
    changed_here: Annotated[datetime | None, msgspec.Meta(description="The newest time of change that was recorded.")]

    @classmethod
    def from_gap(cls, gap: Gap) -> GapDocument:
        """The document of a gap. The values in its reasons are left out: they may be a person's."""
        return cls(
            gap=gap.key,
            kind=gap.verdict.kind,
            cause=gap.verdict.cause,
            repair=gap.verdict.repair,
            source=None if gap.source is None else str(gap.source),
            event=gap.event,
            code=gap.code,
            call=None if gap.call is None else str(gap.call),
            file=gap.place_in_file.file if gap.place_in_file else "",
            line=gap.place_in_file.line or None if gap.place_in_file else None,
            flow=None if gap.flow is None else str(gap.flow),
            reasons=[ReasonDocument.from_problem(each, in_file=gap.place_in_file is not None) for each in gap.problems],
            changed_there=None if gap.theirs is None else from_micros(gap.theirs),
            changed_here=None if gap.ours is None else from_micros(gap.ours),
        )


class GapQuery(ListQuery):
    """The parameters of the list of gaps."""

    event: Annotated[EventCode | None, msgspec.Meta(description="The code of an event.")] = None
    source: Annotated[Id | None, msgspec.Meta(description="A source.")] = None
    kind: Annotated[GapKind | None, msgspec.Meta(description="Only gaps of this kind.")] = None


class LedgerFlowQuery(Document):
    """The parameters of the flows of the ledger."""

    event: Annotated[EventCode, msgspec.Meta(description="The code of the event.")]


class LedgerRepairs(Document):
    """The gaps to repair: those that are named, or all that fit the other members."""

    gaps: Annotated[
        Annotated[list[Annotated[str, msgspec.Meta(max_length=60)]], msgspec.Meta(max_length=1_000)] | None,
        msgspec.Meta(description="As `gap` of `ledger/gaps`; null: all that fit."),
    ] = None
    event: Annotated[EventCode | None, msgspec.Meta(description="The code of an event.")] = None
    source: Annotated[Id | None, msgspec.Meta(description="A source.")] = None
    kind: Annotated[GapKind | None, msgspec.Meta(description="Only gaps of this kind. Needed unless `gaps` names them.")] = None


class LedgerRepaired(Document):
    """What became of a repair."""

    begun: Annotated[int, msgspec.Meta(description="Gaps whose repair has begun; a source or a worker ends it.")]
    not_begun: Annotated[int, msgspec.Meta(description="Gaps that end automatically, and messages that cannot be submitted.")]
    refused: Annotated[str, msgspec.Meta(description="Why a source repairs nothing now; empty if all do.")]


class LeftOutGaps(Document):
    """Refused rows of watched folders that are left out."""

    gaps: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=60)]], msgspec.Meta(max_length=1_000, description="As `gap` of `ledger/gaps`.")
    ]


class LeftOut(Document):
    """How many refused rows were left out."""

    left_out: int


class LedgerComparison(Document):
    """The event whose sources are compared."""

    event: EventCode


class ComparedSources(Document):
    """How many sources are being compared."""

    sources: int
