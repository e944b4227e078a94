"""The rows of registrations that a search has found (X5), and the page that shows a delivery by its webhook-id."""

from __future__ import annotations

import datetime
from typing import Final, TypedDict

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.deliveries.delivery_words import Toned
from heliograph.timeline.registration_search import DeliveryCounts, FoundAction, FoundRegistration
from heliograph.timeline.timeline import Timeline

FIELDS: Final = {
    "code": gettext_lazy("Code"),
    "email": gettext_lazy("E-mail"),
    "name": gettext_lazy("Name"),
    "organization": gettext_lazy("Organization"),
    "external_key": gettext_lazy("External key"),
    "badge_name": gettext_lazy("Badge name"),
    "middle_name": gettext_lazy("Middle name"),
}


class FoundRow(TypedDict):
    """A registration that was found, as pages show it: `before`, `hit` and `after` are the text of `field` around the words."""

    who: str
    code: str
    event: str
    href: str
    field: str
    before: str
    hit: str
    after: str
    at: datetime.datetime
    tone: str
    state: str


def action_href(action: FoundAction) -> str:
    """The address of a delivery's change in the timeline, or of its item if the registration is gone."""
    if not action.code:
        return reverse("retry-item", args=(f"a{action.id}",))
    at = urlencode({"at": Timeline.cursor_at(action.change)})
    return f"{reverse('timeline', args=(action.event, action.code))}?{at}#change-{action.change}"


def found_row(match: FoundRegistration) -> FoundRow:
    """The row of a registration."""
    row, hit = match.registration, match.hit
    tone, state = _delivery(match.deliveries)
    return {
        "who": row.name or row.code,
        "code": row.code,
        "event": row.event,
        "href": reverse("timeline", args=(row.event, row.code)),
        "field": str(FIELDS[hit.field]) if hit.field else "",
        "before": hit.before,
        "hit": hit.hit,
        "after": hit.after,
        "at": row.modified,
        "tone": tone,
        "state": state,
    }


def _delivery(counts: DeliveryCounts) -> Toned:
    """The tone and the words for the worst state among a registration's deliveries."""
    if counts.failed:
        return "failed", ngettext("%(n)d failed", "%(n)d failed", counts.failed) % {"n": counts.failed}
    if counts.waiting:
        return "wait", ngettext("%(n)d waiting", "%(n)d waiting", counts.waiting) % {"n": counts.waiting}
    if counts.pending:
        return "", _("Not sent yet")
    return ("success", _("Delivered")) if counts.delivered else ("quiet", _("Nothing to send"))
