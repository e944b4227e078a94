"""Sets the status of many registrations: first a confirmation, then a job with its progress."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.sentence_template import sentence_in
from heliograph.jobs.models import Job
from heliograph.jobs.page import JobPage, RefusedCell, RefusedRows, Sum
from heliograph.registrations import bulk_change
from heliograph.registrations.bulk_change import BulkPreview, Wish
from heliograph.registrations.views.registration_list_page import RegistrationFilters
from heliograph.setup.usage import Use
from heliograph.setup.views.uses import href_of
from heliograph.web.confirmation import Breaks, FlowThen, LinkedThing, Moving, is_agreed, question, shortened
from heliograph.web.field_names import flow_parts
from heliograph.web.form_fields import Hidden, Ticks
from heliograph.web.forms import Form
from heliograph.web.list_filters import LONGEST_FILTER
from heliograph.web.pages import page
from heliograph.web.toasts import say

ALL = "all"


class BulkStatusForm(Form):
    """The status that registrations get.

    of: "all" for the registrations that match the list's filters, otherwise the ticked ones.
    code: the ticked registrations, each as "event code".
    """

    to = Hidden(longest=LONGEST_FILTER)
    of = Hidden()
    code = Ticks()


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def set_status(request: AccountRequest) -> HttpResponse:
    """Shows the consequences. Starts the job once the person has agreed to them."""
    form, filters = BulkStatusForm(request.GET).posted, RegistrationFilters(request)
    back = filters.address(reverse("registrations"))
    if form["of"] == ALL:
        if refusal := filters.refuse_unread(back):
            return refusal
        wish = Wish(form["to"], filters=filters.registration_filter)
    else:
        pairs = (value.partition(" ") for value in form["code"][: bulk_change.MOST_PICKED])
        wish = Wish(form["to"], tuple(dict.fromkeys((event, code) for event, _space, code in pairs if event and code)))
    if not wish.status or (form["of"] != ALL and not wish.picked):
        say(request, _("Select rows, or choose all of them, and choose a status.") if wish.status else _("Choose the new status."))
        return HttpResponseRedirect(back)
    with account_reader(request.account.pk) as reader:
        config, preview = reader.config, bulk_change.preview(reader.db, reader.account, wish)
    confirmation = question(
        Moving(ngettext("Set %(n)s registration to %(status)s?", "Set %(n)s registrations to %(status)s?", preview.total) % {"n": intcomma(preview.total), "status": wish.status}),
        crumbs=[(_("Registrations"), back)],
        lead=_("Each counts as one change of its registration, and flows check it as if it were made by hand."),
        breaks=_breaks(preview, wish, config),
        thing=wish.status,
        button=Moving(_("Set %(n)s to %(status)s") % {"n": intcomma(preview.changes), "status": wish.status}) if preview.changes else "",
        cancel_href=back,
    )  # fmt: skip
    if is_agreed(request, confirmation):
        job = bulk_change.start(request.account.pk, wish, preview.total, by=request.user.actor)
        return HttpResponseRedirect(reverse("job", args=(job.pk,)))
    return page(request, "confirmation.html", section="registrations", here="registrations", **confirmation)


def _breaks(preview: BulkPreview, wish: Wish, config: AccountConfig) -> list[Breaks]:
    change = ngettext("%(n)s registration changes", "%(n)s registrations change", preview.changes) % {"n": intcomma(preview.changes)}
    already = ngettext("%(n)s is %(status)s already", "%(n)s are %(status)s already", preview.already) % {
        "n": intcomma(preview.already),
        "status": wish.status,
    }
    breaks = [
        Breaks(
            Moving(f"{change}, {already}" if preview.already else change),
            Moving(_("Nothing is recorded for those.")) if preview.already else "",
        )
    ]
    if preview.lacking:
        title = ngettext(
            "%(n)s cannot have it: its event has no such status", "%(n)s cannot have it: their events have no such status", preview.lacks
        )
        items = [LinkedThing(code, reverse("custom-statuses", args=(code,)), Moving(intcomma(n))) for code, n in preview.lacking]
        breaks.append(Breaks(Moving(title % {"n": intcomma(preview.lacks)}), tone="wait", items=shortened(items)))
    if preview.flows:
        names = sentence.SentenceNames.from_config(config)
        title = ngettext("%(n)d Live flow may act on this", "%(n)d Live flows may act on this", len(preview.flows)) % {
            "n": len(preview.flows)
        }
        flows = [FlowThen(f.name, flow_parts(f, names), href_of(Use("flow", f.id, f.name))) for f in preview.flows]
        breaks.append(Breaks(title, flows=flows))
    else:
        breaks.append(Breaks(_("No Live flow acts on this")))
    return breaks


def job_page(job: Job) -> JobPage:
    """The contents of the job's page."""
    counts, status = job.counts, str(job.parameters["status"])
    refused = [row for row in job.result.get("refused", ()) if isinstance(row, dict)]
    refused_count = int(counts.get("refused", 0))
    sums = [
        Sum(_("Changed"), int(counts.get("changed", 0))),
        Sum(_("%(status)s already") % {"status": status}, int(counts.get("already", 0)), _("Nothing recorded")),
        Sum(_("Refused"), refused_count, href="#refused" if refused_count else "", tone="failed" if refused_count else ""),
    ]
    gone = int(job.parameters["total"]) - int(job.done)
    if job.is_over and gone > 0:
        sums.append(Sum(_("Changed in the meantime"), gone, _("Somebody changed it after you asked for this, or it no longer exists")))
    sums.append(Sum(_("Registrations"), int(job.parameters["total"]), total=True))
    return JobPage(
        heading=_("The status is set") if job.is_over else _("Setting the status"),
        lead=_("To %(status)s.") % {"status": status},
        crumbs=[(_("Registrations"), reverse("registrations"))],
        label=_("Setting status"),
        sums=sums,
        refused=_refused(refused, refused_count) if refused_count and job.is_over else None,
        links=[(_("Back to Registrations"), reverse("registrations"), "primary")],
        stop_note=_("Changes made so far stay."),
    )


def _refused(rows: list[dict[str, Any]], count: int) -> RefusedRows:
    reasons = {
        bulk_change.LATER: _("Somebody gave it another status after you asked for this"),
        bulk_change.MEANWHILE: _("Somebody saved it at that very moment"),
    }
    heads = [_("Registration"), _("Status then"), _("Reason")]
    table = [
        [
            RefusedCell(heads[0], row["code"], reverse("registration", args=(row["event"], row["code"]))),
            RefusedCell(heads[1], row["status"]),
            RefusedCell(heads[2], reasons.get(row["reason"]) or translated(sentence_in(row, "reason"))),
        ]
        for row in rows
    ]
    title = ngettext("%(n)s was refused", "%(n)s were refused", count) % {"n": intcomma(count)}
    text = _("The first %(n)s of them:") % {"n": intcomma(len(rows))} if count > len(rows) else ""
    return RefusedRows(title, text, heads, table)
