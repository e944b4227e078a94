"""The operations on items of the Retry Queue: submit, discard and resend (guide: Submitting to the Queue; D8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.return_address import readable_page
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.delivery_operations import AT_ONCE, NothingToSync, Submitted, discard, resend, submit
from heliograph.deliveries.prospect_words import hindrance
from heliograph.domain.delivery.action import ActionState, Does
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.stop_causes import destination_of
from heliograph.domain.ids import read_id
from heliograph.jobs.models import Job
from heliograph.retry import submit_job
from heliograph.retry.queue_operations import NothingWaits, discard_cause, keys_or_items, waiting_of_cause
from heliograph.retry.retry_items import LONGEST_CAUSE, RetryFilter, RetryItem, submittable
from heliograph.retry.retry_queue import RetryQueue
from heliograph.retry.submit_job import MatchingItems
from heliograph.retry.views.retry_filters import RetryFilters
from heliograph.store.instants import from_micros
from heliograph.store.queue.action_rows import StoredAction
from heliograph.web.confirmation import Moving, is_agreed, question
from heliograph.web.form_fields import Hidden, TextLine, Ticks
from heliograph.web.forms import Form
from heliograph.web.list_count import many
from heliograph.web.pages import page
from heliograph.web.templatetags.moments import moment
from heliograph.web.toasts import say

AS_IT_WAS: Final = "was"
WATCH: Final = "feed"


HERE = "here"
"""The value of `back` of a form on a page that is no list of items: it is shown again."""


class SubmitForm(Form):
    """Which items are submitted, and how. The items are the ticked ones, all of one cause, or all that match the list's filters."""

    item = Ticks()
    """The keys of the ticked items."""
    cause = Hidden(strip=False)
    """The key of a cause, if all its items are meant."""
    all = Hidden()
    """Set if all items that match the filters are meant."""
    back = Hidden()
    """ "item" if the form is on the page of one item, "here" if it is on another page that is shown again."""
    page = Hidden()
    """The address of that other page, if a question stood in between."""
    how = TextLine()
    """ "was" to send with the mappings of the last attempt."""


@require_POST
@needs(Role.PLANNER)
def submit_items(request: AccountRequest) -> HttpResponse:
    """Submits ticked items, all of one cause, or all that match. More than AT_ONCE become a job."""
    pressed, filters = SubmitForm(request.POST).posted, RetryFilters(request)
    keys = list(pressed.get("item", ())[:AT_ONCE])
    # All items of a cause, all that match the list's filters, or only the ticked ones.
    retry_filter = filters.retry_filter if pressed.get("cause") or pressed.get("all") else None
    if retry_filter is not None and (refusal := filters.refuse_unread(filters.address(reverse("retry")))):
        return refusal
    if retry_filter is not None and (cause := pressed.get("cause")):
        retry_filter = RetryFilter(statuses=retry_filter.statuses, cause=cause[:LONGEST_CAUSE])
    retry_filter = submittable(retry_filter) if retry_filter is not None else None
    if retry_filter is not None:
        matching = keys_or_items(request.account.pk, retry_filter)
        if isinstance(matching, MatchingItems):
            job = submit_job.start(matching, "submit", by=request.user.actor)
            return HttpResponseRedirect(reverse("retry-job", args=(job.pk,)))
        keys = matching
    say_submitted(request, submit(request.account.pk, keys, as_it_was=pressed.get("how", "") == AS_IT_WAS))
    return _back_to(request, pressed, keys)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def discard_items(request: AccountRequest) -> HttpResponse:
    """Discards ticked items, or all of one cause, that were made in the other mode of their flow. A whole cause is confirmed first."""
    cause = RetryFilters(request).retry_filter.cause
    if cause:
        return _discard_cause(request, cause)
    if request.method != "POST":
        return HttpResponseRedirect(reverse("retry"))
    pressed = SubmitForm(request.POST).posted
    keys = list(pressed.get("item", ())[:AT_ONCE])
    say(request, _discarded_text(discard(request.account.pk, keys)))
    return _back_to(request, pressed, keys)


def _discard_cause(request: AccountRequest, cause: str) -> HttpResponse:
    try:
        count, flow = waiting_of_cause(request.account.pk, cause)
    except NothingWaits as error:
        say(request, translated(error))
        return HttpResponseRedirect(reverse("retry"))
    confirmation = question(
        Moving(ngettext("Discard %(n)s item?", "Discard all %(n)s items?", count.number) % {"n": many(count)}),
        frame="signal.html",
        crumbs=[(_("Retry"), reverse("retry"))],
        lead=_("They were made in the other mode of %(flow)s, Live or Test.") % {"flow": flow}
        if flow
        else _("They were made in their flow’s other mode, Live or Test."),
        notes=[_("Discarded items are Failed, and are not sent. You can still submit them one by one, or all of the cause.")],
        thing=cause,
        button=Moving(ngettext("Discard it", "Discard all %(n)s", count.number) % {"n": many(count)}),
        button_class="danger",
        cancel_href=reverse("retry"),
    )
    if not is_agreed(request, confirmation):
        return page(request, "confirmation.html", here="retry", **confirmation)
    result = discard_cause(request.account.pk, cause, by=request.user.actor)
    if isinstance(result, Job):
        return HttpResponseRedirect(reverse("retry-job", args=(result.pk,)))
    say(request, _discarded_text(result))
    return HttpResponseRedirect(reverse("retry"))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def resend_item(request: AccountRequest, item: str) -> HttpResponse:
    """Sends a delivered action a second time, as it was or with today's mapping (D1, D8).

    The form on the item's page says what would happen and offers both mappings, so it is obeyed at once. Any other form is asked first.
    """
    action = read_id(item[1:]) if item[:1] == "a" else None
    if action is None:
        raise Http404
    pressed = SubmitForm(request.POST).posted
    with account_reader(request.account.pk) as reader:
        retry_item = RetryQueue(reader).find(item)
        if retry_item is None or retry_item.action is None:
            raise Http404
        confirmation = _resend_question(request, pressed, retry_item, retry_item.action, reader.config)
    is_delivered = retry_item.action.state is ActionState.SUCCESS
    if is_delivered and not pressed.get("how") and not is_agreed(request, confirmation):
        return page(request, "confirmation.html", here="retry", **confirmation)
    try:
        resend(request.account.pk, action, as_it_was=pressed.get("how", "") == AS_IT_WAS)
    except NothingToSync as error:
        say(request, translated(error))
    else:
        keeps = hindrance(retry_item.prospect)
        made = _("A new action is created, which sends it again.") if keeps else _("It is sent again, as a new action.")
        say(request, f"{made} {keeps}".strip(), link=_("Watch it"), href=reverse(WATCH))
    return _back_to(request, pressed, [item], back="item")


def _resend_question(
    request: AccountRequest, pressed: Mapping[str, Any], retry_item: RetryItem, action: StoredAction, config: AccountConfig
) -> dict[str, Any]:
    """The question before a delivered action is sent a second time."""
    page_url = pressed.get("page") or request.headers.get("Referer", "")
    back = HERE if page_url and pressed.get("back") == HERE else "item"
    connection = retry_item.connection or _("Without a name")
    delivered_at = from_micros(action.ended or action.created)
    destination = destination_of(config, action.flow, action.destination)
    adds = destination is not None and destination.does is Does.ADDS
    item_url = reverse("retry-item", args=(retry_item.key,))
    name = (retry_item.person.name or retry_item.person.code) if retry_item.person else retry_item.event
    return question(
        _("Send it to %(connection)s again?") % {"connection": connection},
        frame="signal.html",
        crumbs=[(_("Retry"), reverse("retry")), (name, item_url)],
        lead=_("It was delivered on %(time)s.") % {"time": moment(delivered_at)},
        notes=[
            _("%(connection)s gets a second message or row.") % {"connection": connection}
            if adds
            else _("%(connection)s gets the same data a second time, with today’s mapping.") % {"connection": connection}
        ],
        hidden=[("back", back), ("page", page_url)],
        thing=retry_item.key,
        button=_("Send it again"),
        cancel_href=readable_page(request, page_url) if back == HERE else item_url,
    )


def _back_to(request: HttpRequest, pressed: Mapping[str, Any], keys: list[str], *, back: str = "") -> HttpResponse:
    """Leads back to the page that sent the form: an item's page, the filtered list, or where a registration stands.

    back: what stands for an empty `back` of the form
    """
    back = pressed.get("back") or back
    page_url = readable_page(request, pressed.get("page") or request.headers.get("Referer", ""))
    if back == HERE and page_url:
        return HttpResponseRedirect(page_url)
    if back == "item" and len(keys) == 1:
        return HttpResponseRedirect(reverse("retry-item", args=(keys[0],)))
    return HttpResponseRedirect(page_url if reverse("retry") in page_url else reverse("retry"))


def say_submitted(request: AccountRequest, submitted: Submitted) -> None:
    """Shows a message with the number of items submitted and what holds them up, and a link to the feed."""
    text = f"{_result_text(submitted)} {_held_text(request, submitted.done)}".strip()
    say(request, text, link=_("Watch them") if submitted.done else "", href=reverse(WATCH))


def _result_text(submitted: Submitted) -> str:
    if not submitted.done and not submitted.refused:
        return _("Nothing was selected.")
    parts = []
    judged = sum(key.startswith("r") for key in submitted.done)
    if queued := len(submitted.done) - judged:
        text = ngettext("%(n)d item is sent next on its connection.", "%(n)d items are sent next on their connection.", queued)
        parts.append(text % {"n": queued})
    if judged:
        text = ngettext(
            "%(n)d is checked again, which does not count as a retry.", "%(n)d are checked again, which does not count as a retry.", judged
        )
        parts.append(text % {"n": judged})
    if submitted.refused:
        count = len(submitted.refused)
        reasons = sorted(set(submitted.refused.values()))
        parts.append(ngettext("%(n)d was not submitted.", "%(n)d were not submitted.", count) % {"n": count} + " " + _(reasons[0]))
    return " ".join(parts)


def _held_text(request: AccountRequest, keys: Sequence[str]) -> str:
    """How many of these items cannot be sent at present, and why; "" if all can."""
    with account_reader(request.account.pk) as reader:
        items = RetryQueue(reader).actions_of_keys(keys)
    hindrances = Counter(text for item in items if (text := hindrance(item.prospect)))
    if len(items) == 1:
        return "".join(hindrances)
    return " ".join(
        ngettext("%(n)d of them: %(why)s", "%(n)d of them: %(why)s", count) % {"n": count, "why": why}
        for why, count in hindrances.most_common(3)
    )


def _discarded_text(count: int) -> str:
    if not count:
        return _("Only items made in their flow’s other mode are discarded, and none of these was.")
    text = ngettext(
        "%(n)d item is discarded. It is Failed, and is not sent.", "%(n)d items are discarded. They are Failed, and are not sent.", count
    )
    return text % {"n": count}
