"""The choices of the filters in Signal's lists, and how query values are read: an unknown value counts as not given."""

from __future__ import annotations

from enum import Enum

from django.utils.translation import gettext as _

from heliograph.deliveries.database import AccountReader
from heliograph.web.fields import Choice, FormField

MOST = 200
"""The newest events, which a list offers."""


def chosen[E: Enum](kind: type[E], text: str) -> E:
    """A value of the enumeration; its first if the text is none of them."""
    return next((member for member in kind if member.value == text), next(iter(kind)))


def events_field(of: AccountReader, value: int | None) -> FormField:
    """The account's events by code."""
    rows = of.db.all(
        f"SELECT id, code FROM event WHERE account_id = :account ORDER BY id DESC LIMIT {MOST}",
        {"account": of.account},
    )
    return FormField(
        kind="select",
        id="event",
        label=_("Event"),
        value=str(value or ""),
        options=[Choice("", _("All events")), *(Choice(str(id), code) for id, code in sorted(rows, key=lambda row: str(row[1])))],
    )


def flows_field(of: AccountReader, value: int | None) -> FormField:
    """The account's flows by name."""
    flows = sorted(of.config.flows.values(), key=lambda flow: flow.name.casefold())
    return FormField(
        kind="select",
        id="flow",
        label=_("Flow"),
        value=str(value or ""),
        extra="flow-select",
        options=[Choice("", _("All flows")), *(Choice(str(flow.id), flow.name) for flow in flows)],
    )
