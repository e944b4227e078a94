"""A registration written by hand: the same form, with its event and its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.setup.names import code_of
from heliograph.recording.items import ItemOutcome
from heliograph.registrations import draft
from heliograph.registrations.draft import Opened
from heliograph.registrations.views.form import form_of, label_of
from heliograph.registrations.views.problems import said
from heliograph.setup import form_values
from heliograph.setup.form_values import Values
from heliograph.setup.views.frame import by, reading
from heliograph.store.database import Database, of_django
from heliograph.web.fields import Choice, Field, Pair
from heliograph.web.pages import page
from heliograph.web.toasts import say


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def add(request: AccountRequest) -> HttpResponse:
    """Its form. Status, types, properties and questions are those of the event; another event is looked at by a button."""
    given = request.POST if request.method == "POST" else request.GET
    with transaction.atomic(using="read"):
        db = reading()
        codes = [
            code
            for (code,) in db.all("SELECT code FROM event WHERE account_id = :account ORDER BY id DESC", {"account": request.account.pk})
        ]
        event = given.get("event", "")
        chosen = event if event in codes else (codes[0] if codes else "")
        blank = draft.blank(db, request.account.pk, chosen) if chosen else None
    if blank is None:
        say(request, _("A registration belongs to an event. Add the event first."))
        return HttpResponseRedirect(reverse("event-add"))
    stored = draft.values_of(blank)
    values = (
        stored | form_values.posted({name: given.getlist(name) for name in given}, stored.keys() - {"active"})
        if request.method == "POST"
        else stored
    )
    code, errors = code_of(given.get("code", "")), dict[str, str]()
    if request.method == "POST" and not request.POST.get("look"):
        if not code:
            errors["code"] = _("This is needed.")
        else:
            with transaction.atomic():
                errors = _save(request, of_django(connection), blank, stored, values, code)
        if not errors:
            say(request, _("The registration is there."), link=_("Timeline"), href=reverse("timeline", args=(chosen, code)))
            return HttpResponseRedirect(reverse("registration", args=(chosen, code)))
    return _shown(request, blank, values, errors, codes, code)


def _save(request: AccountRequest, db: Database, blank: Opened, stored: Values, values: Values, code: str) -> dict[str, str]:
    """Records it; what was refused, by field."""
    document = draft.document_of(blank, form_values.changed(stored, values), stored) | {"code": code}
    if values["status"]:
        document["status"] = values["status"][0]
    answer = draft.save(db, request.account.pk, document, by=by(request), expected=0)
    if answer.outcome is ItemOutcome.CONFLICT:
        return {"code": _("There is a registration of this code in the event already.")}
    return {draft.field_of(p, blank): said(p.reason, p.allowed) for p in answer.problems} if answer.outcome is ItemOutcome.REFUSED else {}


def _shown(request: AccountRequest, o: Opened, values: Values, errors: Mapping[str, str], codes: list[str], code: str) -> HttpResponse:
    told = None
    if errors:
        title = ngettext("Not saved: %(n)d field is refused", "Not saved: %(n)d fields are refused", len(errors)) % {"n": len(errors)}
        items = [f"{_('Code') if n == 'code' else label_of(n, o)}: {text}" if n else text for n, text in errors.items()]
        told = {"tone": "failed", "title": title, "text": _("What you wrote is still here."), "items": items}
    return page(
        request,
        "registrations/registration.html",
        section="registrations",
        here="registrations",
        status=422 if errors else 200,
        code="",
        event=o.event.code,
        name=_("New registration"),
        state=_("Saved without a status it is New"),
        crumbs=[(_("Registrations"), reverse("registrations"))],
        version=0,
        opened="{}",
        told=told,
        identity=_identity(o, codes, code, errors),
        form=form_of(o, values, errors),
        readonly=False,
        blocks=[],
        record=[],
        timeline=False,
    )


def _identity(o: Opened, codes: list[str], code: str, errors: Mapping[str, str]) -> list[Any]:
    event = Field(
        kind="select",
        id="event",
        label=_("Event"),
        value=o.event.code,
        options=[Choice(c, c) for c in codes],
        help=_("Status, types, properties and questions below are those of %(event)s.") % {"event": o.event.code},
    )
    text = Field(id="code", label=_("Code"), value=code, error=errors.get("code", ""), help=_("Unique in the event."), autocomplete="off")
    return [Pair((event, text))]
