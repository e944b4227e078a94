"""The list of registrations."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from django.db import connections, transaction
from django.http import HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may
from heliograph.domain.ids import read_id
from heliograph.registrations.list import MOST, ListedRegistration, ListScope, RegistrationFilter, Registrations, Sort
from heliograph.store.database import of_django
from heliograph.web.cursor import address, asked
from heliograph.web.fields import Choice, FormField
from heliograph.web.pages import page

COLUMNS = {
    "code": gettext_lazy("Code"),
    "name": gettext_lazy("Name"),
    "organization": gettext_lazy("Organization"),
    "event": gettext_lazy("Event"),
    "status": gettext_lazy("Status"),
    "type": gettext_lazy("Attendee type"),
    "modified": gettext_lazy("Modified"),
    "email": gettext_lazy("E-mail"),
    "country": gettext_lazy("Country"),
    "order": gettext_lazy("Order code"),
    "properties": gettext_lazy("Properties"),
    "created": gettext_lazy("Created"),
}
USUAL = ("code", "name", "organization", "event", "status", "type", "modified")
SORTED = ("code", "name", "modified")


@require_safe
def registrations(request: AccountRequest) -> HttpResponse:
    """Lists registrations of all events: searched, filtered, sorted."""
    ask = request.GET
    sort = _one_of(Sort, ask.get("sort", ""))
    cursor = asked(request, sort.parts)
    wanted = wanted_of(ask)
    columns = [name for name in COLUMNS if name in ask.getlist("column")] or list(USUAL)
    with transaction.atomic(using="read"):
        found = Registrations(of_django(connections["read"]), request.account.pk)
        rows = found.page(wanted, sort, cursor, whole=not set(columns) <= set(USUAL))
        # If the first page contains everything, its length is the count; rare words then need not be searched for twice.
        count = len(rows.rows) if cursor is None and not rows.older else found.count(wanted)
        filters = _filters(found, wanted)
    none = not rows.rows and not wanted.narrows and cursor is None
    return page(
        request,
        "registrations/list.html",
        section="registrations",
        here="registrations",
        readonly=not may(request.user, Role.PLANNER),
        rows=[_row(row, columns) for row in rows.rows],
        heads=[(name, str(COLUMNS[name]), name in SORTED) for name in columns],
        columns=[(name, str(label), name in columns) for name, label in COLUMNS.items()],
        kept=[(name, value) for name, value in ask.items() if name in ("q", "event", "status", "type", "is", "sort") and value],
        chosen=[name for name in columns if columns != list(USUAL)],
        statuses=found.statuses(),
        all=f"{count:,}" if count <= MOST else _("that match"),
        none=none,
        q=wanted.text,
        filters=filters,
        filtered=wanted.narrows,
        sort=sort.value,
        result=_counted(count),
        note=_("Accents and capitals do not count: zoe finds Zoë. A name is found in the script it is written in.") if wanted.text else "",
        none_text=_none(wanted),
        sorted=sort.value or "modified",
        sorts={
            "code": address(request, sort="code", at=None),
            "name": address(request, sort="name", at=None),
            "modified": address(request, sort=None, at=None),
        },
        sorted_text=_("%(order)s. Times in %(zone)s.") % {"order": _order(sort), "zone": request.account.timezone},
        page_text=_shown(len(rows.rows), count),
        newer=address(request, at=rows.newer) if rows.newer else "",
        older=address(request, at=rows.older) if rows.older else "",
    )


def wanted_of(ask: QueryDict) -> RegistrationFilter:
    """The filter in the URL of a list."""
    event = ask.get("event", "")
    return RegistrationFilter(
        text=ask.get("q", "")[:200],
        event=read_id(event),
        status=ask.get("status", "")[:200],
        type=ask.get("type", "")[:200],
        kind=_one_of(ListScope, ask.get("is", "")),
    )


def _order(sort: Sort) -> str:
    return {Sort.MODIFIED: _("Last modified first"), Sort.CODE: _("By code"), Sort.NAME: _("By name")}[sort]


def _one_of[E: Enum](kind: type[E], text: str) -> E:
    return next((member for member in kind if member.value == text), next(iter(kind)))


def _counted(n: int) -> str:
    if n > MOST:
        return _("more than %(n)s registrations") % {"n": f"{MOST:,}"}
    return ngettext("%(shown)s registration", "%(shown)s registrations", n) % {"shown": f"{n:,}"}


def _shown(here: int, n: int) -> str:
    """How many of them are on this page."""
    return _("%(here)s of %(all)s") % {"here": f"{here:,}", "all": _counted(n)} if here < n else _counted(n)


def _none(wanted: RegistrationFilter) -> str:
    if wanted.text:
        return _("No code, name, e-mail or organization has “%(text)s” in it. Try one word alone, or the registration’s code.") % {
            "text": wanted.text
        }
    return _("No registration is like this.")


def _filters(found: Registrations, wanted: RegistrationFilter) -> list[FormField]:
    return [
        FormField(
            kind="select",
            id="event",
            label=_("Event"),
            value=str(wanted.event or ""),
            options=[Choice("", _("All events")), *(Choice(str(id), code) for id, code in found.events())],
        ),
        FormField(
            kind="select",
            id="status",
            label=_("Status"),
            value=wanted.status,
            options=[Choice("", _("All statuses")), *(Choice(s, s) for s in found.statuses())],
        ),
        FormField(
            kind="select",
            id="type",
            label=_("Attendee type"),
            value=wanted.type,
            options=[Choice("", _("All types")), *(Choice(t, t) for t in found.types())],
        ),
        FormField(
            kind="select",
            id="is",
            label=_("Live, Test, active"),
            value=wanted.kind.value,
            options=[
                Choice("", _("Live and Test")),
                Choice(ListScope.LIVE.value, _("Live")),
                Choice(ListScope.TEST.value, _("Test")),
                Choice(ListScope.INACTIVE.value, _("Not active")),
            ],
        ),
    ]


def _row(row: ListedRegistration, columns: Sequence[str]) -> dict[str, Any]:
    marks = [_("Not active")] if not row.active else []
    marks += [_("Test")] if row.test else []
    state = row.state
    texts = {
        "code": row.code,
        "name": row.name,
        "organization": row.organization,
        "event": row.event,
        "status": row.status,
        "type": row.type,
    }
    if state is not None:
        texts |= {"email": state.profile.get("email", ""), "country": state.profile.get("country", ""), "order": state.order_code}
        texts["properties"] = ", ".join(row.properties)
    times = {"modified": row.modified, "created": state.created if state else None}
    cells = [{"name": name, "head": str(COLUMNS[name]), "text": texts.get(name, ""), "at": times.get(name)} for name in columns]
    return {"code": row.code, "name": row.name, "event": row.event, "mark": ", ".join(marks), "cells": cells}
