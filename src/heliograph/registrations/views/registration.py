"""One registration: its form, its read-only version for a Viewer, and the page for conflicting saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.db import connection, transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import AccountRequest, may, require
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.destination_rows import destination_rows
from heliograph.deliveries.registration_destinations import destinations_of
from heliograph.deliveries.unsent_reasons import unsent_reasons
from heliograph.domain.flow.flow import Mode
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.registrations import draft
from heliograph.registrations.draft import Opened
from heliograph.registrations.views.form import RegistrationForm, blocks_of, join_values, label_of
from heliograph.setup import form_values
from heliograph.setup.form_values import FormValues
from heliograph.store.database import Database
from heliograph.store.django_database import of_django, read_database
from heliograph.store.instants import from_micros
from heliograph.web.form_fields import Hidden, Select
from heliograph.web.pages import page
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import clock_minute, moment
from heliograph.web.texts import LONGEST_OPENED
from heliograph.web.toasts import say

TRIES = 3
"""How often a form is compared again if another save happens at the same moment."""
THEIRS, MINE = "theirs", "mine"
"""The choices for a field that two people changed."""


class ChangeForm(RegistrationForm):
    """The form of an existing registration: it also posts what it showed, so that only the person's changes are saved.

    then: the values that it showed.
    own_changes: the values that the person changed in it.
    """

    opened = Hidden(longest=LONGEST_OPENED, strip=False)

    def __init__(self, registration: Opened, data: QueryDict | None = None) -> None:
        super().__init__(registration, data)
        self.then: FormValues = {}
        self.own_changes: FormValues = {}
        for name in self.stored if data is not None else ():
            self.fields[f"pick-{name}"] = Select(options=[Choice(THEIRS, ""), Choice(MINE, "")])

    def clean(self) -> None:
        """Compares the posted values with those shown."""
        self.then = form_values.shown_then(self.cleaned_data.get("opened", ""))
        now = self.typed(self.then)
        self.values |= now
        changed = form_values.changed(self.then, now)
        self.own_changes = {name: values for name, values in changed.items() if self.cleaned_data[f"pick-{name}"] != THEIRS}


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def registration(request: AccountRequest, event: str, code: str) -> HttpResponse:
    """Shows a registration, or saves its form as one change."""
    if request.method != "POST":
        with read_database() as db:
            opened = _opened(db, request, event, code)
            return _show(request, db, opened, ChangeForm(opened))
    require(request.user, Role.PLANNER)
    for _again in range(TRIES):
        with transaction.atomic():
            answer = _save(request, of_django(connection), event, code)
        if answer is not None:
            return answer
    return HttpResponseRedirect(request.path)


def _opened(db: Database, request: AccountRequest, event: str, code: str) -> Opened:
    registration = draft.opened(db, request.account.pk, event, code)
    if registration is None:
        raise Http404
    return registration


def _save(request: AccountRequest, db: Database, event: str, code: str) -> HttpResponse | None:
    """Saves the changes; None if someone else saved at the same moment."""
    registration = _opened(db, request, event, code)
    form = ChangeForm(registration, request.POST)
    if not form.is_valid():
        return _show(request, db, registration, form)
    then, stored, own_changes = form.then, form.stored, form.own_changes
    if not own_changes:
        say(request, _("You changed nothing, so nothing was recorded."))
        return HttpResponseRedirect(request.path)
    differing = form_values.differences(then, stored, then | own_changes)
    if any(d.by_both for d in differing):
        return _conflict(request, db, registration, own_changes, differing)
    document = draft.document_of(registration, own_changes, then if then.get("properties") == stored["properties"] else stored)
    answer = draft.save(db, request.account.pk, document, by=request.user.actor, expected=registration.version)
    if answer.outcome is ItemOutcome.CONFLICT:
        return None
    if answer.outcome is ItemOutcome.REFUSED:
        form.refuse_answer(answer)
        return _show(request, db, registration, form)
    if answer.changes:
        say(
            request,
            _("Saved as one change."),
            link=_("Timeline"),
            href=reverse("timeline", args=(registration.event.code, registration.code)),
        )
    else:
        say(request, _("You changed nothing, so nothing was recorded."))
    return HttpResponseRedirect(request.path)


def _show(request: AccountRequest, db: Database, registration: Opened, form: ChangeForm) -> HttpResponse:
    readonly = not may(request.user, Role.PLANNER)
    notice = form.draw_callout()
    if notice is None and not registration.state.active:
        notice = {
            "tone": "",
            "title": _("This registration is not active"),
            "text": _("What you save now is recorded, but flows ignore it until Is Active is set again."),
            "items": [],  # otherwise a template would call the dictionary's own items() for a missing key
        }
        if not readonly:
            notice |= {
                "link": _("Set Is Active"),
                "href": reverse("registration-active", args=(registration.event.code, registration.code)),
            }
    status = registration.account.status(registration.state.status, registration.event)
    mode = _("Test registration") if registration.is_test else _("Live registration")
    state = f"{status.name}, {mode}" if status else mode
    if not registration.state.active:
        state = _("Not active")
    return page(
        request,
        "registrations/registration.html",
        section="registrations",
        here="registrations",
        status=form.status,
        **_head(registration),
        state=state,
        version=registration.version,
        opened=form_values.written(form.then or form.stored),
        told=notice,
        identity=[],
        form=None if readonly else form.sections(),
        readonly=readonly,
        menu=[] if readonly else _menu(request, registration),
        blocks=blocks_of(registration, form.stored) if readonly else [],
        record=_record(db, request, registration),
        timeline=request.account.signal_enabled,
        stands=_stands(db, request, registration) if request.account.signal_enabled else None,
    )


def _stands(db: Database, request: AccountRequest, registration: Opened) -> list[dict[str, Any]]:
    """Where the registration stands, for deliveries/destinations.html."""
    mode = Mode.TEST if registration.is_test else Mode.LIVE
    reader = AccountReader(db, request.account.pk)
    rows = destinations_of(reader, registration.id, mode)
    timeline = reverse("timeline", args=(registration.event.code, registration.code))
    return destination_rows(
        rows,
        timeline,
        registration.last_change,
        may_send=may(request.user, Role.PLANNER),
        reasons=unsent_reasons(reader, registration.id, registration.event, rows),
    )


def _head(registration: Opened) -> dict[str, Any]:
    listed = reverse("registrations")
    return {
        "code": registration.code,
        "event": registration.event.code,
        "name": registration.name,
        "crumbs": [(_("Registrations"), listed), (registration.event.code, f"{listed}?{urlencode({'event': registration.event.id})}")],
    }


def _menu(request: AccountRequest, registration: Opened) -> list[tuple[str, str]]:
    words = _("Clear Is Active") if registration.state.active else _("Set Is Active")
    links = [(words, reverse("registration-active", args=(registration.event.code, registration.code)))]
    return (
        [(_("Timeline"), reverse("timeline", args=(registration.event.code, registration.code))), *links]
        if request.account.signal_enabled
        else links
    )


def _record(db: Database, request: AccountRequest, registration: Opened) -> list[tuple[str, str]]:
    rows = db.all("SELECT c.by FROM change c WHERE c.id = :id", {"id": registration.last_change}) if registration.last_change else []
    by = _who(rows[0][0], request) if rows else ""
    state = registration.state
    facts = [
        (_("Order code"), state.order_code),
        (_("Created"), moment(state.created)),
        (_("Modified"), moment(state.modified)),
        (_("by"), by),
        (_("Status modified"), moment(state.status_modified)),
        (_("Pin"), state.profile.get("pin", "")),
        (_("External key"), state.profile.get("external_key", "")),
    ]
    return [(name, text) for name, text in facts if text]


def _who(mark: str, request: AccountRequest) -> str:
    """The name of whoever saved, from the actor of the change."""
    kind, _colon, number = mark.partition(":")
    if kind == "user" and number.isdecimal():
        user = User.objects.filter(pk=int(number), account=request.account).first()
        return user.name or user.email if user else _("a deleted user")
    words = {
        "token": _("an API token"),
        "import": _("import %(n)s") % {"n": number},
        "source": _("a live source"),
        "demo": _("the demo"),
    }
    return words.get(kind, mark)


def _conflict(
    request: AccountRequest, db: Database, registration: Opened, own_changes: FormValues, differing: Sequence[form_values.EditConflict]
) -> HttpResponse:
    """Shows both values of each field for the person to choose from; nothing is stored yet."""
    rows = db.all("SELECT c.by, c.at FROM change c WHERE c.id = :id", {"id": registration.last_change}) if registration.last_change else []
    who, at = (_who(rows[0][0], request), from_micros(rows[0][1])) if rows else (_("Somebody"), None)
    their = _("%(who)s, %(time)s") % {"who": who, "time": clock_minute(at)} if at else who
    stored = draft.values_of(registration)
    return page(
        request,
        "registrations/conflict.html",
        section="registrations",
        here="registrations",
        status=409,
        **_head(registration),
        version=registration.version,
        opened=form_values.written({name: stored[name] for name in own_changes}),
        title=_("%(who)s saved this meanwhile") % {"who": who},
        text=_("%(who)s saved at %(time)s. Nothing of yours is stored yet, and nothing is lost. Choose where you differ.")
        % {"who": who, "time": clock_minute(at)},
        their=their,
        both=[
            {
                "id": conflict.name,
                "field": label_of(conflict.name, registration),
                "was": join_values(conflict.was),
                "theirs": join_values(conflict.theirs),
                "mine": join_values(conflict.posted),
                "pick": "",
            }
            for conflict in differing
            if conflict.by_both
        ],
        one=[
            {
                "field": label_of(conflict.name, registration),
                "was": join_values(conflict.was),
                "now": join_values(conflict.posted if conflict.theirs == conflict.was else conflict.theirs),
                "by": _("You") if conflict.theirs == conflict.was else their,
            }
            for conflict in differing
            if not conflict.by_both
        ],
        mine=[(name, value) for name, values in own_changes.items() for value in values],
    )
