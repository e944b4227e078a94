"""The shared parts of the set-up pages: permissions, the current event, and the services' messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from heliograph.accounts.models import Role
from heliograph.accounts.roles import WHO, AccountRequest, may
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.store.django_database import read_database
from heliograph.web.forms import Form, not_saved
from heliograph.web.pages import page

CHOICES = 20
"""Events in the menu of an event's panel; the list of events has all."""


def readonly(request: AccountRequest, role: Role) -> str | Promise:
    """ "" for users with the role, else the sentence that says who can change this."""
    return "" if may(request.user, role) else WHO[role]


def event_config(reader: AccountReader, code: str) -> EventConfig:
    """An event of the account with its set-up. Raises Http404."""
    event = reader.event_of_code(code)
    if event is None:
        raise Http404
    return event


def settings_page(request: AccountRequest, template: str, /, *, entry: str, status: int = 200, **context: Any) -> HttpResponse:
    """A page of Account Settings.

    entry: its entry in the panel of pages, by the name of its URL.
    """
    return page(request, template, section="settings", here=entry, status=status, **context)


def event_page(
    request: AccountRequest, template: str, event: EventConfig, /, *, entry: str, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of an event. Its code is the first breadcrumb.

    entry: the page's entry in the event's panel.
    """
    sql = f"SELECT code, name FROM event WHERE account_id = :account ORDER BY id DESC LIMIT {CHOICES + 1}"
    with read_database() as db:
        rows = db.all(sql, {"account": request.account.pk})
    return page(
        request,
        template,
        section="events",
        here=entry,
        status=status,
        event_now={"code": event.code, "name": event.state.name},
        event_choices=[{"code": code, "name": name} for code, name in rows[:CHOICES]],
        more_events=len(rows) > CHOICES,
        **context,
    )


def form_context(form: Form, heading: str | Promise, **parts: Any) -> dict[str, Any]:
    """The context of a page with one form (setup/form.html).

    parts: further names of the context, in place of the usual ones: no tabs, no crumbs, a button "Save" and so on.
    """
    usual = {"tabs": [], "crumbs": [], "lead": "", "actions": [], "button": _("Save"), "readonly": "", "facts": [], "breaks": []}
    shown_form = {"heading": heading, "status": form.status, "told": form.draw_callout(), "fields": form.draw_fields()}
    return usual | shown_form | parts


def form_page(
    request: AccountRequest, form: Form, heading: str | Promise, /, *, entry: str, template: str = "setup/form.html", **parts: Any
) -> HttpResponse:
    """A page of Account Settings with one form.

    entry: its entry in the panel of pages, by the name of its URL.
    parts: as for `form_context`.
    """
    return settings_page(request, template, entry=entry, **form_context(form, heading, **parts))


def refused(errors: int, rest: Sequence[str] = ()) -> dict[str, Any] | None:
    """The callout above a form that was not saved; None if nothing was refused."""
    if not errors and not rest:
        return None
    return not_saved(rest)
