"""Copies and deletes flows (F1, P12)."""

from __future__ import annotations

from typing import Any, Unpack

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow import sentence
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.flows.flow_list import FlowList
from heliograph.flows.services.flows import copy_flow, delete_flow
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.store.django_database import read_database
from heliograph.web.confirmation import Moving, QuestionParts, is_agreed, question, with_fields
from heliograph.web.field_names import flow_parts
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import Form
from heliograph.web.list_count import many
from heliograph.web.pages import page
from heliograph.web.toasts import say


class CopyFlowForm(Form):
    """The name of the copy."""

    name = TextLine(gettext_lazy("Name of the copy"))


def _flow_and_context(request: AccountRequest, id: int) -> tuple[Flow, dict[str, Any]]:
    """The flow, and its context for a confirmation page. Raises Http404."""
    with account_reader(request.account.pk) as reader:
        config = reader.config
    flow = config.flows.get(id)
    if flow is None:
        raise Http404
    return flow, {
        "name": flow.name or _("Without a name"),
        "sentence": flow_parts(flow, sentence.SentenceNames.from_config(config)),
        "href": reverse("flow", args=(id,)),
    }


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def copy(request: AccountRequest, flow: int) -> HttpResponse:
    """Asks for the name of the copy, creates the copy and opens it."""
    original, flow_context = _flow_and_context(request, flow)
    usual = _("Copy of %(name)s") % {"name": original.name} if original.name else ""
    form = CopyFlowForm(request.POST if request.method == "POST" else None, initial={"name": usual})
    confirmation = _question(
        flow_context,
        _("Copy %(name)s") % {"name": flow_context["name"]},
        lead=_("The copy has the same source, filters and destinations. It is switched off and in Test, since two active ones would send everything twice."),
        thing=original.number,
        button=_("Copy"),
    )  # fmt: skip
    if form.is_valid() and is_agreed(request, confirmation):
        try:
            with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
                row = copy_flow(transaction, flow, name=form.cleaned_data["name"])
        except Invalid as error:
            form.refuse(error, names=dict.fromkeys(error.fields, "name"))
        else:
            say(request, _("The copy is off and in Test: look it over, then switch it on."))
            return HttpResponseRedirect(reverse("flow", args=(row.pk,)))
    return page(request, "confirmation.html", here="flows", **with_fields(confirmation, form))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def delete(request: AccountRequest, flow: int) -> HttpResponse:
    """Deletes a flow, after a confirmation page that says what happens to its undelivered actions (P12)."""
    stored_flow, flow_context = _flow_and_context(request, flow)
    with read_database() as db:
        flow_list = FlowList(db, request.account.pk)
        waiting, untagged, undecided = flow_list.undelivered(flow), flow_list.untagged(flow), flow_list.waiting_for_it(flow)
    notes = [_("It acts on no further change. What it sent, and its figures, stay.")]
    if waiting:
        text = ngettext(
            "%(n)s of its actions is not delivered yet. It ends as Failed.",
            "%(n)s of its actions are not delivered yet. They end as Failed.",
            waiting,
        )
        notes.append(Moving(text % {"n": many(waiting)}))
    if untagged:
        text = ngettext(
            "%(n)s change waits for a tag. It will not be sent any more.",
            "%(n)s changes wait for a tag. They will not be sent any more.",
            untagged,
        )
        notes.append(Moving(text % {"n": many(untagged)}))
    if undecided:
        text = ngettext(
            "%(n)s change waits for the flow. It will not be sent any more.",
            "%(n)s changes wait for the flow. They will not be sent any more.",
            undecided,
        )
        notes.append(Moving(text % {"n": many(undecided)}))
    if stored_flow.mode is Mode.LIVE and stored_flow.active:
        notes.append(_("It is Live and on."))
    confirmation = _question(
        flow_context,
        _("Delete %(name)s?") % {"name": flow_context["name"]},
        notes=notes,
        thing=stored_flow.number,
        button=_("Delete the flow"),
        button_class="danger",
        cancel=_("Keep it"),
    )
    if not is_agreed(request, confirmation):
        return page(request, "confirmation.html", here="flows", **confirmation)
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        delete_flow(transaction, flow)
    say(request, _("“%(name)s” is deleted.") % {"name": flow_context["name"]})
    return HttpResponseRedirect(reverse("flow-list"))


def _question(flow: dict[str, Any], heading: str, **parts: Unpack[QuestionParts]) -> dict[str, Any]:
    """The confirmation page's context for an operation on a flow."""
    usual: QuestionParts = {"frame": "signal.html", "sentence": flow["sentence"], "cancel_href": flow["href"]}
    return question(heading, **usual | parts)
