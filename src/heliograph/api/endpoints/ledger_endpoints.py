"""The ledger: what sources have, what is here, and what flows made of it (S9)."""

from __future__ import annotations

from typing import ClassVar, Final

from dmr import Query
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.ledger_documents import GapDocument, GapQuery, LedgerFlowDocument, LedgerFlowQuery, LedgerRowDocument
from heliograph.api.documents.shared_forms import number_of
from heliograph.api.list_answers import Items, all_of, items_of
from heliograph.api.token_access import READ
from heliograph.setup.setup_errors import NotThere
from heliograph.sources.source_ledger import GapFilter, gap_page, ledger_of
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


ROUTES: Final = [
    path("ledger", Ledger.as_view()),
    path("ledger/flows", LedgerFlows.as_view()),
    path("ledger/gaps", LedgerGaps.as_view()),
]
