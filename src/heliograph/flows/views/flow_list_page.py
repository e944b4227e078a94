"""The Flow List and its toggle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.choices import connection_choices
from heliograph.deliveries.delivery_words import waits_for_tag
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow import sentence
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.ids import read_id
from heliograph.flows import flow_words
from heliograph.flows.flow_list import COUNTED, FlowList, FlowListFilter, FlowRow
from heliograph.flows.replay_offers import passed_while_off
from heliograph.flows.services.flows import set_active
from heliograph.flows.views.editor import flow_menu
from heliograph.flows.views.offer_words import say_with_offer
from heliograph.setup.services.setup_save import saving
from heliograph.store.django_database import read_database
from heliograph.store.instants import from_micros
from heliograph.web.charts import hour_bars
from heliograph.web.confirmation import Moving, is_agreed, question
from heliograph.web.cursor import ROWS, Pager, address
from heliograph.web.field_names import flow_parts
from heliograph.web.form_fields import Hidden
from heliograph.web.forms import Form
from heliograph.web.list_count import ListCount, many
from heliograph.web.list_filters import ChoiceFilter, EnumFilter, IdFilter, ListFilters, SearchFilter
from heliograph.web.pages import page
from heliograph.web.percentages import percent
from heliograph.web.shown_fields import Choice

COMPLETE, INCOMPLETE = "complete", "incomplete"
MODES = {Mode.LIVE: gettext_lazy("Live"), Mode.TEST: gettext_lazy("Test")}


class FlowListFilters(ListFilters):
    """The filters of the Flow List."""

    no_match = gettext_lazy("No flow matches")
    show_all = gettext_lazy("Show all flows")

    q = SearchFilter(gettext_lazy("Search flows"), placeholder=gettext_lazy("Name, tag, event"))
    connection = IdFilter(gettext_lazy("Connection"), every=gettext_lazy("All connections"))
    mode = EnumFilter(gettext_lazy("Live or Test"), Mode, MODES.__getitem__, every=gettext_lazy("Live and Test"))
    state = ChoiceFilter(
        gettext_lazy("Status"),
        options=[Choice(COMPLETE, gettext_lazy("Complete")), Choice(INCOMPLETE, gettext_lazy("Incomplete"))],
        every=gettext_lazy("All statuses"),
        param="status",
    )

    @property
    def list_filter(self) -> FlowListFilter:
        """The filters as `FlowList` takes them."""
        cleaned = self.cleaned_data
        return FlowListFilter(
            cleaned["q"], cleaned["connection"], cleaned["mode"], {COMPLETE: True, INCOMPLETE: False}.get(cleaned["state"])
        )

    @property
    def no_match_text(self) -> str:
        if text := self.cleaned_data["q"]:
            return _("No flow has “%(text)s” in its name, tags or events.") % {"text": text}
        return _("Nothing matches the search and filters. Change one of them.")


class ToggleForm(Form):
    """The toggle of a flow."""

    active = Hidden()
    """ "on" or "off"."""
    back = Hidden()
    """The page with the toggle: "flow", or the number of the list's page."""

    def clean_back(self) -> str:
        """The page with the toggle; "" for anything invalid."""
        back = str(self.cleaned_data["back"])
        return back if back == "flow" or read_id(back) else ""


@require_safe
def flow_list(request: AccountRequest) -> HttpResponse:
    """The Flow List: each flow as a sentence."""
    filters = FlowListFilters(request)
    with read_database() as db:
        all_flows = FlowList(db, request.account.pk)
        flows = all_flows.flows(filters.list_filter)
        last = max(1, -(-len(flows) // ROWS))
        at = min(max(1, read_id(request.GET.get("page", "")) or 1), last)
        rows = all_flows.rows(flows[(at - 1) * ROWS : at * ROWS])
        troubles = flow_words.troubles_of(all_flows.connections())
    total = len(all_flows.config.flows)
    filters.offer("connection", connection_choices(all_flows.config))
    names = sentence.SentenceNames.from_config(all_flows.config, troubles)
    people = names_of_users(request.account.pk, [row.by for row in rows])
    return page(
        request,
        "flows/list.html",
        here="flows",
        flows=[_row(row, names, people, edits=may(request.user, Role.ADMINISTRATOR)) for row in rows],
        result=ngettext("%(shown)s of %(all)s flow", "%(shown)s of %(all)s flows", total)
        % {"shown": intcomma(len(flows)), "all": intcomma(total)},
        page=str(at) if at > 1 else "",
        pager=Pager(
            _("Page %(page)d of %(pages)d") % {"page": at, "pages": last},
            address(request, page=at - 1) if at > 1 else "",
            address(request, page=at + 1) if at < last else "",
            by_time=False,
        ),
        none=not total,
        counted=_("Of the items of Retry, the newest %(n)s are counted.") % {"n": intcomma(COUNTED)}
        if any(row.is_more for row in rows)
        else "",
        filters=filters,
        now=timezone.now(),
    )


@require_POST
@needs(Role.ADMINISTRATOR)
def toggle(request: AccountRequest, flow: int) -> HttpResponse:
    """Switches a flow on or off. It asks before it switches a Live flow off (F1)."""
    pressed = ToggleForm(request.POST).posted
    if pressed["active"] not in ("on", "off"):
        raise Http404
    active, back = pressed["active"] == "on", pressed["back"]
    account = request.account.pk
    if not active:
        with read_database() as db:
            all_flows = FlowList(db, account)
            known = all_flows.config.flows.get(flow)
            if known is None:
                raise Http404
            if known.mode is Mode.LIVE and known.active:
                parts = flow_parts(known, sentence.SentenceNames.from_config(all_flows.config), mode=False)
                confirmation = _off_question(known, parts, all_flows.undelivered(flow), back)
                if not is_agreed(request, confirmation):
                    return page(request, "confirmation.html", here="flows", **confirmation)
    with saving(account, by=request.user.actor, whole_account=True) as transaction:
        row = set_active(transaction, flow, active)
    message = (_("“%(name)s” is on.") if active else _("“%(name)s” is off.")) % {"name": row.name}
    with account_reader(account) as reader:
        offer = passed_while_off(reader, flow) if active else None
    say_with_offer(request, message, flow, offer)
    return HttpResponseRedirect(_back(back, flow))


def _off_question(flow: Flow, parts: Sequence[sentence.SentencePart], waiting: int, back: str) -> dict[str, Any]:
    undelivered = ngettext(
        "%(n)s of its actions is not delivered yet. It waits in Retry until the flow is switched on again.",
        "%(n)s of its actions are not delivered yet. They wait in Retry until the flow is switched on again.",
        waiting,
    )
    return question(
        _("Switch off %(name)s?") % {"name": flow.name},
        frame="signal.html",
        lead=_("It is a Live flow. While it is off, it acts on nothing, and changes made meanwhile are not sent automatically."),
        notes=[Moving(undelivered % {"n": many(waiting)})] if waiting else [],
        sentence=parts,
        hidden=[("active", "off"), *([("back", back)] if back else [])],
        thing=flow.number,
        button=_("Switch it off"),
        button_class="danger",
        cancel=_("Leave it on"),
        cancel_href=_back(back, flow.id),
    )


def _back(back: str, flow: int) -> str:
    """The URL of the page with the toggle."""
    if back == "flow":
        return reverse("flow", args=(flow,))
    return f"{reverse('flow-list')}{f'?page={back}' if back else ''}#flow-{flow}"


def _validation_href(row: FlowRow) -> str:
    """The list of the validation errors that a flow's row counts."""
    query = {"since": row.since // MINUTE, "until": row.until // MINUTE, "flow": row.flow.id}
    return reverse("records", args=("validation",), query=query if row.flow.mode is Mode.LIVE else {**query, "mode": "test"})


def _row(row: FlowRow, names: sentence.SentenceNames, people: dict[str, str], *, edits: bool) -> dict[str, Any]:
    flow = row.flow
    mode = "" if flow.mode is Mode.LIVE else "&mode=test"
    return {
        "id": flow.id,
        "name": flow.name or _("Without a name"),
        "sentence": flow_parts(flow, names, mode=False),
        "off": not flow.active,
        "active": flow.active,
        "live": flow.mode is Mode.LIVE,
        "missing": [flow_words.lacking(missing, flow) for missing in row.missing],
        "last": from_micros(row.last) if row.last else None,
        "held": ngettext("%(n)s held", "%(n)s held", row.held_count) % {"n": many(ListCount(row.held_count, row.holds_more))}
        if row.held_count
        else "",
        "queued": ListCount(row.queued, row.is_more),
        "failed": ListCount(row.failed, row.is_more),
        "validation": row.validation,
        "untagged": waits_for_tag(row.untagged, many(ListCount(row.untagged, row.is_more))) if row.untagged else "",
        "untagged_href": f"{reverse('retry')}?flow={flow.id}&status=untagged" if row.untagged else "",
        "queued_href": f"{reverse('retry')}?flow={flow.id}&status=waiting" if row.queued else "",
        "failed_href": f"{reverse('retry')}?flow={flow.id}&status=Failed" if row.failed else "",
        "validation_href": _validation_href(row) if row.validation else "",
        "bars": hour_bars(row.hours.delivered, row.hours.undelivered) if row.hours.due else None,
        "rate": percent(row.hours.rate) if row.hours.rate is not None else "",
        "due": row.hours.due,
        "bars_label": _("%(name)s in 24 hours: %(sent)s delivered, %(rest)s not delivered")
        % {"name": flow.name, "sent": intcomma(row.hours.sent), "rest": intcomma(row.hours.due - row.hours.sent)},
        "bars_href": f"{reverse('feed')}?flow={flow.id}{mode}",
        "by": people.get(row.by, ""),
        "changed": from_micros(row.changed),
        "menu": [(_("Edit") if edits else _("Open"), reverse("flow", args=(flow.id,))), *flow_menu(flow.id, edits=edits)],
    }
