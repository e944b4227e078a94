"""The last step of a pretix source's set-up: real orders as registrations, switching on, and how far the first reading is (S4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Sum
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.ids import read_id
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.registrations.imports.preparation import load_known
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources import source_words as words
from heliograph.sources.call_targets import CallTargets, problem_words
from heliograph.sources.call_trial import TriedCall, try_newest
from heliograph.sources.models import CallKind, Source, SourceCall, SourceItem
from heliograph.sources.services import pretix_webhook, source_mappings, source_proof
from heliograph.sources.services.pretix_readings import pretix_settings
from heliograph.sources.services.pretix_setup import PretixSetup, pretix_row, setup_of
from heliograph.sources.services.source_mappings import KeptCalls
from heliograph.sources.source_list import progress_of
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.sources.views.pretix_pages import ENTRY, frame
from heliograph.store.config_cache import Committed
from heliograph.store.django_database import read_database
from heliograph.web.form_fields import Hidden
from heliograph.web.forms import Form, posted
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import moment

MOST_SHOWN: Final = 12
"""Registrations of the newest orders that are shown."""
CALLED, NOT_CALLED, SET_UP, TAKE_AWAY = "called", "not", "set up", "take away"
TICKS: Final = (
    gettext_lazy("Order placed, paid, canceled, expired, approved, denied, reactivated, changed"),
    gettext_lazy("Order information or contact address changed"),
    gettext_lazy("Ticket checked in, check-in reverted"),
)
"""What to tick in pretix's webhook settings."""


class StartForm(Form):
    """What the page posts."""

    do = Hidden()
    version = Hidden()
    hook = Hidden()


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_pretix_start(request: AccountRequest, id: int) -> HttpResponse:
    """The last step; once the source is on, how far its first reading is, and the address for pretix's webhook."""
    source = pretix_row(id)
    setup = setup_of(source)
    if pretix_settings(source) is None:
        return HttpResponseRedirect(reverse("source-pretix-match", args=(id,)))
    form = StartForm(posted(request))
    made, errors = "", list[str]()
    if form.is_bound:
        try:
            made = _act(request, source, form)
        except Invalid as error:
            errors = [translated(sentence) for sentences in error.fields.values() for sentence in sentences]
        source = pretix_row(id)
        if not made and not errors:
            return HttpResponseRedirect(reverse("source-pretix-start", args=(id,)))
    is_on = source.state != SourceState.DRAFT
    title = _("The webhook is not set up") if is_on else _("Not switched on")
    told = {"tone": "failed", "title": title, "text": "", "items": errors} if errors else None
    return settings_page(
        request,
        "sources/pretix_start.html",
        entry=ENTRY,
        status=422 if errors else 200,
        told=told,
        is_on=is_on,
        going=_going(source, setup) if is_on else None,
        made=made,
        hook=_hook(source, setup_of(source)),
        ticks=TICKS,
        codes=", ".join(code for _, code in setup.events),
        sums=_sums(setup),
        preview=[] if is_on else _preview(request, source),
        hooks=[
            Choice(SET_UP, _("Set it up in pretix"), True, _("Changes arrive within seconds. The token needs permission for this.")),
            Choice(CALLED, _("Show me the address for its webhook"), sub=_("Changes arrive within seconds. You paste it in pretix.")),
            Choice(NOT_CALLED, _("No webhook"), sub=_("Changes arrive within 5 minutes")),
        ],
        **frame(source, 4),
    )


def _act(request: AccountRequest, source: Source, form: StartForm) -> str:
    """Switches the source on, or makes an address. Returns an address that is shown this once, or "". Raises Invalid."""
    if form.posted["do"] in (SET_UP, TAKE_AWAY) and source.state != SourceState.DRAFT:
        act = pretix_webhook.set_up_webhook if form.posted["do"] == SET_UP else pretix_webhook.end_webhook
        act(request.account.pk, source.pk, by=request.user.actor)
        return ""
    wants_address, secret = form.posted["hook"] == CALLED or form.posted["do"] == "address", ""
    with saving(request.account.pk, by=request.user.actor) as transaction:
        if source.state == SourceState.DRAFT:
            seen = read_id(form.posted["version"]) or 0
            source_mappings.switch_on(transaction, source.pk, stored_mapping(source), KeptCalls.LEAVE, seen=seen)
        elif form.posted["do"] != "address":
            return ""
        if wants_address:
            secret = source_proof.add_secret(transaction, source.pk)
    if form.posted["hook"] == SET_UP:
        pretix_webhook.set_up_webhook(request.account.pk, source.pk, by=request.user.actor)
    return f"{source_proof.address_of(source)}/{secret}" if secret else ""


def _sums(setup: PretixSetup) -> list[tuple[str, str]]:
    """The orders of each event, by our code; of dates those of their series, by its name: an order can have places of several dates."""
    codes = dict(setup.events)
    return [(codes.get(event.key, event.name), intcomma(event.orders or 0)) for event in setup.chosen_series]


def _hook(source: Source, setup: PretixSetup) -> dict[str, Any]:
    """Whether pretix has called, in words, and whether its webhook was set up from here."""
    has_secret = any(secret.ends is None for secret in source_proof.secrets_of(source))
    hook = {"has_secret": has_secret, "is_set_up": setup.webhook is not None}
    if source.last_call_at is not None:
        return hook | {"tone": "", "words": _("pretix called %(when)s.") % {"when": moment(source.last_call_at)}}
    return hook | {"tone": "wait", "words": _("No call came yet.")}


def _going(source: Source, setup: PretixSetup) -> dict[str, Any]:
    """How far the first reading is."""
    progress = progress_of(source)
    orders = sum(event.orders or 0 for event in setup.chosen_series)
    read = SourceItem.objects.filter(source=source).count()
    pages = SourceCall.objects.filter(source=source, kind=CallKind.PAGE)
    counts = pages.filter(state__in=(CallState.RECORDED, CallState.WAITING)).aggregate(changed=Sum("changed"), refused=Sum("refused"))
    changed, refused = counts["changed"] or 0, counts["refused"] or 0
    failure = words.failure_words(source)
    is_over = progress.is_filled and not pages.filter(state=CallState.STORED).exists()
    return {
        "is_over": is_over,
        "title": _("Existing orders are read") if is_over else _("Reading existing orders"),
        "text": _("%(read)s of %(orders)s orders") % {"read": intcomma(read), "orders": intcomma(max(orders, read))},
        "done": 100 if is_over else min(99, read * 100 // max(orders, 1)),
        "failure": failure,
        "facts": [
            (_("Recorded"), ngettext("%(n)s registration", "%(n)s registrations", changed) % {"n": intcomma(changed)}),
            *(
                [(_("Waiting"), ngettext("%(n)s registration", "%(n)s registrations", refused) % {"n": intcomma(refused)})]
                if refused
                else []
            ),
        ],
        "waits_href": reverse("source-items", args=(source.pk,)) if refused else "",
    }


def _preview(request: AccountRequest, source: Source) -> Sequence[Mapping[str, Any]]:
    """The registrations of the newest orders, as they would be recorded."""
    with read_database() as db:
        provider = Committed(db)
        trial = try_newest(db, provider, source, stored_mapping(source))
        targets = CallTargets(load_known(db, provider, request.account.pk))
    return _registrations(trial.calls[0], targets) if trial.calls else []


def _registrations(call: TriedCall, targets: CallTargets) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for mapped in call.mapped.registrations[:MOST_SHOWN]:
        document = mapped.document
        profile: Any = document.get("profile") or {}
        problem = next((each for each in call.problems if each.number == mapped.number), None)
        rows.append(
            {
                "code": document.get("code") or "",
                "name": " ".join(str(profile[part]) for part in ("first_name", "last_name") if profile.get(part)),
                "event": document.get("event") or "",
                "type": document.get("attendee_type") or "",
                "status": document.get("status") or "",
                "waits": problem_words(problem, targets) if problem is not None else "",
            }
        )
    return rows
