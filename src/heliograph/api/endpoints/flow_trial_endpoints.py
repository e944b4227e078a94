"""Trials of flows, saved or not, and what they decided (F5, F9)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from django.utils import timezone
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.flow_documents import FlowChange, NewFlow
from heliograph.api.documents.shared_forms import Id, numbers_of
from heliograph.api.documents.trial_documents import (
    ChangeNames,
    ChangePlace,
    ChosenSubject,
    EditedFlow,
    FlowDecisionDocument,
    NewTestRegistration,
    PastTrialDocument,
    ReplayOfferDocument,
    SentChange,
    TakenChanges,
    TestRegistration,
    TrialDocument,
    TrialQuery,
    UnsavedFlow,
)
from heliograph.api.endpoints.flow_endpoints import FlowPath, flow_in
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import OPERATE, READ, SEND, SET_UP_AND_READ
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.delivery_operations import send_now
from heliograph.domain.flow.flow import Flow
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.flows import trial_registration
from heliograph.flows.flow_trial import TrialSubject, change_to_try, count_taken, needs_rule, try_change
from heliograph.flows.past_trial import try_on_past
from heliograph.flows.replay_offers import decided_otherwise, passed_while_off
from heliograph.flows.unsaved_flow import unsaved_flow
from heliograph.setup.services.setup_save import acting
from heliograph.setup.version_list import version_of
from heliograph.timeline.flow_decisions import FlowDecisions


class FlowTrialController(ApiController):
    """What the trials of a flow share. They save nothing, so they take no key; an edited or new flow is for those who may edit flows."""

    access: ClassVar = {"POST": SET_UP_AND_READ}
    of_signal: ClassVar = True
    takes_key: ClassVar = False


class FlowTest(FlowTrialController):
    """The test of a flow on one change."""

    access: ClassVar = {"GET": READ, "POST": SET_UP_AND_READ}

    def get(self, parsed_path: Path[FlowPath], parsed_query: Query[TrialQuery]) -> TrialDocument:
        """Test a flow: what it would do with a registration, gate by gate, and the exact requests. Nothing is sent."""
        with account_reader(self.account.pk) as reader:
            return _tested(reader, flow_in(reader.config, parsed_path), parsed_query.subject)

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[FlowPath], parsed_body: Body[EditedFlow]) -> TrialDocument:
        """Test a change of a flow before it is saved. Nothing is saved or sent."""
        with account_reader(self.account.pk) as reader:
            return _tested(reader, _edited(reader, parsed_path, parsed_body.flow), parsed_body.subject)


class NewFlowTest(FlowTrialController):
    """The test of a flow that is not saved."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[UnsavedFlow]) -> TrialDocument:
        """Test a new flow before it is saved. Nothing is saved or sent."""
        with account_reader(self.account.pk) as reader:
            return _tested(reader, unsaved_flow(reader, parsed_body.flow.facts, None), parsed_body.subject)


class FlowPastTrial(FlowTrialController):
    """The trial of a flow on past changes."""

    access: ClassVar = {"GET": READ, "POST": SET_UP_AND_READ}

    def get(self, parsed_path: Path[FlowPath]) -> PastTrialDocument:
        """Try a flow on the last 1,000 changes that it watches."""
        with account_reader(self.account.pk) as reader:
            return _past(reader, flow_in(reader.config, parsed_path))

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[FlowPath], parsed_body: Body[FlowChange]) -> PastTrialDocument:
        """Try a change of a flow on the last 1,000 changes, beside the rule in force. Nothing is saved."""
        with account_reader(self.account.pk) as reader:
            return _past(reader, _edited(reader, parsed_path, parsed_body))


class NewFlowPastTrial(FlowTrialController):
    """The trial of a flow that is not saved on past changes."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[NewFlow]) -> PastTrialDocument:
        """Try a new flow on the last 1,000 changes that it watches. Nothing is saved."""
        with account_reader(self.account.pk) as reader:
            return _past(reader, unsaved_flow(reader, parsed_body.facts, None))


class FlowCount(FlowTrialController):
    """The count of what a flow would have taken."""

    access: ClassVar = {"GET": READ, "POST": SET_UP_AND_READ}

    def get(self, parsed_path: Path[FlowPath]) -> TakenChanges:
        """Count the changes of the last seven days that a flow would have taken."""
        with account_reader(self.account.pk) as reader:
            return _counted(reader, flow_in(reader.config, parsed_path))

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[FlowPath], parsed_body: Body[FlowChange]) -> TakenChanges:
        """Count the changes of the last seven days that an edited flow would have taken. Nothing is saved."""
        with account_reader(self.account.pk) as reader:
            return _counted(reader, _edited(reader, parsed_path, parsed_body))


class NewFlowCount(FlowTrialController):
    """The count of what a flow that is not saved would have taken."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[NewFlow]) -> TakenChanges:
        """Count the changes of the last seven days that a new flow would have taken. Nothing is saved."""
        with account_reader(self.account.pk) as reader:
            return _counted(reader, unsaved_flow(reader, parsed_body.facts, None))


class FlowSending(ApiController):
    """Sending one change by hand."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    @modify(status_code=HTTPStatus.ACCEPTED)
    def post(self, parsed_path: Path[FlowPath], parsed_body: Body[ChosenSubject]) -> SentChange:
        """Send one change over a flow now, to all its destinations. The flow must be on and complete, and its rule must accept the change."""
        with account_reader(self.account.pk) as reader:
            flow = flow_in(reader.config, parsed_path)
            change = change_to_try(reader, flow, parsed_body.subject).id
        with acting(self.account.pk):
            connections = send_now(self.account.pk, flow.id, change)
        return SentChange(change=str(change), connections=[str(id) for id in connections])


class FlowTestRegistrations(ApiController):
    """Test registrations for a flow."""

    access: ClassVar = {"POST": SEND}
    of_signal: ClassVar = True

    def post(self, parsed_path: Path[FlowPath], parsed_body: Body[NewTestRegistration]) -> TestRegistration:
        """Create a test registration that fits a flow: marked Test, with a value in every field. Flows do not check it, so nothing is sent."""
        (event,) = numbers_of("event", [parsed_body.event])
        with account_reader(self.account.pk) as reader:
            flow = flow_in(reader.config, parsed_path)
            config = trial_registration.event_for(reader, flow, event)
        made = trial_registration.make(self.account.pk, flow, config, parsed_body.code, by=self.actor, now=timezone.now())
        if not isinstance(made, int):
            raise DocumentRefused(made)
        return TestRegistration(registration=str(made))


class FlowDecisionList(ApiController):
    """The decisions of a flow."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[FlowPath], parsed_query: Query[ListQuery]) -> Items[FlowDecisionDocument]:
        """List what a flow decided about the latest changes of the account, by the rules then in force."""
        with account_reader(self.account.pk) as reader:
            flow = flow_in(reader.config, parsed_path)
            page = FlowDecisions(reader, flow.id).page(parsed_query.cursor_of(int, int), size=parsed_query.limit)
            names = ChangeNames.of_changes(reader, [ChangePlace(row.id, row.at, row.event, row.registration) for row in page.rows])
        return items_of(self.request, page, lambda row: FlowDecisionDocument.from_decision(row, names))


class OfferQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The parameter of an offer."""

    since_version: Annotated[
        Id | None,
        msgspec.Meta(
            description="The number of a version: offers what the flow decides otherwise now. Without it: what passed while it was off."
        ),
    ] = None


class FlowReplayOffer(ApiController):
    """Reasons to replay a flow."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[FlowPath], parsed_query: Query[OfferQuery]) -> ReplayOfferDocument:
        """Read whether a replay is worth it: whether changes passed while the flow was off, or the flow decides otherwise than an earlier version did."""
        with account_reader(self.account.pk) as reader:
            flow = flow_in(reader.config, parsed_path)
            if parsed_query.since_version is None:
                return ReplayOfferDocument.from_offer(passed_while_off(reader, flow.id))
            (number,) = numbers_of("since_version", [parsed_query.since_version])
            before = version_of(reader.db, self.account.pk, "flow", flow.id, number)
            return ReplayOfferDocument.from_offer(decided_otherwise(reader, Flow.from_body(flow.id, number, before.body), flow))


def _edited(reader: AccountReader, address: FlowPath, change: FlowChange) -> Flow:
    """A stored flow with a change that is not saved. Raises NotThere, Invalid."""
    stored = flow_in(reader.config, address)
    return unsaved_flow(reader, change.facts(stored), stored)


def _tested(reader: AccountReader, flow: Flow, subject: TrialSubject) -> TrialDocument:
    """What the flow would do with one change. Raises Invalid, NothingToTry."""
    tried = change_to_try(reader, flow, subject)
    trial = try_change(reader, flow, tried.change, reader.provider.event(tried.event), now=timezone.now())
    return TrialDocument.from_trial(tried, trial, flow, reader)


def _past(reader: AccountReader, flow: Flow) -> PastTrialDocument:
    """What the flow would do with past changes. Raises NothingToTry if it has no rule yet."""
    needs_rule(flow, reader.config)
    return PastTrialDocument.from_trial(try_on_past(reader, flow, now=timezone.now()), reader)


def _counted(reader: AccountReader, flow: Flow) -> TakenChanges:
    """How many changes the flow would have taken. Raises NothingToTry if it has no rule yet."""
    needs_rule(flow, reader.config)
    return TakenChanges.from_counted(count_taken(reader, flow))


ROUTES: Final = [
    path("flows/test", NewFlowTest.as_view()),
    path("flows/trial", NewFlowPastTrial.as_view()),
    path("flows/count", NewFlowCount.as_view()),
    path("flows/<str:flow>/test", FlowTest.as_view()),
    path("flows/<str:flow>/trial", FlowPastTrial.as_view()),
    path("flows/<str:flow>/count", FlowCount.as_view()),
    path("flows/<str:flow>/send", FlowSending.as_view()),
    path("flows/<str:flow>/test-registrations", FlowTestRegistrations.as_view()),
    path("flows/<str:flow>/decisions", FlowDecisionList.as_view()),
    path("flows/<str:flow>/replay-offer", FlowReplayOffer.as_view()),
]
