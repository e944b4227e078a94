"""Replays (guide: Replaying a Flow; Y1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from django.utils import timezone
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.replay_documents import NewReplay, ReplayDocument, ReplayLineDocument, ReplayProgress, ReplayStart
from heliograph.api.documents.shared_forms import Document, Id, number_of, numbers_of
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import OPERATE, READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.replay import replays
from heliograph.replay.dry_run_lines import PARTS, dry_run_page
from heliograph.replay.models import Replay
from heliograph.replay.selection import selection_of
from heliograph.setup.services.setup_save import acting
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.web.cursor import keyset

MOST_FIELDS: Final = 100
"""The most fields of a line in an answer. Further ones are only counted."""


class ReplayPath(Document):
    """The address of a replay."""

    replay: Id


class LineQuery(ListQuery):
    """The parameters of the lines of a dry run."""

    show: Annotated[
        ReplayVerdict | None,
        msgspec.Meta(description="Lines of this verdict. Without it: of the verdict that a person would check first."),
    ] = None


class Replays(ApiController):
    """The replays of the account."""

    access: ClassVar = {"GET": READ, "POST": OPERATE}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[ListQuery]) -> Items[ReplayDocument]:
        """List the replays, the newest first."""
        rows = keyset(
            Replay.objects.filter(account=self.account.pk), "created", "id", parsed_query.cursor_of(int, int), size=parsed_query.limit
        )
        with account_reader(self.account.pk) as reader:
            config = reader.config
        page = rows.with_rows(replays.states_of(self.account.pk, rows.rows))
        return items_of(self.request, page, lambda state: ReplayDocument.from_state(state, config))

    def post(self, parsed_body: Body[NewReplay]) -> ReplayProgress:
        """Create a replay and begin its dry run, which sends nothing. A flow has one dry run at a time."""
        (flow,) = numbers_of("flow", [parsed_body.flow])
        with account_reader(self.account.pk) as reader:
            selection = selection_of(reader, parsed_body.facts, timezone.get_current_timezone(), reader.db.now())
        try:
            row = replays.create(self.account.pk, flow, selection, by=self.actor)
        except NotThere as error:
            raise Invalid({"flow": [error.sentence]}) from None
        return _progress(self.account.pk, row.pk)


class OneReplay(ApiController):
    """One replay."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[ReplayPath]) -> ReplayProgress:
        """Read a replay: how far it is, the numbers of its dry run, and what has become of what it sends."""
        return _progress(self.account.pk, number_of(parsed_path.replay))


class ReplayLines(ApiController):
    """The lines of a dry run."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[ReplayPath], parsed_query: Query[LineQuery]) -> Items[ReplayLineDocument]:
        """List the lines of a dry run, each with the fields that differ from the last request that the target accepted."""
        state = replays.find(self.account.pk, number_of(parsed_path.replay))
        verdict = parsed_query.show or state.first_verdict
        with account_reader(self.account.pk) as reader:
            flow = reader.config.flows.get(state.replay.flow_id)
            cursor = parsed_query.cursor_of(*PARTS)
            page = dry_run_page(reader, state.replay.pk, flow, verdict, cursor, size=parsed_query.limit, most_fields=MOST_FIELDS)
        return items_of(self.request, page, lambda line: ReplayLineDocument.from_line(line, verdict))


class StartOfReplay(ApiController):
    """Starting a replay."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    @modify(status_code=HTTPStatus.ACCEPTED)
    def post(self, parsed_path: Path[ReplayPath], parsed_body: Body[ReplayStart]) -> ReplayProgress:
        """Begin to send the chosen lines of a dry run, by the set-up of today. If `outdated` is true, the dry run was made by an older one."""
        id = number_of(parsed_path.replay)
        with acting(self.account.pk):
            replays.start(self.account.pk, id, parsed_body.choice, parsed_body.rate, parsed_body.reason, by=self.actor)
        return _progress(self.account.pk, id)


class ReplayOperationController(ApiController):
    """An operation on a replay without a body."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    def operate(self, path: ReplayPath, operation: Callable[[int, int], object]) -> ReplayProgress:
        """Performs an operation, called with the account and the replay. Returns the replay's progress. Raises what the operation raises."""
        id = number_of(path.replay)
        operation(self.account.pk, id)
        return _progress(self.account.pk, id)


class PauseOfReplay(ReplayOperationController):
    """Pausing a replay."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ReplayPath]) -> ReplayProgress:
        """Pause a replay: nothing is added until it is resumed; what was added is sent."""
        return self.operate(parsed_path, replays.pause)


class ResumptionOfReplay(ReplayOperationController):
    """Resuming a replay."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ReplayPath]) -> ReplayProgress:
        """Resume a replay after a pause, or after an error that is cured."""
        return self.operate(parsed_path, replays.resume)


class CancellationOfReplay(ReplayOperationController):
    """Cancelling a replay."""

    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ReplayPath]) -> ReplayProgress:
        """Cancel a replay: it adds nothing more, and what it added and is not delivered ends as Failed."""
        return self.operate(parsed_path, partial(replays.cancel, by=self.actor))


class StopOfDryRun(ReplayOperationController):
    """Stopping a dry run."""

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ReplayPath]) -> ReplayProgress:
        """Stop a dry run."""
        return self.operate(parsed_path, replays.stop_check)


def _progress(account: int, id: int) -> ReplayProgress:
    """The document of a replay. Raises NotThere."""
    state = replays.find(account, id)
    with account_reader(account) as reader:
        counts = replays.sent_counts(reader.db, state) if state.send is not None else None
        return ReplayProgress.from_progress(state, reader.config, counts)


ROUTES: Final = [
    path("replays", Replays.as_view()),
    path("replays/<str:replay>", OneReplay.as_view()),
    path("replays/<str:replay>/lines", ReplayLines.as_view()),
    path("replays/<str:replay>/start", StartOfReplay.as_view()),
    path("replays/<str:replay>/pause", PauseOfReplay.as_view()),
    path("replays/<str:replay>/resume", ResumptionOfReplay.as_view()),
    path("replays/<str:replay>/cancel", CancellationOfReplay.as_view()),
    path("replays/<str:replay>/stop", StopOfDryRun.as_view()),
]
