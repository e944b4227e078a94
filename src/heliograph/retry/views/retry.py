"""The pages of the Retry Queue: the causes and the list, and one item."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import User
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.removed_content import removed_records
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.retry_policy import Category
from heliograph.retry.cause_groups import CauseGroups
from heliograph.retry.item_details import details
from heliograph.retry.item_words import is_of_other_mode, next_try, tries, why
from heliograph.retry.retry_items import RetryFilter, RetryItem, downloadable, submittable
from heliograph.retry.retry_queue import PARTS, RetryQueue, Undecided
from heliograph.retry.views.group_rows import by_connection, download_words, group_row, healed_row
from heliograph.retry.views.item_page import item_page
from heliograph.retry.views.retry_filters import RetryFilters
from heliograph.sources.failing_sources import failing_sources
from heliograph.store.instants import from_micros
from heliograph.web.cursor import Pager, address, read_cursor
from heliograph.web.list_count import ListCount, many
from heliograph.web.pages import asks_for_part, live, page


@require_safe
def queue(request: AccountRequest) -> HttpResponse:
    """The causes of the queue, and the list of its items. The causes refresh themselves, so that a user who cured one sees its items go."""
    filters = RetryFilters(request)
    cursor, retry_filter = read_cursor(request, PARTS), filters.retry_filter
    whole = cursor is None and not filters.narrows
    with account_reader(request.account.pk) as reader:
        causes = _causes(reader, request.user) if whole else {}
        list_context = {} if whole and asks_for_part(request) else _list(request, reader, filters, retry_filter)
    shows_sources = not filters.narrows or retry_filter.category is Category.SOURCE_API
    context = {
        "here": "retry",
        "whole": whole,
        "sources": failing_sources() if cursor is None and shows_sources else [],
        **causes,
        **list_context,
    }
    return live(request, "retry/retry.html", part="causes", **context) if whole else page(request, "retry/retry.html", **context)


def _causes(reader: AccountReader, user: User) -> dict[str, Any]:
    """The context of the causes: those of waiting and failed items, and those that were fixed lately."""
    overview = CauseGroups(reader).overview()
    waiting, healed = overview.waiting, overview.healed
    counts = RetryQueue(reader).counts()
    names = names_of_users(reader.account, [healing.fix.by for healing in healed if healing.fix])
    retried, undecided = RetryQueue(reader).retried(), RetryQueue(reader).undecided()
    parts = [ngettext("%(n)s waits for a retry", "%(n)s wait for a retry", retried.number) % {"n": many(retried)}] if retried.number else []
    parts += _undecided_texts(undecided)
    failed_count = counts[QueueStatus.FAILED]
    return {
        "groups": by_connection([group_row(group, reader, user, open=True, healing=overview.healings.get(group.key)) for group in waiting]),
        "groups_text": _of_reasons(", ".join(parts), len(waiting) + overview.further_waiting) if waiting else _("Nothing waits"),
        "groups_further": _further(overview.further_waiting),
        "failed_further": _further(overview.further_failed),
        "failed_groups": by_connection([group_row(group, reader, user, open=False) for group in overview.failed]),
        "failed_text": _of_reasons(
            ngettext("%(n)s failed", "%(n)s failed", failed_count.number) % {"n": many(failed_count)},
            len(overview.failed) + overview.further_failed,
        ),
        "healed": by_connection([healed_row(healing, names) for healing in healed]),
        "healed_text": ngettext("%(n)d reason fixed just now", "%(n)d reasons fixed just now", len(healed)) % {"n": len(healed)},
        "news": _("What waits has changed"),
    }


def _of_reasons(text: str, reasons: int) -> str:
    """ "12 waiting (5 reasons)"."""
    return ngettext("%(text)s (%(n)d reason)", "%(text)s (%(n)d reasons)", reasons) % {"text": text, "n": reasons}


def _further(causes: int) -> str:
    """ "3 smaller reasons are not listed."; "" for none."""
    if not causes:
        return ""
    return ngettext("%(n)s smaller reason is not listed.", "%(n)s smaller reasons are not listed.", causes) % {"n": intcomma(causes)}


def _list(request: AccountRequest, reader: AccountReader, filters: RetryFilters, retry_filter: RetryFilter) -> dict[str, Any]:
    cursor, retry_queue = read_cursor(request, PARTS), RetryQueue(reader)
    rows, counts = retry_queue.page(retry_filter, cursor), retry_queue.counts()
    filters.offer_of(reader)
    again = submittable(retry_filter)
    matching = retry_queue.count(again) if again else ListCount()
    failed = retry_queue.count(file_rows) if (file_rows := downloadable(retry_filter)) else ListCount()
    everything = retry_queue.count(retry_filter).at_least(len(rows.rows)) if filters.narrows else ListCount()
    tally = _tally(counts, retry_queue.undecided())
    # The label of the checkbox that selects all matching items, also those of other pages.
    all_match = ngettext("All %(n)s that match", "All %(n)s that match", matching.number) % {"n": many(matching)}
    if matching.is_more:
        all_match = _("All that match")
    elif matching.number <= 1:
        all_match = ""
    return {
        "filters": filters,
        "kept_text": "" if rows.older or rows.further else removed_records(reader),
        "tally": _("%(n)s of %(tally)s") % {"n": many(everything), "tally": tally} if filters.narrows else tally,
        "other_mode": any(map(is_of_other_mode, rows.rows)),
        "calm": not any(count.number for count in counts.values()),
        "rows": [_row(item) for item in rows.rows],
        "submit_href": filters.address(reverse("retry-submit")),
        "all_match": all_match,
        "may_select": bool(all_match) or any(item.is_submittable for item in rows.rows),
        "download": "" if failed.is_none else download_words(failed),
        "download_href": filters.address(reverse("retry-download")),
        "looked": {"href": address(request, at=rows.further)} if rows.further else None,
        "start_href": address(request, at=None) if cursor else "",
        "pager": Pager(
            _("The waiting ones first. Times in %(zone)s.") % {"zone": timezone.get_current_timezone_name()},
            address(request, at=None) if cursor else "",
            address(request, at=rows.older) if rows.older else "",
        ),
    }


@require_safe
def item(request: AccountRequest, item: str) -> HttpResponse:
    """The page of one item. If it does not exist, the page says until when the account's details were kept (X6)."""
    with account_reader(request.account.pk) as reader:
        item_details = details(reader, item)
        if item_details is None:
            if removed := removed_records(reader):
                return page(request, "retry/no_item.html", status=404, removed=removed)
            raise Http404
        view_model = item_page(item_details, reader, request.user)
    return page(request, "retry/item.html", here="retry", item=view_model)


def _undecided_texts(undecided: Undecided) -> list[str]:
    """What runs wait for, in parts of an enumeration: "4 wait for a tag", "1 waits for its flow"."""
    untagged, stopped = undecided.untagged, undecided.stopped
    texts = [delivery_words.waits_for_tag(untagged.number, many(untagged))] if untagged.number else []
    if stopped.number:
        texts.append(delivery_words.waits_for_flow(stopped.number, many(stopped)))
    return texts


def _tally(counts: dict[QueueStatus, ListCount], undecided: Undecided) -> str:
    total = sum(counts.values(), ListCount())
    texts = {status: f"{many(count)} {_(status.value)}" for status, count in counts.items()}
    if undecided_texts := _undecided_texts(undecided):
        texts[QueueStatus.RETRY] += f" ({', '.join(undecided_texts)})"
    each = ", ".join(texts.values())
    return ngettext("%(total)s item: %(each)s", "%(total)s items: %(each)s", total.number) % {"total": many(total), "each": each}


def _row(item: RetryItem) -> dict[str, Any]:
    row = item.row
    return {
        "id": item.key,
        "code": item.person.code if item.person else item.event,
        "who": item.person.name if item.person else "",
        "event": item.event,
        "connection": item.connection,
        "flow": item.flow,
        "status": _(item.queue.value),
        "tone": delivery_words.TONES[item.queue],
        "category": _(row.category.value) if row.category else "",
        "why": why(item).rstrip("."),
        "tries": tries(item),
        "next": from_micros(due) if (due := next_try(item)) else None,
        "href": reverse("retry-item", args=(item.key,)),
        "may_submit": item.is_submittable,
    }
