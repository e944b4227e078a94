"""The ledger: what sources have, what is here, and what flows made of it (S9)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from dmr import Body, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.ledger_documents import (
    ComparedSources,
    GapDocument,
    GapQuery,
    LedgerComparison,
    LedgerFlowDocument,
    LedgerFlowQuery,
    LedgerRepaired,
    LedgerRepairs,
    LedgerRowDocument,
    LeftOut,
    LeftOutGaps,
)
from heliograph.api.documents.shared_forms import number_of
from heliograph.api.list_answers import Items, all_of, items_of
from heliograph.api.token_access import ADMINISTER, READ
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.services import ledger_repairs
from heliograph.sources.source_ledger import GapFilter, filtered_gaps, gap_page, ledger_of
from heliograph.store.django_database import read_database


class Ledger(ApiController):
    """The ledger of the account."""

    access: ClassVar = {"GET": READ}

    def get(self) -> Items[LedgerRowDocument]:
        """List each source and event, with how many registrations are at the source and how many here."""
        with read_database() as db:
            return all_of(ledger_of(db, self.account.pk).rows, LedgerRowDocument.from_row)


class LedgerFlows(ApiController):
    """What flows made of changes."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[LedgerFlowQuery]) -> Items[LedgerFlowDocument]:
        """List what each Live flow made of the changes of an event in the last 30 days."""
        with read_database() as db:
            ledger = ledger_of(db, self.account.pk)
            if parsed_query.event not in ledger.event_ids:
                raise NotThere(f"There is no event {parsed_query.event!r} here.")
            flows = ledger.flows(ledger.event_ids[parsed_query.event])
        return all_of(sorted(flows.items()), lambda each: LedgerFlowDocument.from_balance(*each))


class LedgerGaps(ApiController):
    """The gaps of the ledger."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[GapQuery]) -> Items[GapDocument]:
        """List registrations that are not as they should be, and messages that are not delivered, each with its reason and repair. At most 2,000 of each
        source, and 2,000 messages, are listed."""
        source = None if parsed_query.source is None else number_of(parsed_query.source)
        gap_filter = GapFilter(parsed_query.event, source, parsed_query.kind)
        with read_database() as db:
            page = gap_page(ledger_of(db, self.account.pk), gap_filter, parsed_query.cursor_of(int, int, int, int), size=parsed_query.limit)
        return items_of(self.request, page, GapDocument.from_gap)


class LedgerRepairing(ApiController):
    """Repairing gaps."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[LedgerRepairs]) -> LedgerRepaired:
        """Repair gaps, each as its `repair` says: its call runs again, its item is read again, the refused rows of its file are imported again, it is made sure that it is gone, or its message is submitted."""
        if parsed_body.gaps is None and parsed_body.kind is None:
            raise Invalid({"kind": ["Name the gaps, or their kind."]})
        source = None if parsed_body.source is None else number_of(parsed_body.source)
        with read_database() as db:
            gaps = filtered_gaps(ledger_of(db, self.account.pk), GapFilter(parsed_body.event, source, parsed_body.kind))
        keys = None if parsed_body.gaps is None else set(parsed_body.gaps)
        done = ledger_repairs.repair(self.account.pk, [gap for gap in gaps if keys is None or gap.key in keys], by=self.actor)
        return LedgerRepaired(begun=done.begun, not_begun=done.not_begun, refused=done.refused)


class LedgerLeavingOut(ApiController):
    """Leaving out refused rows."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[LeftOutGaps]) -> LeftOut:
        """Leave out refused rows of watched folders: they are no gaps any more. Other gaps stay."""
        keys = set(parsed_body.gaps)
        with read_database() as db:
            gaps = [gap for gap in ledger_of(db, self.account.pk).gaps if gap.key in keys]
        return LeftOut(left_out=ledger_repairs.leave_out(self.account.pk, gaps, by=self.actor))


class LedgerComparing(ApiController):
    """Comparing sources now."""

    access: ClassVar = {"POST": ADMINISTER}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[LedgerComparison]) -> ComparedSources:
        """Compare the sources of an event now, by all keys of each source that is read. Sources that only call are always compared."""
        return ComparedSources(sources=ledger_repairs.compare_event(self.account.pk, parsed_body.event, by=self.actor))


ROUTES: Final = [
    path("ledger", Ledger.as_view()),
    path("ledger/flows", LedgerFlows.as_view()),
    path("ledger/gaps", LedgerGaps.as_view()),
    path("ledger/repairs", LedgerRepairing.as_view()),
    path("ledger/left-out", LedgerLeavingOut.as_view()),
    path("ledger/comparison", LedgerComparing.as_view()),
]
