"""Lists what uses a thing, on pages."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.setup.usage import Use
from heliograph.web.confirmation import LinkedThing


def href_of(use: Use) -> str:
    """The page of something that uses a thing; "" if it has none."""
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


def items_of(uses: Iterable[Use]) -> list[LinkedThing]:
    """Uses as items of a list."""
    return [LinkedThing(_said(use), href_of(use), use.where if use.kind != "event" else "") for use in uses]


def _said(use: Use) -> str:
    if use.kind == "registrations":
        said = ngettext("%(n)s registration of %(event)s", "%(n)s registrations of %(event)s", use.count)
        return said % {"n": f"{use.count:,}", "event": use.name}
    name = use.name.removesuffix(f" ({use.where})")
    words = {"flow": _("Flow %(name)s"), "mapping": _("Mapping %(name)s"), "connection": _("Connection %(name)s")}
    return words[use.kind] % {"name": name} if use.kind in words else name
