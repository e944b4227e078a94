"""The history and the timeline of a registration, sync now, and why a flow took a change or did not (X5, F9)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.accounts.names_of_users import names_of_users
from heliograph.api.controller import ApiController
from heliograph.api.documents.shared_forms import Document, Id, number_of, optional_number
from heliograph.api.documents.timeline_documents import (
    AlikeChangeDocument,
    ExplanationDocument,
    HistoryEntry,
    JudgedAgain,
    SyncDocument,
    SyncedDocument,
    TimelineEntry,
    TimelineSummary,
)
from heliograph.api.endpoints.registration_endpoints import RegistrationPath
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import OPERATE, READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.removed_content import removed_records
from heliograph.timeline.alike_changes import alike_of, judge_again
from heliograph.timeline.recorded_changes import explanation_of, why_gone
from heliograph.timeline.registration_sync import check_flow, sync_registration
from heliograph.timeline.timeline import PARTS, Show, Timeline


class TimelineQuery(ListQuery):
    """The parameters of a timeline."""

    flow: Annotated[Id | None, msgspec.Meta(description="Only changes on which this flow has decided.")] = None
    show: Annotated[Show, msgspec.Meta(description="Only what was sent, or what waits or failed.")] = Show.ALL


class ChangeFlowPath(Document):
    """The address of a change and a flow."""

    change: Id
    flow: Id


class RegistrationHistory(ApiController):
    """The history of a registration."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_path: Path[RegistrationPath], parsed_query: Query[ListQuery]) -> Items[HistoryEntry]:
        """List the changes of a registration and of its sessions, the newest first."""
        cursor = parsed_query.cursor_of(*PARTS)
        with account_reader(self.account.pk) as reader:
            timeline = Timeline.of_id(reader, number_of(parsed_path.registration))
            changes = timeline.changes(cursor, size=parsed_query.limit)
            names = names_of_users(self.account.pk, [entry.by for entry in changes.rows])
            rows = [HistoryEntry.from_entry(entry, timeline, names) for entry in changes.rows]
        return items_of(self.request, changes.with_rows(rows), lambda document: document)


class RegistrationTimeline(ApiController):
    """The timeline of a registration."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[RegistrationPath], parsed_query: Query[TimelineQuery]) -> Items[TimelineEntry]:
        """List the changes of a registration with what flows decided and every attempt, the newest first."""
        cursor, flow = parsed_query.cursor_of(*PARTS), optional_number("flow", parsed_query.flow)
        with account_reader(self.account.pk) as reader:
            timeline = Timeline.of_id(reader, number_of(parsed_path.registration), flow=flow, show=parsed_query.show)
            entries = timeline.page(cursor, size=parsed_query.limit)
            names = names_of_users(self.account.pk, [entry.by for entry in entries.rows])
            rows = [TimelineEntry.from_decided(entry, timeline, names) for entry in entries.rows]
        return items_of(self.request, entries.with_rows(rows), lambda document: document)


class RegistrationTimelineSummary(ApiController):
    """How much the timeline of a registration has."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[RegistrationPath]) -> TimelineSummary:
        """Count the changes, decisions and attempts of a registration, and read until when older records were kept."""
        with account_reader(self.account.pk) as reader:
            counts = Timeline.of_id(reader, number_of(parsed_path.registration)).counts()
            return TimelineSummary.from_counts(counts, removed_records(reader, counts.since))


class RegistrationSync(ApiController):
    """Sync now."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    def post(self, parsed_path: Path[RegistrationPath], parsed_body: Body[SyncDocument]) -> SyncedDocument:
        """Send a registration as it is now, as new actions, through every flow that takes it or through one."""
        registration, flow = number_of(parsed_path.registration), optional_number("flow", parsed_body.flow)
        with account_reader(self.account.pk) as reader:
            Timeline.of_id(reader, registration)
            check_flow(reader, flow)
            synced = sync_registration(reader, registration, flow)
        connections = [str(connection) for connection in synced.connections]
        return SyncedDocument(actions=len(connections), connections=connections, text=synced.text)


class Explanation(ApiController):
    """Why, or why not."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[ChangeFlowPath]) -> ExplanationDocument:
        """Explain why a flow took a change or did not: its gates, by the rules of then and of today."""
        change, flow = number_of(parsed_path.change), number_of(parsed_path.flow)
        with account_reader(self.account.pk) as reader:
            if removed := why_gone(reader, change):
                return ExplanationDocument.from_pair(change, flow, None, removed)
            return ExplanationDocument.from_pair(change, flow, explanation_of(reader, change, flow)[1])


class StoppedAlikeList(ApiController):
    """The changes that stopped for the same reason."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[ChangeFlowPath], parsed_query: Query[ListQuery]) -> Items[AlikeChangeDocument]:
        """List the other changes of the last 7 days that stopped at the flow for the same reason, the newest first."""
        cursor = parsed_query.cursor_of(int, int)
        with account_reader(self.account.pk) as reader:
            alike = alike_of(reader, *explanation_of(reader, number_of(parsed_path.change), number_of(parsed_path.flow)))
        return items_of(self.request, alike.page(cursor, size=parsed_query.limit), AlikeChangeDocument.from_alike)


class AlikeJudging(ApiController):
    """The changes that wait for the same reason, to be checked again."""

    access: ClassVar = {"POST": OPERATE}
    takes_key: ClassVar = False
    of_signal: ClassVar = True

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ChangeFlowPath]) -> JudgedAgain:
        """Check the changes that wait for the same reason again, by today's rules."""
        with account_reader(self.account.pk) as reader:
            alike = alike_of(reader, *explanation_of(reader, number_of(parsed_path.change), number_of(parsed_path.flow)))
        return JudgedAgain(judged=len(judge_again(self.account.pk, alike).done))


ROUTES: Final = [
    path("registrations/<str:registration>/history", RegistrationHistory.as_view()),
    path("registrations/<str:registration>/timeline", RegistrationTimeline.as_view()),
    path("registrations/<str:registration>/timeline/summary", RegistrationTimelineSummary.as_view()),
    path("registrations/<str:registration>/sync", RegistrationSync.as_view()),
    path("changes/<str:change>/flows/<str:flow>/why", Explanation.as_view()),
    path("changes/<str:change>/flows/<str:flow>/others", StoppedAlikeList.as_view()),
    path("changes/<str:change>/flows/<str:flow>/others/judge-again", AlikeJudging.as_view()),
]
