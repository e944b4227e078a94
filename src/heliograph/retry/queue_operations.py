"""Operations on many items of the Retry Queue: all that match a filter, all of one cause, the rows of a download (D8, P10)."""

from __future__ import annotations

from itertools import islice

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.delivery_operations import AT_ONCE, Submitted, discard, submit
from heliograph.domain.delivery.action import OPEN_STATUSES
from heliograph.domain.errors import HeliographError
from heliograph.jobs.models import Job
from heliograph.retry import downloads, submit_job
from heliograph.retry.retry_items import RetryFilter, parts_of, submittable
from heliograph.retry.retry_queue import RetryQueue
from heliograph.retry.submit_job import MatchingItems
from heliograph.setup.services.setup_save import acting
from heliograph.store.django_database import of_django
from heliograph.web.list_count import ListCount


class DiscardsAll(HeliographError):
    """All waiting items of a cause would be discarded. Nothing was; ask, then discard them with `confirmed=True`.

    count: how many they are
    flow: the name of their flow; "" if they have several
    """

    def __init__(self, count: ListCount, flow: str) -> None:
        self.count, self.flow = count, flow
        super().__init__(ngettext("This would discard %(n)d item.", "This would discard %(n)d items.", count.number) % {"n": count.number})


class NothingWaits(HeliographError):
    """None of the items of a cause waits any more."""


class NothingToSubmit(HeliographError):
    """The filter selects only items that are Done."""


def keys_or_items(account: int, retry_filter: RetryFilter) -> list[str] | MatchingItems:
    """The keys of all items that match, oldest first. If they are more than AT_ONCE, too many for one transaction, they are counted for a job."""
    with account_reader(account) as reader:
        keys = [item.key for item in islice(RetryQueue(reader).all_of(retry_filter), AT_ONCE + 1)]
        return keys if len(keys) <= AT_ONCE else MatchingItems.read(reader, retry_filter)


def items_to_submit(account: int, retry_filter: RetryFilter) -> MatchingItems:
    """All items that match, but for those that are Done. Raises NothingToSubmit."""
    wanted_items = submittable(retry_filter)
    if wanted_items is None:
        raise NothingToSubmit(_("You cannot submit items that are done."))
    with account_reader(account) as reader:
        return MatchingItems.read(reader, wanted_items)


def _waiting(cause: str) -> RetryFilter:
    return RetryFilter(statuses=OPEN_STATUSES, cause=cause)


def waiting_of_cause(account: int, cause: str) -> tuple[ListCount, str]:
    """How many items of a cause wait, and the name of their flow; "" if they have several. Raises NothingWaits."""
    with account_reader(account) as reader:
        count, flow = RetryQueue(reader).count(_waiting(cause)), parts_of(cause).flow
        if count.is_none:
            raise NothingWaits(_("None of them is waiting any more."))
        return count, reader.flow_names([flow]).get(flow, "") if flow else ""


def discard_cause(account: int, cause: str, *, by: str) -> int | Job:
    """Discards all waiting items of a cause that were made in the other mode of their flow (F3): the number of them, or the job that does it.

    Raises SavedSince.
    """
    matching = keys_or_items(account, _waiting(cause))
    if isinstance(matching, MatchingItems):
        return discard_items(matching, by=by)
    with acting(account):
        return discard(account, matching)


def items_to_discard(account: int, cause: str, *, confirmed: bool = False) -> MatchingItems:
    """All waiting items of a cause. Raises DiscardsAll unless it is confirmed, NothingWaits."""
    if not confirmed:
        raise DiscardsAll(*waiting_of_cause(account, cause))
    with account_reader(account) as reader:
        return MatchingItems.read(reader, _waiting(cause))


def discard_items(items: MatchingItems, *, by: str) -> Job:
    """Starts the job that discards these items. Raises SavedSince."""
    with acting(items.account):
        return submit_job.start(items, "discard", by=by)


def start_submit_of_download(account: int, id: int, *, by: str) -> Job:
    """Starts the job that submits exactly the items of a finished download. Raises UnknownJob, FileGone."""
    row = downloads.finished(account, id)
    with transaction.atomic():
        return submit_job.start_for_download(account, row, int(row.done), by=by)


def submit_download(account: int, id: int, *, by: str) -> Submitted | Job:
    """Submits exactly the items of a finished download, even if its filter would match others by now. More than AT_ONCE become a job.

    Raises FileGone.
    """
    row = downloads.finished(account, id)
    if row.done > AT_ONCE:
        return start_submit_of_download(account, id, by=by)
    keys = [key for _n, key in downloads.keys_after(of_django(connection), row.pk, 0, AT_ONCE)]
    return submit(account, keys)
