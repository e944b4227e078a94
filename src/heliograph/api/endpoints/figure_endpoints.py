"""The figures of Account Insights and of each integration, and the records behind them (guide: Account Insights; X1-X3)."""

from __future__ import annotations

from typing import ClassVar, Final

from dmr import Path, Query
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.figure_documents import FigureDocument, IntegrationDocument, ReasonsOfFailures
from heliograph.api.documents.record_documents import RecordDocument, RecordItems, RecordQuery, record_filter_of
from heliograph.api.documents.scope_documents import FigureQuery, scope_of
from heliograph.api.documents.shared_forms import Document
from heliograph.api.list_answers import Items, all_of, items_of
from heliograph.api.token_access import READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.insights.failure_reasons import failure_reasons
from heliograph.insights.integrations import integrations_of
from heliograph.insights.record_kinds import RecordKind
from heliograph.insights.record_list import record_list
from heliograph.insights.records import PARTS
from heliograph.insights.replay_share import ReplayShare


class KindPath(Document):
    """The address of a list of records."""

    kind: RecordKind


class Figures(ApiController):
    """The figures of a period."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[FigureQuery]) -> FigureDocument:
        """Read every number of a period, each with the address of the records that it counts."""
        with account_reader(self.account.pk, snapshot=True) as reader:
            return FigureDocument.read(reader, scope_of(reader, self.account, parsed_query, ReplayShare(parsed_query.replays)))


class FigureReasons(ApiController):
    """The reasons for failures."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[FigureQuery]) -> ReasonsOfFailures:
        """List the reasons for which actions of a period failed, with their cures."""
        with account_reader(self.account.pk, snapshot=True) as reader:
            scope = scope_of(reader, self.account, parsed_query, ReplayShare(parsed_query.replays))
            reasons, are_all = failure_reasons(reader, scope.window, scope.mode, scope.replays)
        return ReasonsOfFailures.from_reasons(reasons, scope, are_all=are_all)


class RecordsOfKind(ApiController):
    """The lists of records behind the figures."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[KindPath], parsed_query: Query[RecordQuery]) -> RecordItems:
        """List the records that a figure counts, or those of them that match further filters."""
        kind = parsed_path.kind
        with account_reader(self.account.pk, snapshot=True) as reader:
            scope = scope_of(reader, self.account, parsed_query, ReplayShare.ALL)
            record_filter = record_filter_of(parsed_query, kind, scope)
            cursor = parsed_query.cursor_of(*PARTS)
            listed = record_list(reader, record_filter, parsed_query.sort, scope, cursor, size=parsed_query.limit)
            documents = [RecordDocument.from_record(record, kind.row_kind, reader) for record in listed.page.rows]
        page = items_of(self.request, listed.page.with_rows(documents), lambda document: document)
        return RecordItems.from_list(listed, page.items, page.next)


class Integrations(ApiController):
    """The integrations."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self) -> Items[IntegrationDocument]:
        """List the integrations that the account's flows deliver by, each with the address of its figures."""
        with account_reader(self.account.pk) as reader:
            return all_of(integrations_of(reader.config), IntegrationDocument.from_integration)


ROUTES: Final = [
    path("figures", Figures.as_view()),
    path("figures/reasons", FigureReasons.as_view()),
    path("integrations", Integrations.as_view()),
    path("records/<str:kind>", RecordsOfKind.as_view()),
]
