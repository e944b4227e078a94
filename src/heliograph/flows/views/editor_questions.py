"""The confirmation pages of the flow editor: before a running flow stops (F2), and before a flow takes more live changes.

The pages contain the whole form as hidden fields, so that the confirmation saves it and "Go on editing" shows it again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.flows import flow_words
from heliograph.flows.drafts import FlowDraft
from heliograph.flows.editor_forms import FlowForm
from heliograph.flows.flow_list import FlowList
from heliograph.flows.flow_trial import count_taken
from heliograph.setup.save_questions import AsksFirst, WidensFirst
from heliograph.setup.views.confirmed_save import promise_of_save
from heliograph.web.confirmation import Breaks, LinkedThing, has_changed, mark_changed, question, typed
from heliograph.web.field_names import flow_parts
from heliograph.web.pages import page


def promised_of(draft: FlowDraft, config: AccountConfig) -> object:
    """The part of both pages' promise that the save does not know: the flow's name and sentence. The figures are left out, because they change
    by themselves."""
    return draft.flow.name, flow_parts(draft.flow, sentence.SentenceNames.from_config(config))


def stop_question(request: AccountRequest, form: FlowForm, draft: FlowDraft, error: AsksFirst) -> HttpResponse:
    """Asks before a running flow becomes incomplete and stops. The page says what the flow would lack, and what is not delivered yet."""
    with account_reader(request.account.pk) as reader:
        config = reader.config
        waiting = FlowList(reader.db, reader.account).undelivered(draft.flow.id)
    lacks = [LinkedThing(flow_words.lacking(m, draft.flow)) for stop in error.stops for m in stop.missing]
    undelivered = ngettext(
        "%(n)s of its actions is not delivered yet. It waits in Retry.",
        "%(n)s of its actions are not delivered yet. They wait in Retry.",
        waiting,
    )
    confirmation = question(
        _("Stop %(name)s?") % {"name": draft.flow.name or _("Without a name")},
        frame="signal.html",
        lead=_("The flow is running. Saved like this, it is incomplete and stops."),
        notes=[undelivered % {"n": intcomma(waiting)}] if waiting else [],
        sentence=flow_parts(draft.flow, sentence.SentenceNames.from_config(config)),
        promise=promise_of_save(error, promised_of(draft, config)),
        breaks=[Breaks(_("It stays stopped until these are filled"), tone="wait", items=lacks)],
        hidden=typed(form.data, "look"),
        button=_("Save, and stop it"),
        button_class="danger",
        cancel=_("Go on editing"),
        cancel_posts="look",
    )
    return _confirmation_page(request, confirmation)


def wider_question(request: AccountRequest, form: FlowForm, draft: FlowDraft, error: WidensFirst) -> HttpResponse:
    """Asks before a flow takes more live changes. The page says how many of last week's changes it would have taken."""
    flow = replace(draft.to_save, id=draft.flow.id)
    with account_reader(request.account.pk) as reader:
        config = reader.config
        now, then = (count_taken(reader, each) for each in (config.flows[flow.id], flow))
    taken = ngettext(
        "It would have acted on %(shown)s of last week’s %(judged)s changes that it watches.",
        "It would have acted on %(shown)s of last week’s %(judged)s changes that it watches.",
        then.taken,
    ) % {"shown": intcomma(then.taken), "judged": intcomma(then.judged)}
    if not error.goes_live:
        taken += " " + _("With the saved rules: %(shown)s.") % {"shown": intcomma(now.taken)}
    if then.more:
        taken += " " + _("Only the newest were checked.")
    name = {"name": draft.flow.name or _("Without a name")}
    confirmation = question(
        (_("Take %(name)s Live?") if error.goes_live else _("Let %(name)s act on more?")) % name,
        frame="signal.html",
        lead=_("From now on, changes to real registrations are sent.")
        if error.goes_live
        else _("The flow is Live. Saved like this, it acts on changes that it leaves out now."),
        notes=[taken],
        sentence=flow_parts(draft.flow, sentence.SentenceNames.from_config(config)),
        promise=promise_of_save(error, promised_of(draft, config)),
        hidden=typed(form.data, "look"),
        button=_("Save, and go Live") if error.goes_live else _("Save, and act on more"),
        button_class="danger",
        cancel=_("Go on editing"),
        cancel_posts="look",
    )
    return _confirmation_page(request, confirmation)


def _confirmation_page(request: AccountRequest, confirmation: dict[str, Any]) -> HttpResponse:
    mark_changed(confirmation, has_changed(request, confirmation["promise"]))
    return page(request, "confirmation.html", here="flows", **confirmation)
