"""Clears Is Active, which is how a registration is deleted, and sets it again (P8): a confirmation with the consequences for flows, then
one change."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.flow import sentence
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.registrations import draft
from heliograph.registrations.active_change import flows_acting, set_active
from heliograph.registrations.draft import Opened
from heliograph.registrations.views.problems import problem_sentence
from heliograph.setup.services.setup_save import acting
from heliograph.setup.usage import Use
from heliograph.setup.views.uses import href_of
from heliograph.store.database import Database
from heliograph.store.django_database import read_database
from heliograph.web.confirmation import Breaks, FlowThen, is_agreed, question
from heliograph.web.field_names import flow_parts
from heliograph.web.form_fields import Select
from heliograph.web.forms import Form
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

ACTIVE, INACTIVE = "active", "inactive"


class IsActiveForm(Form):
    """The new value of Is Active."""

    to = Select(options=[Choice(ACTIVE, ""), Choice(INACTIVE, "")])


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def is_active(request: AccountRequest, event: str, code: str) -> HttpResponse:
    """Asks, then records the change. The confirmation contains the new value, so a second click does not revert it."""
    form = IsActiveForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and form.cleaned_data["to"]:
        return _save(request, event, code, active=form.cleaned_data["to"] == ACTIVE)
    with read_database() as db:
        registration = _opened(db, request, event, code)
        return _asks(request, _question(registration))


def _asks(request: AccountRequest, confirmation: dict[str, Any]) -> HttpResponse:
    return page(request, "confirmation.html", section="registrations", here="registrations", **confirmation)


def _opened(db: Database, request: AccountRequest, event: str, code: str) -> Opened:
    registration = draft.opened(db, request.account.pk, event, code)
    if registration is None:
        raise Http404
    return registration


def _save(request: AccountRequest, event: str, code: str, *, active: bool) -> HttpResponse:
    with acting(request.account.pk) as db:
        registration = _opened(db, request, event, code)
        confirmation = _question(registration)
        if registration.state.active == active:
            say(request, _("Is Active was set already.") if active else _("Is Active was cleared already."))
        elif not is_agreed(request, confirmation):
            return _asks(request, confirmation)
        else:
            answer = set_active(db, registration, active=active, by=request.user.actor)
            if answer.outcome is ItemOutcome.REFUSED:
                say(request, " ".join(problem_sentence(p.reason, p.allowed) for p in answer.problems))
            else:
                done = _("Is Active is set.") if active else _("Is Active is cleared.")
                say(request, done, link=_("Timeline"), href=reverse("timeline", args=(registration.event.code, registration.code)))
    return HttpResponseRedirect(reverse("registration", args=(event, code)))


def _question(registration: Opened) -> dict[str, Any]:
    name, listed, clears = registration.name or registration.code, reverse("registrations"), registration.state.active
    takes = flows_acting(registration)
    names = sentence.SentenceNames.from_config(registration.account)
    flows = [FlowThen(f.name, flow_parts(f, names), href_of(Use("flow", f.id, f.name))) for f in takes]
    if clears:
        title = _("One last change, Updated, is recorded")
        later = _("Later saves are recorded, but flows ignore them until Is Active is set again.")
    else:
        title = _("One change, Updated, is recorded")
        later = _("Flows act on later saves again. Earlier saves are not sent automatically.")
    acts = (
        ngettext("This flow acts on that one.", "These %(n)d flows act on that one.", len(flows)) % {"n": len(flows)}
        if flows
        else _("By today’s rules no flow acts on that one.")
    )
    return question(
        (_("Clear Is Active of %(name)s?") if clears else _("Set Is Active of %(name)s?")) % {"name": name},
        lead=_("This is how you delete a registration: it is kept, with its history.") if clears else "",
        crumbs=[(_("Registrations"), listed), (registration.event.code, f"{listed}?{urlencode({'event': registration.event.id})}")],
        breaks=[Breaks(title, f"{acts} {later}", flows=flows)],
        hidden=[("to", INACTIVE if clears else ACTIVE)],
        button=_("Clear Is Active") if clears else _("Set Is Active"),
        button_class="danger" if clears else "primary",
        cancel_href=reverse("registration", args=(registration.event.code, registration.code)),
    )
