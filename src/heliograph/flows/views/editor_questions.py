"""What the flow editor asks before it saves: whether a running flow may stop (F2), and whether a flow may take more live changes.

Everything that was typed goes along, so that an answer saves it and "Go on editing" shows it again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.database import reading as reading_account
from heliograph.domain.flow import sentence
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.flows import words
from heliograph.flows.drafts import FlowDraft
from heliograph.flows.flow_list import FlowList
from heliograph.flows.flow_test import count_taken
from heliograph.setup.save_questions import AsksFirst, WidensFirst
from heliograph.setup.views.confirmed_save import promise_of_save
from heliograph.setup.views.frame import account_config, reading
from heliograph.web.confirmation import Breaks, LinkedThing, has_changed, question, status_of, typed
from heliograph.web.pages import page


def promised_of(draft: FlowDraft, config: AccountConfig) -> object:
    """What both pages say beside what the save asks: the flow's name, and its sentence. How much it would have taken moves by itself."""
    return draft.flow.name, sentence.parts(draft.flow, sentence.SentenceNames.from_config(config), _)


def stop_question(request: AccountRequest, post: QueryDict, draft: FlowDraft, error: AsksFirst) -> HttpResponse:
    """Saved like this, a running flow is incomplete and stops: shows what it would lack, and what is not delivered yet."""
    with transaction.atomic(using="read"):
        config = account_config(request, reading())
        waiting = FlowList(reading(), request.account.pk).undelivered(draft.flow.id)
    lacks = [LinkedThing(words.lacking(m, draft.flow)) for stop in error.stops for m in stop.missing]
    undelivered = ngettext(
        "%(n)s action of it is not delivered yet. It waits in Retry.",
        "%(n)s actions of it are not delivered yet. They wait in Retry.",
        waiting,
    )
    asked = question(
        _("Stop %(name)s?") % {"name": draft.flow.name or _("Without a name")},
        frame="signal.html",
        lead=_("The flow is running. Saved like this it is incomplete."),
        notes=[undelivered % {"n": f"{waiting:,}"}] if waiting else [],
        sentence=sentence.parts(draft.flow, sentence.SentenceNames.from_config(config), _),
        promise=promise_of_save(error, promised_of(draft, config)),
        breaks=[Breaks(_("It takes no change until these are filled"), tone="wait", items=lacks)],
        hidden=typed(post, "look"),
        button=_("Save, and stop it"),
        button_class="danger",
        cancel=_("Go on editing"),
        cancel_posts="look",
    )
    return _asks(request, asked)


def wider_question(request: AccountRequest, post: QueryDict, draft: FlowDraft, error: WidensFirst) -> HttpResponse:
    """Saved like this, a flow takes more live changes: shows how many it would have taken of last week's."""
    flow = replace(draft.to_save, id=draft.flow.id)
    with transaction.atomic(using="read"):
        config = account_config(request, reading())
    with reading_account(request.account.pk) as of:
        now, then = (count_taken(of, each) for each in (of.config.flows[flow.id], flow))
    taken = ngettext(
        "It would have taken %(shown)s of last week’s %(judged)s changes that it watches.",
        "It would have taken %(shown)s of last week’s %(judged)s changes that it watches.",
        then.taken,
    ) % {"shown": f"{then.taken:,}", "judged": f"{then.judged:,}"}
    if not error.goes_live:
        taken += " " + _("As it is saved now: %(shown)s.") % {"shown": f"{now.taken:,}"}
    if then.more:
        taken += " " + _("Only the newest were looked at.")
    name = {"name": draft.flow.name or _("Without a name")}
    asked = question(
        (_("Take %(name)s Live?") if error.goes_live else _("Let %(name)s take more?")) % name,
        frame="signal.html",
        lead=_("From now on it takes what happens to real registrations, and sends it.")
        if error.goes_live
        else _("The flow is Live. Saved like this it takes changes that it leaves out now."),
        notes=[taken],
        sentence=sentence.parts(draft.flow, sentence.SentenceNames.from_config(config), _),
        promise=promise_of_save(error, promised_of(draft, config)),
        hidden=typed(post, "look"),
        button=_("Save, and go Live") if error.goes_live else _("Save, and take more"),
        button_class="danger",
        cancel=_("Go on editing"),
        cancel_posts="look",
    )
    return _asks(request, asked)


def _asks(request: AccountRequest, asked: dict[str, Any]) -> HttpResponse:
    asked["changed"] = has_changed(request, asked["promise"])
    return page(request, "confirmation.html", here="flows", status=status_of(asked), **asked)
