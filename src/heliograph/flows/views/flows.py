"""The Flow List and its toggle."""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.domain.flow import sentence
from heliograph.domain.flow.flow import Mode
from heliograph.domain.ids import read_id
from heliograph.flows import words
from heliograph.flows.flow_list import FlowList, FlowListFilter, FlowRow
from heliograph.flows.services.flows import set_active
from heliograph.flows.views.editor import flow_menu
from heliograph.setup.errors import NotThere
from heliograph.setup.services.save import saving
from heliograph.store.database import of_django
from heliograph.store.moments import from_micros
from heliograph.web.cursor import ROWS
from heliograph.web.fields import Choice, FormField
from heliograph.web.forms import Form, Hidden
from heliograph.web.pages import page
from heliograph.web.toasts import say

COMPLETE, INCOMPLETE = "complete", "incomplete"


class ToggleForm(Form):
    """active: "on" switches it on, anything else off; sure: "yes" if confirmed; back: the page with the toggle."""

    active = Hidden()
    sure = Hidden()
    back = Hidden()

    def clean_back(self) -> str:
        """ "flow", the page number of the list, or ""."""
        back = str(self.cleaned_data["back"])
        return back if back == "flow" or read_id(back) else ""


@require_safe
def flow_list(request: AccountRequest) -> HttpResponse:
    """Every flow as one sentence."""
    ask = request.GET
    status = ask.get("status", "")
    wanted = FlowListFilter(
        text=ask.get("q", "")[:200],
        connection=read_id(ask.get("connection", "")),
        mode=next((mode for mode in Mode if mode.value == ask.get("mode")), None),
        complete={COMPLETE: True, INCOMPLETE: False}.get(status),
    )
    with transaction.atomic(using="read"):
        found = FlowList(of_django(connections["read"]), request.account.pk)
        flows = found.flows(wanted)
        last = max(1, -(-len(flows) // ROWS))
        at = min(max(1, read_id(ask.get("page", "")) or 1), last)
        rows = found.rows(flows[(at - 1) * ROWS : at * ROWS])
        troubles = {id: words.trouble_of(health) for id, health in found.health().items()}
    names = sentence.SentenceNames.of(found.config, troubles)
    people = names_of_users(request.account.pk, [row.by for row in rows])
    return page(
        request,
        "flows/list.html",
        here="flows",
        flows=[_row(row, names, people, edits=may(request.user, Role.ADMINISTRATOR)) for row in rows],
        matching=len(flows),
        total=len(found.config.flows),
        page=str(at) if at > 1 else "",
        newer=_page(request, at - 1) if at > 1 else "",
        older=_page(request, at + 1) if at < last else "",
        showing=_("Page %(page)d of %(pages)d") % {"page": at, "pages": last},
        none=not found.config.flows,
        q=wanted.text,
        filtered=wanted.narrows,
        filters=_filters(found, wanted, status),
        now=timezone.now(),
    )


def _page(request: AccountRequest, number: int) -> str:
    asked = request.GET.copy()
    asked["page"] = str(number)
    return f"?{asked.urlencode()}"


@require_POST
@needs(Role.ADMINISTRATOR)
def toggle(request: AccountRequest, flow: int) -> HttpResponse:
    """Switches a flow on or off. Switching a Live flow off asks first (F1)."""
    pressed = ToggleForm(request.POST).posted
    active, back = pressed["active"] == "on", pressed["back"]
    account = request.account.pk
    if not active and pressed["sure"] != "yes":
        with transaction.atomic(using="read"):
            found = FlowList(of_django(connections["read"]), account)
            known = found.config.flows.get(flow)
            if known is None:
                raise Http404
            if known.mode is Mode.LIVE and known.active:
                parts = sentence.parts(known, sentence.SentenceNames.of(found.config), _)
                asked = {"id": known.id, "name": known.name, "sentence": parts}
                waiting = found.undelivered(flow)
                return page(request, "flows/switch_off.html", here="flows", flow=asked, waiting=waiting, back=back, leave=_back(back, flow))
    try:
        with saving(account, by=f"user:{request.user.pk}", whole_account=True) as s:
            row = set_active(s, flow, active)
    except NotThere:
        raise Http404 from None
    said = _("“%(name)s” is on.") if active else _("“%(name)s” is off.")
    say(request, said % {"name": row.name})
    return HttpResponseRedirect(_back(back, flow))


def _back(back: str, flow: int) -> str:
    """The page with the toggle."""
    if back == "flow":
        return reverse("flow", args=(flow,))
    return f"{reverse('flow-list')}{f'?page={back}' if back else ''}#flow-{flow}"


def _row(row: FlowRow, names: sentence.SentenceNames, people: dict[str, str], *, edits: bool) -> dict[str, Any]:
    flow = row.flow
    mode = "" if flow.mode is Mode.LIVE else "&mode=test"
    return {
        "id": flow.id,
        "name": flow.name or _("Without a name"),
        "sentence": sentence.parts(flow, names, _),
        "off": not flow.active,
        "active": flow.active,
        "live": flow.mode is Mode.LIVE,
        "missing": [words.lacking(missing, flow) for missing in row.missing],
        "last": from_micros(row.last) if row.last else None,
        "queued": row.queued,
        "failed": row.failed,
        "validation": row.validation,
        "queued_href": f"{reverse('retry')}?flow={flow.id}&status=waiting" if row.queued else "",
        "failed_href": f"{reverse('retry')}?flow={flow.id}&status=Failed" if row.failed else "",
        "validation_href": f"{reverse('feed')}?flow={flow.id}&result=validation{mode}" if row.validation else "",
        "by": people.get(row.by, ""),
        "changed": from_micros(row.changed),
        "menu": [(_("Edit") if edits else _("Open"), reverse("flow", args=(flow.id,))), *flow_menu(flow.id, edits=edits)],
    }


def _filters(found: FlowList, wanted: FlowListFilter, status: str) -> list[FormField]:
    connections_by_name = sorted(found.config.connections.items(), key=lambda pair: pair[1].name.casefold())
    return [
        FormField(
            kind="select",
            id="connection",
            label=_("Connection"),
            value=str(wanted.connection or ""),
            options=[Choice("", _("All connections")), *(Choice(str(id), c.name) for id, c in connections_by_name)],
        ),
        FormField(
            kind="select",
            id="mode",
            label=_("Live or Test"),
            value=wanted.mode.value if wanted.mode else "",
            options=[Choice("", _("Live and Test")), Choice(Mode.LIVE.value, _("Live")), Choice(Mode.TEST.value, _("Test"))],
        ),
        FormField(
            kind="select",
            id="status",
            label=_("Status"),
            value=status,
            options=[Choice("", _("All statuses")), Choice(COMPLETE, _("Complete")), Choice(INCOMPLETE, _("Incomplete"))],
        ),
    ]
