"""The uses of a thing, and the effects of its deletion, as pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.setup.save_questions import LosesValues
from heliograph.setup.usage import Effect, Use
from heliograph.setup.views.confirmed_save import promise_of_save
from heliograph.web.confirmation import Breaks, FlowThen, LinkedThing, has_changed, question, typed


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


def then(effects: Iterable[Effect]) -> list[FlowThen]:
    """The flows' sentences as they would be after the change."""
    return [FlowThen(e.use.name or _("Without a name"), e.after, href_of(e.use)) for e in effects]


def losses(effects: Sequence[Effect]) -> list[Breaks]:
    """The consequences for flows that lose a tag or a value: which flows stop, and which act on less."""
    consequences = []
    stops, less = [e for e in effects if e.stops], [e for e in effects if e.after and not e.stops]
    if stops:
        title = ngettext("%(n)d flow becomes incomplete and sends nothing", "%(n)d flows become incomplete and send nothing", len(stops))
        consequences.append(Breaks(title % {"n": len(stops)}, tone="wait", flows=then(stops)))
    if less:
        title = ngettext("%(n)d flow acts on less", "%(n)d flows act on less", len(less)) % {"n": len(less)}
        consequences.append(Breaks(title, flows=then(less)))
    return consequences


def losing(request: HttpRequest, error: LosesValues, **more: Any) -> dict[str, Any]:
    """The question before values that flows filter by are deleted (P12). Its page posts everything typed again."""
    values = "”, “".join(error.values[:5])
    data = request.POST
    confirmation = question(
        _("Take away “%(values)s”?") % {"values": values},
        lead=_("Flows filter by it. This never makes a flow act on more: a flow that would do so stops until you choose another value."),
        breaks=losses(error.effects),
        hidden=typed(data),
        promise=promise_of_save(error),
        button=_("Save, and change these flows"),
        button_class="danger",
        **more,
    )
    return confirmation | {"changed": has_changed(request, confirmation["promise"]), "status": 409}


def items_of(uses: Iterable[Use]) -> list[LinkedThing]:
    """Uses as items of a list."""
    return [LinkedThing(_use_text(use), href_of(use), use.where if use.kind != "event" else "") for use in uses]


def _use_text(use: Use) -> str:
    if use.kind == "registrations":
        text = ngettext("%(n)s registration of %(event)s", "%(n)s registrations of %(event)s", use.count)
        return text % {"n": intcomma(use.count), "event": use.name}
    name = use.name.removesuffix(f" ({use.where})")
    words = {"flow": _("Flow %(name)s"), "mapping": _("Mapping %(name)s"), "connection": _("Connection %(name)s")}
    return words[use.kind] % {"name": name} if use.kind in words else name
