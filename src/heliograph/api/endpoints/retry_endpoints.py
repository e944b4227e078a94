"""The Retry Queue: its items and causes, submit, discard and resend (guide: The Retry Queue; D6, D8)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from django.http import HttpResponse
from dmr import Body, Path, Query, ResponseSpec, modify, validate
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.controller import ApiController
from heliograph.api.documents.job_documents import JobDocument
from heliograph.api.documents.retry_documents import (
    CauseDocument,
    CauseState,
    CountOfItems,
    DiscardCause,
    DiscardedItems,
    DiscardItems,
    ItemId,
    ResendItem,
    ResentAction,
    RetryCounts,
    RetryItemDocument,
    RetryItemStory,
    SubmitItems,
    SubmittedItems,
    causes_of,
)
from heliograph.api.documents.retry_filter_documents import ItemFilter, RetryQuery
from heliograph.api.documents.shared_forms import Confirmation, Document
from heliograph.api.list_answers import Items, all_of, items_of
from heliograph.api.token_access import OPERATE, READ
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.delivery_operations import discard, resend, submit
from heliograph.deliveries.prospect_words import hindrance
from heliograph.retry import queue_operations, submit_job
from heliograph.retry.cause_groups import CauseGroups
from heliograph.retry.item_details import details
from heliograph.retry.retry_queue import PARTS, RetryQueue


class ItemPath(Document):
    """The address of an item."""

    item: ItemId


class CauseQuery(Document):
    """The parameters of the list of causes."""

    state: Annotated[CauseState | None, msgspec.Meta(description="Only causes in this state.")] = None


class RetryItems(ApiController):
    """The items of the Retry Queue."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[RetryQuery]) -> Items[RetryItemDocument]:
        """List the items of the Retry Queue: those that wait first, then those that failed, then those that are done."""
        with account_reader(self.account.pk) as reader:
            page = RetryQueue(reader).page(parsed_query.retry_filter, parsed_query.cursor_of(*PARTS), size=parsed_query.limit)
        return items_of(self.request, page, RetryItemDocument.from_item)


class RetryNumbers(ApiController):
    """The numbers of the Retry Queue."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self) -> RetryCounts:
        """Count the items of the Retry Queue by status. Counts stop at 10,000."""
        with account_reader(self.account.pk) as reader:
            queue = RetryQueue(reader)
            counts = {status.value.lower(): CountOfItems.from_count(count) for status, count in queue.counts().items()}
            undecided = queue.undecided()
            waiting = queue.retried() + undecided.stopped
        return RetryCounts(
            **counts,
            waiting=CountOfItems.from_count(waiting),
            waiting_for_flow=CountOfItems.from_count(undecided.stopped),
            untagged=CountOfItems.from_count(undecided.untagged),
        )


class RetryCauses(ApiController):
    """The causes of the Retry Queue."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_query: Query[CauseQuery]) -> Items[CauseDocument]:
        """List the causes for which items wait or failed, and those that were fixed lately: at most 12 of each, the largest first."""
        with account_reader(self.account.pk) as reader:
            overview = CauseGroups(reader).overview()
        return all_of([each for each in causes_of(overview) if parsed_query.state in (None, each.state)], lambda document: document)


class OneRetryItem(ApiController):
    """One item of the Retry Queue."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[ItemPath]) -> RetryItemStory:
        """Read an item, or any other action, with its cause and cure, what happens next, and how it can be sent again."""
        with account_reader(self.account.pk) as reader:
            item = details(reader, parsed_path.item)
            if item is None:
                raise Problem("not-found")
            return RetryItemStory.from_details(item, reader)


class RetrySubmit(ApiController):
    """Submitting items."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[SubmitItems]) -> SubmittedItems:
        """Submit items to the front of their connections' queues. An id that is no item is refused beside the others."""
        result = submit(self.account.pk, parsed_body.items, as_it_was=parsed_body.as_it_was)
        return SubmittedItems.from_result(result)


class RetrySubmitAll(ApiController):
    """Submitting all items that match."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    counts_first: ClassVar = True

    @validate(ResponseSpec(JobDocument, status_code=HTTPStatus.ACCEPTED), *ApiController.responses)
    def post(self, parsed_body: Body[ItemFilter]) -> HttpResponse:
        """Submit all items that match now, as a job; `GET jobs/{job}` shows its progress. Those that are done are left out."""
        with account_reader(self.account.pk) as reader:
            retry_filter = parsed_body.retry_filter(reader)
        return self.start_counted(
            lambda: queue_operations.items_to_submit(self.account.pk, retry_filter),
            lambda items: JobDocument.of_job(submit_job.start(items, "submit", by=self.actor)),
        )


class RetryDiscard(ApiController):
    """Discarding items."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[DiscardItems]) -> DiscardedItems:
        """Discard items that wait and were made in the other mode of their flow (F3). Others are left as they are."""
        return DiscardedItems(discarded=discard(self.account.pk, parsed_body.items))


class RetryDiscardCause(ApiController):
    """Discarding all items of a cause."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    counts_first: ClassVar = True

    @validate(ResponseSpec(JobDocument, status_code=HTTPStatus.ACCEPTED), *ApiController.responses)
    def post(self, parsed_query: Query[Confirmation], parsed_body: Body[DiscardCause]) -> HttpResponse:
        """Discard all waiting items of a cause that were made in the other mode of their flow (F3), as a job. Asks first."""
        return self.start_counted(
            lambda: queue_operations.items_to_discard(self.account.pk, parsed_body.cause, confirmed=parsed_query.confirmed),
            lambda items: JobDocument.of_job(queue_operations.discard_items(items, by=self.actor)),
        )


class RetryResend(ApiController):
    """Resending what was delivered."""

    access: ClassVar = {"POST": OPERATE}
    of_signal: ClassVar = True

    def post(self, parsed_path: Path[ItemPath], parsed_body: Body[ResendItem]) -> ResentAction:
        """Send a second time what was delivered, as a new action (D1)."""
        with account_reader(self.account.pk) as reader:
            item = RetryQueue(reader).find(parsed_path.item)
        if item is None or item.action is None:
            raise Problem("not-found")
        action = resend(self.account.pk, item.action.id, as_it_was=parsed_body.as_it_was)
        return ResentAction(action=str(action), item=f"a{action}", waits=hindrance(item.prospect))


ROUTES: Final = [
    path("retry", RetryItems.as_view()),
    path("retry/counts", RetryNumbers.as_view()),
    path("retry/causes", RetryCauses.as_view()),
    path("retry/submit", RetrySubmit.as_view()),
    path("retry/submit-all", RetrySubmitAll.as_view()),
    path("retry/discard", RetryDiscard.as_view()),
    path("retry/discard-cause", RetryDiscardCause.as_view()),
    path("retry/<str:item>", OneRetryItem.as_view()),
    path("retry/<str:item>/resend", RetryResend.as_view()),
]
