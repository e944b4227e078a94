"""Submit to Retry Queue, discard, and Resend: what people do about items (guide: Submitting to the Queue; D8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.models import Role
from heliograph.accounts.return_address import leads_to_us
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.deliveries.database import AccountReader, reading
from heliograph.deliveries.prospect_words import hindrance
from heliograph.deliveries.submit import AT_ONCE, NothingToSync, Submitted, discard, resend, submit
from heliograph.domain.ids import read_id
from heliograph.jobs.models import Job
from heliograph.retry import submit_job
from heliograph.retry.retry_items import OPEN, RetryFilter, parts_of
from heliograph.retry.retry_queue import RetryQueue
from heliograph.retry.submit_job import ItemDeed, submittable
from heliograph.retry.views.group_rows import many
from heliograph.retry.views.retry_filters import LONGEST_CAUSE, RetryFilters
from heliograph.setup.services.save import acting
from heliograph.setup.views.frame import by
from heliograph.web.confirmation import Moving, is_agreed, question, status_of
from heliograph.web.form_fields import Hidden, TextLine, Ticks
from heliograph.web.forms import Form
from heliograph.web.pages import page
from heliograph.web.toasts import say

AS_IT_WAS: Final = "was"
WATCH: Final = "feed"


class SubmitForm(Form):
    """item: the checked items; cause: or all of one cause; all: or all that match the list's filters; back: "item" if sent from one item's page.
    how: "was" for the mappings of then."""

    item = Ticks()
    cause = Hidden(strip=False)
    all = Hidden()
    back = Hidden()
    how = TextLine()


@require_POST
@needs(Role.PLANNER)
def submit_items(request: AccountRequest) -> HttpResponse:
    """Submits checked items, all of one cause, or all that match. Many are a job."""
    pressed = SubmitForm(request.POST).posted
    keys = list(pressed.get("item", ())[:AT_ONCE])
    wanted = _wanted(request, pressed.get("cause", ""), all_match=bool(pressed.get("all")))
    if wanted is not None:
        found = _keys_or_job(request, wanted, "submit")
        if isinstance(found, Job):
            return HttpResponseRedirect(reverse("retry-job", args=(found.pk,)))
        keys = found
    say_submitted(request, submit(request.account.pk, keys, as_it_was=pressed.get("how", "") == AS_IT_WAS))
    return _back_to(request, pressed.get("back", ""), keys)


def _wanted(request: AccountRequest, cause: str, *, all_match: bool) -> RetryFilter | None:
    """All that is meant by one press: a cause's items, or those of the list's filters; None where only ticked ones are."""
    if cause:
        statuses = RetryFilters(request).wanted.statuses
        return submittable(RetryFilter(statuses=statuses, cause=cause[:LONGEST_CAUSE]))
    return submittable(RetryFilters(request).wanted) if all_match else None


def _keys_or_job(request: AccountRequest, wanted: RetryFilter, deed: ItemDeed) -> list[str] | Job:
    """The keys of all that match, oldest first; a job where they are too many for one transaction."""
    with reading(request.account.pk) as of:
        keys = [item.key for item in islice(RetryQueue(of).all_of(wanted), AT_ONCE + 1)]
        if len(keys) <= AT_ONCE:
            return keys
        with transaction.atomic():
            return submit_job.start(of, wanted, deed, by=by(request))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def discard_items(request: AccountRequest) -> HttpResponse:
    """Ends ticked items, or all of one cause, that were made in their flow's other mode. About a whole cause it asks first."""
    cause = RetryFilters(request).wanted.cause
    if cause:
        return _discard_cause(request, RetryFilter(statuses=OPEN, cause=cause))
    if request.method != "POST":
        return HttpResponseRedirect(reverse("retry"))
    pressed = SubmitForm(request.POST).posted
    keys = list(pressed.get("item", ())[:AT_ONCE])
    say(request, _discarded_text(discard(request.account.pk, keys)))
    return _back_to(request, pressed.get("back", ""), keys)


def _discard_cause(request: AccountRequest, wanted: RetryFilter) -> HttpResponse:
    with reading(request.account.pk) as of:
        n, flow = RetryQueue(of).count(wanted), _flow_of(of, wanted)
    if n.is_none:
        say(request, _("None of them waits any more."))
        return HttpResponseRedirect(reverse("retry"))
    asked = question(
        Moving(ngettext("Discard %(n)s item?", "Discard all %(n)s items?", n.n) % {"n": many(n)}),
        frame="signal.html",
        crumbs=[(_("Retry"), reverse("retry"))],
        lead=_("They were made in the other mode of %(flow)s, Live or Test.") % {"flow": flow}
        if flow
        else _("They were made in their flow’s other mode, Live or Test."),
        notes=[_("Discarded, they are Failed, and are not sent. They can still be submitted one by one, or all of the cause.")],
        thing=wanted.cause,
        button=Moving(ngettext("Discard it", "Discard all %(n)s", n.n) % {"n": many(n)}),
        button_class="danger",
        cancel_href=reverse("retry"),
    )
    if not is_agreed(request, asked):
        return page(request, "confirmation.html", here="retry", status=status_of(asked), **asked)
    with acting(request.account.pk):
        found = _keys_or_job(request, wanted, "discard")
        if not isinstance(found, Job):
            say(request, _discarded_text(discard(request.account.pk, found)))
    return HttpResponseRedirect(reverse("retry-job", args=(found.pk,)) if isinstance(found, Job) else reverse("retry"))


def _flow_of(of: AccountReader, wanted: RetryFilter) -> str:
    flow = parts_of(wanted.cause).flow
    return of.flow_names([flow]).get(flow, "") if flow else ""


@require_POST
@needs(Role.PLANNER)
def resend_item(request: AccountRequest, item: str) -> HttpResponse:
    """Resend: sends a delivered action a second time, as it was or with today's mapping (D1, D8)."""
    action = read_id(item[1:]) if item[:1] == "a" else None
    if action is None:
        raise Http404
    with reading(request.account.pk) as of:
        found = RetryQueue(of).find(item)
        if found is None:
            raise Http404
    try:
        resend(request.account.pk, action, as_it_was=SubmitForm(request.POST).posted.get("how", "") == AS_IT_WAS)
    except NothingToSync as error:
        say(request, _(str(error)))
    else:
        keeps = hindrance(found.prospect)
        made = _("A new action is made, which sends it again.") if keeps else _("It is sent again, as a new action.")
        say(request, f"{made} {keeps}".strip(), link=_("Watch it"), href=reverse(WATCH))
    return HttpResponseRedirect(reverse("retry-item", args=(item,)))


def _back_to(request: HttpRequest, back: str, keys: list[str]) -> HttpResponse:
    """The item's page, or the filtered list, whichever the form was sent from."""
    if back == "item" and len(keys) == 1:
        return HttpResponseRedirect(reverse("retry-item", args=(keys[0],)))
    came = request.headers.get("Referer", "")
    return HttpResponseRedirect(came if leads_to_us(request, came) and reverse("retry") in came else reverse("retry"))


def say_submitted(request: AccountRequest, said: Submitted) -> None:
    """Says what became of it and what keeps it, with a link to the feed."""
    text = f"{_result_text(said)} {_kept_text(request, said.done)}".strip()
    say(request, text, link=_("Watch them") if said.done else "", href=reverse(WATCH))


def _result_text(said: Submitted) -> str:
    if not said.done and not said.refused:
        return _("Nothing was ticked.")
    parts = []
    judged = sum(key.startswith("r") for key in said.done)
    if n := len(said.done) - judged:
        text = ngettext(
            "%(n)d item is at the front of its connection’s queue.", "%(n)d items are at the front of their connection’s queue.", n
        )
        parts.append(text % {"n": n})
    if judged:
        text = ngettext("%(n)d is judged again, which is no retry.", "%(n)d are judged again, which is no retry.", judged)
        parts.append(text % {"n": judged})
    if said.refused:
        n = len(said.refused)
        reasons = sorted(set(said.refused.values()))
        parts.append(ngettext("%(n)d was not submitted.", "%(n)d were not submitted.", n) % {"n": n} + " " + _(reasons[0]))
    return " ".join(parts)


def _kept_text(request: AccountRequest, keys: Sequence[str]) -> str:
    """How many of these items nothing sends just now, and why; "" for none."""
    with reading(request.account.pk) as of:
        items = RetryQueue(of).of_keys(keys)
    hindrances = Counter(text for item in items if (text := hindrance(item.prospect)))
    if len(items) == 1:
        return "".join(hindrances)
    return " ".join(
        ngettext("%(n)d of them: %(why)s", "%(n)d of them: %(why)s", n) % {"n": n, "why": why} for why, n in hindrances.most_common(3)
    )


def _discarded_text(n: int) -> str:
    said = ngettext(
        "%(n)d item is discarded. It is Failed, and is not sent.", "%(n)d items are discarded. They are Failed, and are not sent.", n
    )
    return said % {"n": n} if n else _("Only what was made in its flow’s other mode is discarded, and none of these was.")
