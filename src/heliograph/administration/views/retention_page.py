"""Account Settings > Management > Retention: how long content and records are kept, and what is removed next (O4, X6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Account, Role
from heliograph.accounts.roles import AccountRequest, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.retention import GRACE, Terms
from heliograph.setup.services import retention_terms as service
from heliograph.setup.services.retention_terms import RemovalOutlook
from heliograph.setup.services.setup_save import acting, saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import form_page, readonly, settings_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.store.instants import from_micros
from heliograph.store.queue.removal import Survey
from heliograph.store.retention_record import Removed
from heliograph.web.confirmation import Breaks, LinkedThing, Moving, is_agreed, question
from heliograph.web.form_fields import Hidden, TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.templatetags.moments import minute
from heliograph.web.toasts import say


class RetentionForm(SharedForm):
    """The terms of content and of records, in days."""

    content = TextLine(gettext_lazy("Content, in days"), inputmode="numeric", autocomplete="off")
    rows = TextLine(gettext_lazy("Records, in days"), inputmode="numeric", autocomplete="off")


class ButtonForm(Form):
    """The buttons beside the form of the terms."""

    begin = Hidden()
    """Not empty if a removal is to begin before its announced time."""


@require_http_methods(["GET", "HEAD", "POST"])
def retention(request: AccountRequest) -> HttpResponse:
    """Shows and saves the terms, shows what they remove next, and lets a removal begin before its time."""
    row = Account.objects.get(pk=request.account.pk)  # the request's instance is older than its count of saves (accounts/save_order.py)
    most = service.installation_terms()
    form = RetentionForm(posted(request), stored={"content": row.content_days or "", "rows": row.row_days or ""})
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
        begins = bool(ButtonForm(request.POST).posted.get("begin"))
        done = _begun(request, service.terms_of(row)) if begins else _posted(request, form, service.terms_of(row))
        if done is not None:
            return done
    form.say("content", help=_usual(most.content), placeholder=str(most.content))
    form.say("rows", help=_usual(most.rows), placeholder=str(most.rows))
    terms = service.terms_of(row)
    with account_reader(row.pk) as reader:
        outlook = service.removal_outlook(reader.db, row.pk, terms)
    removal = outlook.removal
    return form_page(
        request,
        form,
        _("Retention"),
        entry="retention",
        template="administration/retention.html",
        lead=_("Personal data in old requests is deleted first, then the log entries. Totals are kept."),
        cancel_href=request.path,
        readonly=readonly(request, Role.ADMINISTRATOR),
        facts=[(_("Content"), _days(terms.content)), (_("Records"), _days(terms.rows))],
        next=_counts(removal.removed),
        more=removal.more,
        oldest=from_micros(removal.oldest) if removal.oldest is not None else None,
        waiting=removal.waiting,
        ending=removal.ending,
        when=_when(outlook) if removal.may_remove else "",
        may_begin=removal.may_remove and not outlook.has_begun,
        days=[(from_micros(day.at), _counts(day.removed)) for day in outlook.days],
        names=[name for name, _n in _counts(Removed())],
    )


def _posted(request: AccountRequest, form: RetentionForm, before: Terms) -> HttpResponse | None:
    """Saves the terms, or asks first if they remove more than the old ones. None: the form is shown again."""
    if not form.is_valid():
        return None
    try:
        content, rows = service.typed_terms(form.cleaned_data["content"], form.cleaned_data["rows"])
    except Invalid as error:
        form.refuse(error)
        return None
    terms = service.installation_terms().shortened(content, rows)
    removal = service.agreed_removal(request.account.pk, terms, before)
    if removal is not None:
        typed = [(name, form.data.get(name, "")) for name in form.fields]
        confirmation = _question(request, _("Keep less, and remove what is older?"), terms, removal, typed)
        if not is_agreed(request, confirmation):
            return _confirmation_page(request, confirmation)
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        service.save_terms(transaction, content, rows, seen=removal is not None)
    say(request, _("Retention saved."))
    return HttpResponseRedirect(request.path)


def _begun(request: AccountRequest, terms: Terms) -> HttpResponse:
    removal = service.counted_removal(request.account.pk, terms)
    if not removal.may_remove:
        say(request, _("Nothing is older than the limit."))
        return HttpResponseRedirect(request.path)
    confirmation = _question(request, _("Remove it now?"), terms, removal, [("begin", "1")])
    if not is_agreed(request, confirmation):
        return _confirmation_page(request, confirmation)
    with acting(request.account.pk):
        service.begin_removal(request.account.pk, by=request.user.actor)
    say(request, _("The removal starts within the hour."))
    return HttpResponseRedirect(request.path)


def _confirmation_page(request: AccountRequest, confirmation: dict[str, Any]) -> HttpResponse:
    return settings_page(request, "confirmation.html", entry="retention", **confirmation)


def _question(request: AccountRequest, heading: str, terms: Terms, removal: Survey, hidden: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The confirmation page's context. It promises three facts about the removal (P15), besides the terms:

        - whether anything is removed
        - whether there may be more than was counted
        - whether the content of a change that waits for a tag or a save is removed

    The counts are not promised, because they grow by themselves.
    """
    least = _("At least this much is removed, the oldest of %(when)s:") if removal.more else _("This is removed, the oldest of %(when)s:")
    items = [LinkedThing(Moving(f"{name}: {intcomma(n)}")) for name, n in _counts(removal.removed)]
    when = minute(from_micros(removal.oldest)) if removal.oldest is not None else ""
    notes: list[str] = [_("Totals are kept. Items that are tried again stay until they have ended.")]
    if removal.more and not removal.removed:
        notes.append(Moving(_("There is too much old data to check all of it: more may be removed than is counted here.")))
    if removal.ending:
        text = ngettext(
            "%(n)s of the older changes waits for somebody to set something right, such as a tag or a flow that is off: it can no longer be sent then.",
            "%(n)s of the older changes wait for somebody to set something right, such as a tag or a flow that is off: they can no longer be sent then.",
            removal.ending,
        )
        notes.append(Moving(text % {"n": intcomma(removal.ending)}))
    return question(
        heading,
        lead=_("Content is kept for %(content)s, records for %(rows)s. Older data is removed from the next hour on. You can’t undo this.")
        % {"content": _days(terms.content), "rows": _days(terms.rows)},
        notes=notes,
        crumbs=[(_("Retention"), request.path)],
        breaks=[Breaks(Moving(least % {"when": when}), items=items)] if removal.removed else [],
        hidden=list(hidden),
        thing=(bool(removal.removed), removal.more, bool(removal.ending)),
        button=_("Remove it"),
        button_class="danger",
        cancel=_("Keep it"),
        cancel_href=request.path,
    )


def _when(outlook: RemovalOutlook) -> str:
    """When the removal by the terms begins, in words."""
    if outlook.notice is None:
        if not outlook.removal.removed:
            return _(
                "If anything is removed, it is announced within the hour. The removal starts %(days)s days later, or when an Administrator starts it."
            ) % {"days": GRACE}
        return _("The removal is announced within the hour. It starts %(days)s days later, or when an Administrator starts it.") % {
            "days": GRACE
        }
    if outlook.has_begun:
        return _("The removal runs every hour, in small steps.")
    return _("The removal starts on %(when)s, or when an Administrator starts it.") % {"when": minute(from_micros(outlook.notice.begins))}


def _counts(removed: Removed) -> list[tuple[str, int]]:
    return [
        (_("Contents"), removed.contents),
        (_("Changes"), removed.changes),
        (_("Decisions"), removed.runs),
        (_("Actions"), removed.actions),
        (_("Attempts"), removed.attempts),
    ]


def _days(days: int) -> str:
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": intcomma(days)}


def _usual(days: int) -> str:
    return _("At most %(n)s, the limit of this installation; leave it empty for that.") % {"n": intcomma(days)}
