"""Adds a registration by hand: the same form, with event and code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django.db import connection, transaction
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.setup.name_index import code_of
from heliograph.registrations import draft
from heliograph.registrations.draft import Opened
from heliograph.registrations.views.form import RegistrationForm
from heliograph.setup import form_values
from heliograph.store.database import Database
from heliograph.store.django_database import of_django, read_database
from heliograph.web.form_fields import Select, TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice, FormField
from heliograph.web.toasts import say


class CodeLine(TextLine):
    """A code as stored."""

    def to_python(self, value: Any) -> str:
        return code_of(str(super().to_python(value) or ""))

    def value_shown(self, value: Any) -> str:
        return code_of(str(value or ""))


MAKE_CODE = "code"
"""The value of the button that makes a code. The other button of this name shows the fields of the chosen event."""


class EventChoiceForm(Form):
    """The event whose fields are shown, and the button that changes the form without saving."""

    event = TextLine()
    look = TextLine()


class NewRegistrationForm(RegistrationForm):
    """The fields of a registration with its event and its code."""

    pairs: ClassVar[Sequence[tuple[str, str]]] = (("event", "code"),)

    code = CodeLine(gettext_lazy("Code"), help=gettext_lazy("Unique in the event. If it is empty, we make one."), autocomplete="off")
    look = TextLine()
    """The button that shows another event's fields or makes a code, without saving."""

    def __init__(self, blank: Opened, codes: Sequence[str], data: QueryDict | None, *, initial: dict[str, str]) -> None:
        super().__init__(blank, data, initial=initial)
        self.fields["event"] = Select(gettext_lazy("Event"), options=[Choice(code, code) for code in codes])

    def draw_field(self, name: str) -> FormField:
        """The field of the event shows the event whose fields the form has, also if another one was posted."""
        field = super().draw_field(name)
        return replace(field, value=self.registration.event.code) if name == "event" else field

    def clean(self) -> None:
        """Reads the fields of the event."""
        self.values |= self.typed(self.stored)


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def add(request: AccountRequest) -> HttpResponse:
    """The form of a new registration.

    Its statuses, types, properties and questions are those of the event. When another event is chosen they change at once; without scripts, by
    a button.
    """
    data = posted(request)
    event_form = EventChoiceForm(request.GET if data is None else data)
    choice = event_form.cleaned_data if event_form.is_valid() else {"event": "", "look": ""}
    event = choice["event"]
    with read_database() as db:
        codes = [
            code
            for (code,) in db.all("SELECT code FROM event WHERE account_id = :account ORDER BY id DESC", {"account": request.account.pk})
        ]
        chosen = event if event in codes else (codes[0] if codes else "")
        blank = draft.blank(db, request.account.pk, chosen) if chosen else None
        if data is not None and chosen and choice["look"] == MAKE_CODE:
            data = data.copy()
            data["code"] = draft.free_code(db, request.account.pk, chosen)
    if blank is None:
        say(request, _("A registration belongs to an event. Add the event first."))
        return HttpResponseRedirect(reverse("event-add"))
    given = {"event": chosen, "code": request.GET.get("code", "")}
    form = NewRegistrationForm(blank, codes, data, initial=given)
    if form.is_valid() and not form.cleaned_data["look"]:
        with transaction.atomic():
            code = form.cleaned_data["code"] or draft.free_code(of_django(connection), request.account.pk, chosen)
            _save(request, of_django(connection), form, code)
        if not form.errors:
            say(request, _("Registration created."), link=_("Timeline"), href=reverse("timeline", args=(chosen, code)))
            return HttpResponseRedirect(reverse("registration", args=(chosen, code)))
    return _render(request, form)


def _save(request: AccountRequest, db: Database, form: NewRegistrationForm, code: str) -> None:
    """Records the registration; refusals become form errors."""
    values = form.values
    document = draft.document_of(form.registration, form_values.changed(form.stored, values), form.stored) | {"code": code}
    if values["status"]:
        document["status"] = values["status"][0]
    answer = draft.save(db, request.account.pk, document, by=request.user.actor, expected=0)
    if answer.outcome is ItemOutcome.CONFLICT:
        form.add_error("code", _("The event already has a registration with this code."))
    elif answer.outcome is ItemOutcome.REFUSED:
        form.refuse_answer(answer)


def _render(request: AccountRequest, form: NewRegistrationForm) -> HttpResponse:
    event = form.registration.event.code
    form.say("event", help=_("Status, types, properties and questions below are those of %(event)s.") % {"event": event})
    return page(
        request,
        "registrations/registration.html",
        section="registrations",
        here="registrations",
        status=form.status,
        code="",
        event=event,
        name=_("New registration"),
        state=_("Without a status, it starts as New"),
        crumbs=[(_("Registrations"), reverse("registrations"))],
        version=0,
        opened="{}",
        told=form.draw_callout(),
        identity=form.draw_fields("event", "code"),
        form=form.sections(),
        readonly=False,
        blocks=[],
        record=[],
        timeline=False,
    )
