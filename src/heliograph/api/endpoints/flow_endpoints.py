"""Flows (guide: Setting Up Flows; F1-F10)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.flow_documents import CopiedFlow, FlowChange, FlowDocument, FlowEffects, ListedFlow, NewFlow, WarningDocument
from heliograph.api.documents.shared_forms import Confirmation, Document, Id, number_of, numbers_of
from heliograph.api.list_answers import Items, ListQuery, all_of, items_of
from heliograph.api.token_access import READ, READ_SET_UP, SET_UP
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.flow_list import FlowList, FlowListFilter
from heliograph.flows.flow_warnings import flow_warnings
from heliograph.flows.models import Flow as StoredFlow
from heliograph.flows.services.flows import copy_flow, delete_flow, save_flow
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import NotThere
from heliograph.store.django_database import read_database
from heliograph.web.list_filters import LONGEST_FILTER


class FlowQuery(ListQuery):
    """The parameters of the list of flows."""

    q: Annotated[
        str, msgspec.Meta(max_length=LONGEST_FILTER, description="Words of the name or the sentence: tags, events, connections.")
    ] = ""
    connection: Annotated[Id | None, msgspec.Meta(description="Only flows that send over this connection.")] = None
    mode: Mode | None = None
    status: Literal["complete", "incomplete"] | None = None

    @property
    def filters(self) -> FlowListFilter:
        """The filters, as the list takes them. Raises Problem (400)."""
        connection = None if self.connection is None else numbers_of("connection", [self.connection])[0]
        return FlowListFilter(self.q.strip(), connection, self.mode, None if self.status is None else self.status == "complete")


class FlowPath(Document):
    """The address of a flow."""

    flow: Id


class Flows(ApiController):
    """The flows of the account."""

    access: ClassVar = {"GET": READ, "POST": SET_UP}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[FlowQuery]) -> Items[ListedFlow]:
        """List the flows by name, each with what it lacks and its figures."""
        with read_database() as db:
            flows = FlowList(db, self.account.pk)
            page = flows.page(parsed_query.filters, parsed_query.cursor_of(str, int), size=parsed_query.limit)
        names = sentence.SentenceNames.from_config(flows.config)
        return items_of(self.request, page, lambda row: ListedFlow.from_listed(row, flows.config, names))

    def post(self, parsed_body: Body[NewFlow]) -> FlowDocument:
        """Create a flow, complete or not."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            config = transaction.provider.account(self.account.pk)
            flow = FilterValues(transaction.db, self.account.pk, config).checked(parsed_body.facts, None)
            return document_of(transaction, save_flow(transaction, flow))


class OneFlow(ApiController):
    """One flow."""

    access: ClassVar = {"GET": READ, "PATCH": SET_UP, "DELETE": SET_UP}
    of_signal: ClassVar = True
    has_etag: ClassVar = True

    def get(self, parsed_path: Path[FlowPath]) -> FlowDocument:
        """Read a flow, with what it lacks."""
        with account_reader(self.account.pk) as reader:
            return FlowDocument.from_flow(flow_in(reader.config, parsed_path), reader.config)

    def patch(self, parsed_path: Path[FlowPath], parsed_body: Body[FlowChange], parsed_query: Query[Confirmation]) -> FlowDocument:
        """Change a flow, or switch it on or off. Asks first if a running flow would stop, or a Live flow would act on more changes."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            config = transaction.provider.account(self.account.pk)
            stored = flow_in(config, parsed_path)
            flow = FilterValues(transaction.db, self.account.pk, config).checked(parsed_body.facts(stored), stored)
            return document_of(transaction, save_flow(transaction, flow, stored.id, confirmed=parsed_query.confirmed))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[FlowPath]) -> None:
        """Delete a flow. Its undelivered actions end as Failed; its figures stay."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            delete_flow(transaction, number_of(parsed_path.flow))


class FlowCopies(ApiController):
    """Copying a flow."""

    access: ClassVar = {"POST": SET_UP}
    of_signal: ClassVar = True

    def post(self, parsed_path: Path[FlowPath], parsed_body: Body[CopiedFlow]) -> FlowDocument:
        """Copy a flow. The copy is switched off and in Test, because two active flows would send everything twice."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            return document_of(transaction, copy_flow(transaction, number_of(parsed_path.flow), name=parsed_body.name))


class EffectsOfFlow(ApiController):
    """What depends on a flow."""

    access: ClassVar = {"GET": READ_SET_UP}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[FlowPath]) -> FlowEffects:
        """Read what deleting a flow, or switching it off, would leave undelivered."""
        with read_database() as db:
            flows = FlowList(db, self.account.pk)
            flow = flow_in(flows.config, parsed_path)
            return FlowEffects(
                undelivered=flows.undelivered(flow.id),
                untagged=flows.untagged(flow.id),
                waiting_for_flow=flows.waiting_for_it(flow.id),
                running=flow.mode is Mode.LIVE and flow.active,
            )


class WarningsOfFlow(ApiController):
    """The warnings about a flow."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[FlowPath]) -> Items[WarningDocument]:
        """List the warnings about a flow: connections that send nothing at present, and answers that its mappings join."""
        with read_database() as db:
            flows = FlowList(db, self.account.pk)
            warnings = flow_warnings(db, flow_in(flows.config, parsed_path), flows.config, flows.connections())
        return all_of(warnings, WarningDocument.from_warning)


def flow_in(config: AccountConfig, address: FlowPath) -> Flow:
    """The flow of an address. Raises NotThere."""
    flow = config.flows.get(number_of(address.flow))
    if flow is None:
        raise NotThere(f"There is no flow {address.flow}.")
    return flow


def document_of(transaction: SetupTransaction, row: StoredFlow) -> FlowDocument:
    """The document of a flow that the transaction has saved."""
    config = transaction.provider.account(transaction.account)
    return FlowDocument.from_flow(config.flows[row.pk], config)


ROUTES: Final = [
    path("flows", Flows.as_view()),
    path("flows/<str:flow>", OneFlow.as_view()),
    path("flows/<str:flow>/copy", FlowCopies.as_view()),
    path("flows/<str:flow>/effects", EffectsOfFlow.as_view()),
    path("flows/<str:flow>/warnings", WarningsOfFlow.as_view()),
]
