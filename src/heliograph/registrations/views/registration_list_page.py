"""The list of registrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.prospects import connection_holds
from heliograph.deliveries.registration_deliveries import MOST_LISTED, DeliveryFilter, DeliveryState, RegistrationDeliveries, deliveries_of
from heliograph.registrations.list import MOST, ListedRegistration, ListScope, RegistrationFilter, Registrations, RegistrationSort
from heliograph.store.django_database import read_database
from heliograph.web.cursor import LookingEnd, Pager, address, read_cursor
from heliograph.web.list_count import ListCount
from heliograph.web.list_filters import ColumnsFilter, EnumFilter, Filter, IdFilter, ListFilters, SearchFilter
from heliograph.web.pages import page

COLUMNS = {
    "code": gettext_lazy("Code"),
    "name": gettext_lazy("Name"),
    "organization": gettext_lazy("Organization"),
    "event": gettext_lazy("Event"),
    "status": gettext_lazy("Status"),
    "type": gettext_lazy("Attendee type"),
    "modified": gettext_lazy("Modified"),
    "delivery": gettext_lazy("Delivery"),
    "email": gettext_lazy("E-mail"),
    "country": gettext_lazy("Country"),
    "order": gettext_lazy("Order code"),
    "properties": gettext_lazy("Properties"),
    "created": gettext_lazy("Created"),
}
USUAL = ("code", "name", "organization", "event", "status", "type", "modified", "delivery")
SORTED = ("code", "name", "modified")
SCOPES = {ListScope.LIVE: gettext_lazy("Live"), ListScope.TEST: gettext_lazy("Test"), ListScope.INACTIVE: gettext_lazy("Not active")}


DELIVERIES = {
    DeliveryFilter.WAITING: gettext_lazy("Waiting"),
    DeliveryFilter.UNTAGGED: gettext_lazy("Waits for a tag"),
    DeliveryFilter.FAILED: gettext_lazy("Failed"),
    DeliveryFilter.INVALID: gettext_lazy("Invalid"),
    DeliveryFilter.DELIVERED: gettext_lazy("Delivered"),
    DeliveryFilter.NOT_SENT: gettext_lazy("Not sent"),
}
_TONES = {
    DeliveryState.FAILED: "failed",
    DeliveryState.INVALID: "invalid",
    DeliveryState.UNTAGGED: "wait",
    DeliveryState.WAITING: "wait",
    DeliveryState.HELD: "wait",
    DeliveryState.PENDING: "",
    DeliveryState.DELIVERED: "success",
    DeliveryState.NOT_SENT: "quiet",
}


class RegistrationFilters(ListFilters):
    """The filters, the order and the columns of the list."""

    no_match = gettext_lazy("No registration matches")
    show_all = gettext_lazy("Show all registrations")

    q = SearchFilter(gettext_lazy("Search registrations"), placeholder=gettext_lazy("Code, name, e-mail"))
    event = IdFilter(gettext_lazy("Event"), every=gettext_lazy("All events"))
    status_name = Filter(gettext_lazy("Status"), every=gettext_lazy("All statuses"), param="status")
    type = Filter(gettext_lazy("Attendee type"), every=gettext_lazy("All types"))
    scope = EnumFilter(gettext_lazy("Live, Test, active"), ListScope, SCOPES.__getitem__, every=gettext_lazy("Live and Test"), param="is")
    delivery = EnumFilter(gettext_lazy("Delivery"), DeliveryFilter, DELIVERIES.__getitem__, every=gettext_lazy("Any delivery"))
    sort = EnumFilter("", RegistrationSort, place="view")
    column = ColumnsFilter(COLUMNS, USUAL)

    @property
    def registration_filter(self) -> RegistrationFilter:
        """The filters for the list's query."""
        values = self.cleaned_data
        return RegistrationFilter(values["q"], values["event"], values["status_name"], values["type"], values["scope"], values["delivery"])

    @property
    def no_match_text(self) -> str:
        if text := self.cleaned_data["q"]:
            return _("No code, name, e-mail or organization has “%(text)s” in it. Try a single word, or the registration’s code.") % {
                "text": text
            }
        return _("Nothing matches the search and filters. Change one of them.")


@require_safe
def registrations_of_event(request: AccountRequest, event: str) -> HttpResponse:
    """Redirects the beginning of a registration's address to the list of its event. Raises Http404 for a code that no event has."""
    with read_database() as db:
        id = Registrations(db, request.account.pk).event_of_code(event)
    if id is None:
        raise Http404
    return HttpResponseRedirect(f"{reverse('registrations')}?{urlencode({'event': id})}")


@require_safe
def registrations(request: AccountRequest) -> HttpResponse:
    """Registrations of all events: searched, filtered, sorted."""
    filters = RegistrationFilters(request)
    registration_filter, columns = filters.registration_filter, filters.cleaned_data["column"]
    sort = registration_filter.fitting_sort(filters.cleaned_data["sort"])
    cursor = read_cursor(request, sort.parts)
    with read_database() as db:
        listing = Registrations(db, request.account.pk)
        rows = listing.page(registration_filter, sort, cursor, whole=not set(columns) <= set(USUAL))
        finds_more = listing.finds_more(registration_filter)
        # If the first page contains everything, its length is the count; rare words then need not be searched for twice.
        count = (
            ListCount(len(rows.rows))
            if cursor is None and not (rows.older or rows.further or finds_more)
            else listing.count(registration_filter).at_least(len(rows.rows))
        )
        deliveries: Mapping[int, RegistrationDeliveries] = {}
        if "delivery" in columns:
            holding = connection_holds(AccountReader(db, request.account.pk)).keys()
            deliveries = deliveries_of(db, request.account.pk, [row.id for row in rows.rows], holding)
        statuses = listing.statuses()
        filters.offer("event", listing.events(filters.cleaned_data["event"]))
        filters.offer("status_name", zip(statuses, statuses, strict=True))
        filters.offer("type", ((name, name) for name in listing.types()))
        none = not rows.rows and not filters.narrows and cursor is None
        has_flows = not none or bool(listing.config.flows)
    sort_words = {
        RegistrationSort.MODIFIED: _("Last modified first"),
        RegistrationSort.CODE: _("By code"),
        RegistrationSort.NAME: _("By name"),
    }
    return page(
        request,
        "registrations/list.html",
        section="registrations",
        here="registrations",
        readonly=not may(request.user, Role.PLANNER),
        rows=[_row(row, columns, deliveries.get(row.id, RegistrationDeliveries())) for row in rows.rows],
        heads=[(name, str(COLUMNS[name]), name in SORTED) for name in columns],
        columns=[(name, str(label), name in columns) for name, label in COLUMNS.items()],
        kept=filters.query("column"),
        statuses=statuses,
        all=_("that match") if count.is_more else intcomma(count.number),
        none=none,
        first_steps=not has_flows and request.account.signal_enabled,
        filters=filters,
        result=_counted(count),
        note=_("Accents and capitals don’t matter: zoe finds Zoë. A name is found in the script it is written in.")
        if registration_filter.text
        else "",
        read_text=_("Found by the newest %(n)s items of Retry. Older ones may have more.") % {"n": intcomma(MOST_LISTED)}
        if finds_more
        else "",
        sorted=sort.value or "modified",
        sorts={
            "code": address(request, sort="code", at=None),
            "name": address(request, sort="name", at=None),
            "modified": address(request, sort=None, at=None),
        },
        sorted_text=_("%(order)s. Times in %(zone)s.") % {"order": sort_words[sort], "zone": request.account.timezone},
        looked=LookingEnd.from_page(request, rows, cursor),
        start_href=address(request, at=None) if cursor else "",
        pager=Pager.from_page(request, rows, _page_count_text(len(rows.rows), count), by_time=False),
    )


def _counted(count: ListCount) -> str:
    number = count.number
    if count.is_more and not number:
        return _("none found yet")
    if count.is_more:
        return (_("more than %(n)s registrations") if number >= MOST else _("at least %(n)s registrations")) % {"n": intcomma(number)}
    return ngettext("%(shown)s registration", "%(shown)s registrations", number) % {"shown": intcomma(number)}


def _page_count_text(rows_on_page: int, count: ListCount) -> str:
    """How many of the registrations are on this page."""
    total_text = _counted(count)
    return (
        _("%(here)s of %(all)s") % {"here": intcomma(rows_on_page), "all": total_text}
        if rows_on_page < count.number or count.is_more
        else total_text
    )


def _delivery(deliveries: RegistrationDeliveries) -> tuple[str, str]:
    """(tone, words) of the worst that became of a registration at its destinations."""
    state, count = deliveries.worst
    words = {
        DeliveryState.FAILED: ngettext("%(n)d failed", "%(n)d failed", count),
        DeliveryState.INVALID: ngettext("%(n)d invalid", "%(n)d invalid", count),
        DeliveryState.UNTAGGED: _("Waits for a tag"),
        DeliveryState.WAITING: ngettext("%(n)d waiting", "%(n)d waiting", count),
        DeliveryState.HELD: _("Held"),
        DeliveryState.PENDING: _("On its way"),
        DeliveryState.DELIVERED: _("Delivered"),
        DeliveryState.NOT_SENT: _("Not sent"),
    }[state]
    return _TONES[state], words % {"n": count} if "%(n)d" in words else words


def _row(row: ListedRegistration, columns: Sequence[str], deliveries: RegistrationDeliveries) -> dict[str, Any]:
    labels = [_("Not active")] if not row.active else []
    labels += [_("Test")] if row.test else []
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
    tone, texts["delivery"] = _delivery(deliveries)
    cells = [{"name": name, "head": str(COLUMNS[name]), "text": texts.get(name, ""), "at": times.get(name)} for name in columns]
    cells = [cell | {"tone": tone} if cell["name"] == "delivery" else cell for cell in cells]
    return {"code": row.code, "name": row.name, "event": row.event, "labels": ", ".join(labels), "cells": cells}
