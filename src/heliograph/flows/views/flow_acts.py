"""Copying and deleting a flow; its versions, and restoring one (F1, F10, P12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_scopes import scope

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.domain import sentence
from heliograph.domain.completeness import missing
from heliograph.domain.flows import Flow, Mode
from heliograph.domain.ids import read_id
from heliograph.flows import words
from heliograph.flows.errors import AsksFirst
from heliograph.flows.flow_facts import Difference, differences, facts, names_of
from heliograph.flows.flow_list import FlowList
from heliograph.flows.models import FLOW_NAME_LENGTH
from heliograph.flows.services.flows import copy_flow, delete_flow, flow_row, restorable, restore_flow
from heliograph.flows.services.versions import Version, history
from heliograph.flows.views.people import names_of_users
from heliograph.platform.errors import Invalid, NotThere
from heliograph.platform.services.saving import saving
from heliograph.platform.views.frame import account_config, by, reading
from heliograph.web.fields import Field
from heliograph.web.pages import page
from heliograph.web.toasts import say

QUESTION = "flows/flow_question.html"
SHOWN = 100
"""Versions of a list, the newest."""


def _known(request: AccountRequest, id: int) -> tuple[Flow, dict[str, Any]]:
    """The flow, and how a question shows it. Raises Http404."""
    with transaction.atomic(using="read"):
        config = account_config(request, reading())
        found = config.flows.get(id)
        if found is None:
            raise Http404
        name = found.name or _("Without a name")
        return found, {"name": name, "sentence": sentence.parts(found, sentence.Names.of(config), _), "href": reverse("flow", args=(id,))}


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def copy(request: AccountRequest, flow: int) -> HttpResponse:
    """Asks for the copy's name, then makes it and opens it."""
    found, shown = _known(request, flow)
    typed = request.POST.get("name", _("Copy of %(name)s") % {"name": found.name} if found.name else "")[: FLOW_NAME_LENGTH + 1]
    error = ""
    if request.method == "POST":
        try:
            with saving(request.account.pk, by=by(request), whole_account=True) as s:
                row = copy_flow(s, flow, name=typed)
        except NotThere:
            raise Http404 from None
        except Invalid as refusal:
            error = " ".join(_(sentence) for said in refusal.fields.values() for sentence in said)
        else:
            say(request, _("The copy is off and in Test: look it over, then switch it on."))
            return HttpResponseRedirect(reverse("flow", args=(row.pk,)))
    return page(
        request,
        QUESTION,
        here="flows",
        status=422 if error else 200,
        flow=shown,
        heading=_("Copy %(name)s") % {"name": shown["name"]},
        lead=_("The copy has the same source, filters and destinations. It is switched off and in Test, since two active ones would send everything twice."),
        notes=[],
        fields=[Field(id="name", label=_("Name of the copy"), value=typed, error=error)],
        button=_("Copy"),
        button_class="primary",
        cancel=_("Cancel"),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def delete(request: AccountRequest, flow: int) -> HttpResponse:
    """Says what becomes of what was not delivered, then deletes (P12)."""
    found, shown = _known(request, flow)
    if request.method == "POST":
        try:
            with saving(request.account.pk, by=by(request), whole_account=True) as s:
                delete_flow(s, flow)
        except NotThere:
            raise Http404 from None
        say(request, _("“%(name)s” is deleted.") % {"name": shown["name"]})
        return HttpResponseRedirect(reverse("flow-list"))
    with transaction.atomic(using="read"):
        waiting = FlowList(reading(), request.account.pk).undelivered(flow)
    notes = [_("It takes no further change. What it sent, and its figures, stay.")]
    if waiting:
        text = ngettext(
            "%(n)s action of it is not delivered yet. It ends as Failed.",
            "%(n)s actions of it are not delivered yet. They end as Failed.",
            waiting,
        )
        notes.append(text % {"n": _("more than 10,000") if waiting > 10_000 else f"{waiting:,}"})
    if found.mode is Mode.LIVE and found.active:
        notes.append(_("It is Live and on."))
    return page(
        request,
        QUESTION,
        here="flows",
        flow=shown,
        heading=_("Delete %(name)s?") % {"name": shown["name"]},
        lead="",
        notes=notes,
        fields=[],
        button=_("Delete the flow"),
        button_class="danger",
        cancel=_("Keep it"),
    )


@require_safe
def versions(request: AccountRequest, flow: int) -> HttpResponse:
    """Every version with who made it when, what one of them changed, and what restoring it would change (F10)."""
    return _versions(request, flow, request.GET.get("version", ""), asked=bool(request.GET.get("restore")))


def _versions(request: AccountRequest, id: int, number: str, *, asked: bool = False, refusal: str = "") -> HttpResponse:
    account = request.account.pk
    edits = may(request.user, Role.ADMINISTRATOR)
    with transaction.atomic(using="read"), scope(account=account):
        try:
            row = flow_row(id)
        except NotThere:
            raise Http404 from None
        found = history(reading(), account, "flow", id)
        config = account_config(request, reading())
        newest = found[0]
        chosen = next((v for v in found if str(v.number) == number), found[1] if len(found) > 1 else newest)
        if number and str(chosen.number) != number:
            raise Http404
        before, after = (chosen, newest) if chosen is not newest else (found[1] if len(found) > 1 else None, newest)
        flows = [Flow.from_body(id, v.number, v.body) for v in found]
        names = names_of(config, flows)
        told = {v.number: facts(flow, names) for v, flow in zip(found, flows, strict=True)}
        rows = differences(told[before.number] if before else [], told[after.number])
        then = restorable(id, chosen)
        lacks = missing(then, config) if chosen is not newest else ()
    people = names_of_users(account, [v.by for v in found])
    return page(
        request,
        "flows/flow_versions.html",
        here="flows",
        status=422 if refusal else 200,
        flow={"id": id, "name": row.name or _("Without a name")},
        versions=[_version(v, told, i, found, people, chosen) for i, v in enumerate(found[:SHOWN])],
        chosen=chosen.number,
        newest=newest.number,
        first=before is None,
        is_newest=chosen is newest,
        rows=rows,
        same=bool(before) and not rows,
        edits=edits,
        asked=asked and edits and chosen is not newest,
        stops=[words.lacking(m, then) for m in lacks] if row.is_complete else [],
        sentence=sentence.parts(then, names, _),
        refusal=refusal,
    )


def _version(
    v: Version, told: dict[int, list[Any]], at: int, found: Sequence[Version], people: dict[str, str], chosen: Version
) -> dict[str, Any]:
    changed: list[Difference] = differences(told[found[at + 1].number], told[v.number]) if at + 1 < len(found) else []
    labels = list(dict.fromkeys(row.label for row in changed))
    what = ", ".join(labels[:3]) + (_(" and more") if len(labels) > 3 else "")
    return {"number": v.number, "at": v.at, "by": people.get(v.by, ""), "on": v is chosen, "what": what or _("Made")}


@require_POST
@needs(Role.ADMINISTRATOR)
def restore(request: AccountRequest, flow: int) -> HttpResponse:
    """Makes a past version the newest."""
    number = read_id(request.POST.get("version", ""))
    if number is None:
        raise Http404
    try:
        with saving(request.account.pk, by=by(request), whole_account=True) as s:
            restore_flow(s, flow, number, confirmed=request.POST.get("sure") == "yes")
    except NotThere:
        raise Http404 from None
    except AsksFirst:
        return _versions(request, flow, str(number), asked=True)
    except Invalid as error:
        said = " ".join(_(sentence) for texts in error.fields.values() for sentence in texts)
        why = _("Version %(number)s names what is not there any more. %(said)s") % {"number": number, "said": said}
        return _versions(request, flow, str(number), refusal=why)
    say(request, _("Version %(number)s is restored.") % {"number": number})
    return HttpResponseRedirect(reverse("flow", args=(flow,)))
