"""What a question as a page tells before something is made (setup/dialog.html)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.domain.flow.sentence import SentencePart
from heliograph.setup.usage import Use

SHOWN = 12
"""Items of one list; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing, with a link to its place."""

    text: str
    href: str = ""
    sub: str = ""


@dataclass(frozen=True, slots=True)
class FlowThen:
    """A flow as it would read."""

    name: str
    sentence: Sequence[SentencePart]
    href: str = ""


@dataclass(frozen=True, slots=True)
class Breaks:
    """One thing that will happen. tone: "wait" for what wants a look."""

    title: str
    text: str = ""
    tone: str = ""
    items: Sequence[Item] = ()
    anchor: str = ""
    flows: Sequence[FlowThen] = field(default=())


def shortened(items: Sequence[Item]) -> list[Item]:
    """The first ones, and how many more there are."""
    more = len(items) - SHOWN
    return [*items[:SHOWN], Item(_("and %(n)s more") % {"n": f"{more:,}"})] if more > 0 else list(items)


def href_of(use: Use) -> str:
    """Where a user of something is found; "" where it has no page."""
    if use.kind == "flow":
        return reverse("flow", args=(use.id,))
    if use.kind == "connection":
        return reverse("connection", args=(use.id,))
    if use.kind == "event":
        return reverse("event-details", args=(use.where or use.name,))
    pages = {
        "registration status": "custom-statuses",
        "attendee type": "attendee-types",
        "registration property": "configure",
        "question": "questions",
    }
    if use.where:
        return reverse(pages[use.kind], args=(use.where,)) if use.kind in pages else ""
    of_account = {
        "registration status": "registration-statuses",
        "session status": "session-registration-statuses",
        "event status": "event-statuses",
    }
    return reverse(of_account[use.kind]) if use.kind in of_account else ""


def items_of(uses: Iterable[Use]) -> list[Item]:
    """Users of something, as items."""
    return [Item(_said(use), href_of(use), use.where if use.kind != "event" else "") for use in uses]


def _said(use: Use) -> str:
    if use.kind == "registrations":
        said = ngettext("%(n)s registration of %(event)s", "%(n)s registrations of %(event)s", use.count)
        return said % {"n": f"{use.count:,}", "event": use.name}
    name = use.name.removesuffix(f" ({use.where})")
    words = {"flow": _("Flow %(name)s"), "mapping": _("Mapping %(name)s"), "connection": _("Connection %(name)s")}
    return words[use.kind] % {"name": name} if use.kind in words else name


def question(heading: str, **more: Any) -> dict[str, Any]:
    """The context of a question; what is not given is empty."""
    return {
        "heading": heading,
        "lead": "",
        "crumbs": [],
        "fields": [],
        "look": "",
        "breaks": [],
        "hidden": [],
        "button": "",
        "button_class": "primary",
        "button_value": "",
        "cancel": _("Cancel"),
        "cancel_href": "",
    } | more
