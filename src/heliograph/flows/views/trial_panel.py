"""The test panel beside the flow editor, and the page of Send this one now. `editor` draws the page; this module computes the panel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, needs, require
from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.delivery_operations import NothingToSync, send_now
from heliograph.deliveries.message_words import message_words
from heliograph.deliveries.prospect_words import on_their_way
from heliograph.deliveries.prospects import connection_holds
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict
from heliograph.domain.flow.flow import Destination, Flow, Mode
from heliograph.domain.ids import read_id
from heliograph.domain.sentence_template import at_place
from heliograph.domain.setup.fields import Subject
from heliograph.flows import trial_registration
from heliograph.flows.drafts import FlowDraft, subject_of
from heliograph.flows.editor_forms import PanelForm
from heliograph.flows.flow_trial import DAYS, NO_RULE, Counted, NothingToTry, Trial, count_taken, has_rule, latest_change, try_change
from heliograph.flows.past_trial import try_on_past
from heliograph.flows.services.request_preview import RequestPreview
from heliograph.flows.trial_words import trial_answer
from heliograph.flows.views import editor
from heliograph.flows.views.past_words import past_context
from heliograph.registrations.list import ListedRegistration, RegistrationFilter, Registrations, RegistrationSort
from heliograph.setup.services.setup_save import acting
from heliograph.store.instants import from_micros
from heliograph.store.registrations import ids_of_code
from heliograph.web.confirmation import agrees, has_changed, promise_of
from heliograph.web.cursor import Cursor
from heliograph.web.field_names import flow_parts
from heliograph.web.pages import page
from heliograph.web.templatetags.moments import moment
from heliograph.web.toasts import say

CHOICES = 8
"""Most registrations that are offered if several match."""


@require_POST
def try_flow(request: AccountRequest, flow: int | None = None) -> HttpResponse:
    """Tests the flow as it is in the form, saved or not. The page requests the panel again whenever its form changes."""
    edits = may(request.user, Role.ADMINISTRATOR)
    if flow is None:
        require(request.user, Role.ADMINISTRATOR)
    with account_reader(request.account.pk) as reader:
        draft = editor.draft_of(request, reader, flow) if edits else editor.stored_draft(reader.config, flow or 0)
    posted = PanelForm(request.POST).posted
    made = _make_registration(request, draft, posted["make"][:100], posted["try_event"]) if posted["make"] else None
    with account_reader(request.account.pk) as reader:
        panel = _panel(request, reader, draft, posted, made)
    return editor.draw(request, draft, panel=panel)


def _make_registration(request: AccountRequest, draft: FlowDraft, code: str, event: str) -> int | str:
    """Creates a test registration. Returns its id, or the sentence that says why there is none."""
    require(request.user, Role.PLANNER)
    with account_reader(request.account.pk) as reader:
        event_config = reader.event_of_code(event)
    if event_config is None:
        return _("This event no longer exists. Choose another one.")
    answer = trial_registration.make(request.account.pk, draft.flow, event_config, code, by=request.user.actor, now=timezone.now())
    if isinstance(answer, int):
        return answer
    return _("No test registration was made: %(why)s") % {"why": " ".join(translated(at_place(p.field, p.reason)) for p in answer[:3])}


def _panel(
    request: AccountRequest, reader: AccountReader, draft: FlowDraft, posted: Mapping[str, str], made: int | str | None
) -> dict[str, Any]:
    """The context of the panel.

    posted: the fields of PanelForm
    made: the id of the created test registration; the sentence that says why there is none; None if none was requested
    """
    flow, text = draft.flow, posted["try_text"][:200]
    panel: dict[str, Any] = {"text": text, "event": posted["try_event"], "made": made is not None}
    if posted["count"]:
        return panel | {
            "picked": posted["picked"],
            "count": _count_text(count_taken(reader, flow)) if has_rule(flow, reader.config) else str(NO_RULE),
        }
    if posted["past"]:
        ready = has_rule(flow, reader.config)
        past = past_context(try_on_past(reader, flow, now=timezone.now()), reader, flow) if ready else None
        return panel | {"picked": posted["picked"], "past": past, "past_problem": "" if ready else str(NO_RULE)}
    if isinstance(made, str):
        return panel | {"problem": made}
    if not any(posted[button] for button in ("trial", "pick", "make")) and not read_id(posted["picked"]):
        return panel  # the form changed before anything was tested
    if subject_of(flow) is Subject.EVENT:
        rows = reader.db.all(
            "SELECT id, code FROM event WHERE account_id = :account AND code = :code",
            {"account": reader.account, "code": text.upper()},
        ) or reader.db.all(
            "SELECT id, code FROM event WHERE account_id = :account AND code = :code",
            {"account": reader.account, "code": text},
        )
        return panel | (_try_subject(request, reader, draft, rows[0][0], rows[0][1]) if rows else {"problem": _("No event has this code.")})
    picked = made or read_id(posted["pick"]) or None
    picked_before = read_id(posted["picked"])
    if not picked and picked_before is not None and _label(reader, picked_before) == text:
        picked = picked_before  # the text is still the label that the page wrote for the picked registration
    if picked is None:
        rows = _matching_registrations(reader, text)
        if len(rows) != 1:
            problem = _("No registration has this code or name.") if text else _("Type the code or the name of a registration.")
            return panel | ({"choices": rows} if rows else {"problem": problem})
        picked = int(rows[0][0])
    label = _label(reader, picked)
    return panel | (_try_subject(request, reader, draft, picked, label) if label else {"problem": _("This registration no longer exists.")})


def _matching_registrations(reader: AccountReader, text: str) -> list[tuple[str, str]]:
    """The id and label of the registrations whose code is the text; if there are none, of the registrations that match the text otherwise."""
    if not text:
        return []
    exact = ids_of_code(reader.db, reader.account, text)[:CHOICES]
    if exact:
        rows = reader.db.all(
            "SELECT r.id, r.code, r.name, e.code FROM registration r JOIN event e ON e.id = r.event_id"
            f" WHERE r.account_id = :account AND {reader.db.member('r.id', 'ids')} ORDER BY r.modified DESC, r.id DESC",
            {"account": reader.account, "ids": exact},
        )
        return [(str(id), f"{code} {name}, {event}") for id, code, name, event in rows]
    registrations, listed, further = Registrations(reader.db, reader.account), list[ListedRegistration](), None
    while len(listed) < CHOICES:
        page = registrations.page(RegistrationFilter(text=text), RegistrationSort.MODIFIED, further, size=CHOICES - len(listed))
        listed += page.rows
        further = Cursor.read(page.further, parts=RegistrationSort.MODIFIED.parts)
        if further is None:
            break
    return [(str(row.id), f"{row.code} {row.name}, {row.event}") for row in listed]


def _label(reader: AccountReader, id: int) -> str:
    person = reader.people([id]).get(id)
    return f"{person.code} {person.name}".strip() if person else ""


def _try_subject(request: AccountRequest, reader: AccountReader, draft: FlowDraft, subject: int, label: str) -> dict[str, Any]:
    flow = draft.flow
    head = {"text": label, "picked": str(subject)}
    try:
        latest = latest_change(reader, flow, subject)
    except NothingToTry as error:
        return head | {"problem": translated(error)}
    trial = try_change(reader, flow, latest.change, reader.provider.event(latest.event), now=timezone.now())
    return head | {"trial": _trial_context(request, reader, draft, trial, latest.id)}


def _trial_context(request: AccountRequest, reader: AccountReader, draft: FlowDraft, trial: Trial, change: int) -> dict[str, Any]:
    """The context of a trial's result: the gates and the requests."""
    flow = draft.flow
    words = trial_answer(trial, flow, reader.config)
    href, not_now = _sending(request, draft, reader.config.flows.get(flow.id), trial, change)
    return {
        "change": _("Its change of %(when)s: %(what)s.")
        % {"when": moment(trial.change.at), "what": delivery_words.happened(trial.change, reader.config, trial.event)},
        "sentence": words.sentence,
        "answer": words.answer,
        "gates": words.gates,
        "requests": [_request(d, p, reader) for d, p in trial.previews],
        "send_href": href,
        "send_not": not_now,
    }


def _sending(request: AccountRequest, draft: FlowDraft, stored: Flow | None, trial: Trial, change: int) -> tuple[str, str]:
    """The URL of Send this one now; and, if it is not offered, the sentence that says why."""
    if trial.running.verdict is not FlowVerdict.TRIGGERED or not may(request.user, Role.PLANNER):
        return "", ""
    if stored is None or draft.to_save.to_body() != stored.to_body():
        return "", _("Save the flow to send this one now: only the saved flow is sent.")
    if not trial.triggers:
        return "", _("Switch the flow on to send this one now.") if not stored.active else ""
    return reverse("flow-send", args=(stored.id, change)), ""


def _request(destination: Destination, preview: RequestPreview, reader: AccountReader) -> dict[str, Any]:
    """The context of a request. A JSON body is indented; if it is a flat object, `json` has its keys with their values as JSON."""
    connection = reader.config.connections.get(destination.connection or 0)
    body, rows = preview.body, None
    with suppress(ValueError):
        document = json.loads(preview.body)
        body = json.dumps(document, indent=2, ensure_ascii=False)
        if isinstance(document, dict) and not any(isinstance(value, (dict, list)) for value in document.values()):
            rows = [(key, json.dumps(value, ensure_ascii=False)) for key, value in document.items()]
    return {
        "connection": connection.name if connection else destination.name or _("a destination without a name"),
        "line": f"{preview.method} {preview.url}" if preview.method else "",
        "headers": "\n".join(f"{name}: {value}" for name, value in preview.headers),
        "json": rows,
        "body": body,
        "problems": [translated(problem) for problem in preview.problems],
        "why": message_words(preview.why),
    }


def _count_text(counted: Counted) -> str:
    """The sentences that say how many of last week's changes the flow would have taken."""
    if not counted.judged:
        return _("No change that it watches for was recorded in the last %(days)d days.") % {"days": DAYS}
    text = ngettext(
        "It would have acted on %(taken)s of the %(n)s change of the last %(days)d days that it watches for.",
        "It would have acted on %(taken)s of the %(n)s changes of the last %(days)d days that it watches for.",
        counted.judged,
    ) % {"taken": intcomma(counted.taken), "n": intcomma(counted.judged), "days": DAYS}
    if counted.more:
        text = _("Of the newest %(n)s changes of the last %(days)d days that it watches for, it would have acted on %(taken)s. Older ones were not counted.") % {
            "taken": intcomma(counted.taken),
            "n": intcomma(counted.judged),
            "days": DAYS,
        }  # fmt: skip
    if counted.untagged:
        text += " " + ngettext("%(n)s more lacks a tag.", "%(n)s more lack a tag.", counted.untagged) % {"n": intcomma(counted.untagged)}
    if counted.gone:
        text += " " + ngettext("The content of %(n)s is no longer stored.", "The content of %(n)s is no longer stored.", counted.gone) % {
            "n": intcomma(counted.gone)
        }
    return text


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def send(request: AccountRequest, flow: int, change: int) -> HttpResponse:
    """Sends one change over a flow now, after a page that shows the targets and the requests."""
    account = request.account.pk
    with account_reader(account) as reader:
        draft = editor.stored_draft(reader.config, flow)
        stored_change = reader.changes([change]).get(change) if change < 1 << 63 else None
        if stored_change is None or stored_change[0] is None:
            raise Http404
        trial = try_change(reader, draft.flow, stored_change[0], reader.provider.event(stored_change[1][1]), now=timezone.now())
        ((registration,),) = reader.db.all("SELECT registration_id FROM change WHERE id = :id", {"id": change})
        who = (_label(reader, registration) if registration is not None else "") or trial.event.code
        targets = [
            {"name": connection.name, "host": connection.shown, "request": _request(destination, preview, reader)}
            for destination, preview in trial.previews
            if (connection := reader.config.connections.get(destination.connection or 0)) is not None
        ]
        parts = flow_parts(draft.flow, sentence.SentenceNames.from_config(reader.config))
        promise = promise_of(parts, trial.triggers, _versions_to_send(draft.flow, reader.config))
    if trial.triggers and agrees(request, promise):
        try:
            with acting(account):
                connections = send_now(account, flow, change)
        except NothingToSync as error:
            say(request, _("Nothing was sent.") + " " + translated(error))
        else:
            with account_reader(account) as reader:
                text = on_their_way(connections, reader.connection_names(connections), connection_holds(reader))
            say(request, text, link=_("Watch them"), href=reverse("feed") + ("?mode=test" if draft.flow.mode is Mode.TEST else ""))
        return HttpResponseRedirect(reverse("flow", args=(flow,)))
    return page(
        request,
        "flows/send.html",
        here="flows",
        flow={"id": flow, "name": draft.flow.name, "sentence": parts},
        who=who,
        what=delivery_words.happened(trial.change, reader.config, trial.event),
        at=from_micros(int(trial.change.at.timestamp() * 1_000_000)),
        targets=targets,
        ready=trial.triggers,
        promise=promise,
        changed=has_changed(request, promise),
        status=409 if has_changed(request, promise) else 200,
    )


def _versions_to_send(flow: Flow, config: AccountConfig) -> object:
    """The versions of the flow, connections and mappings that determine the requests. The registration's facts are a part of the change, so
    they cannot differ."""
    numbers = config.numbers
    return flow.number, [
        (
            destination.name,
            numbers.get(("connection", destination.connection or 0)),
            [numbers.get(("mapping", id or 0)) for id in (destination.payload_mapping, destination.header_mapping)],
        )
        for destination in flow.destinations
    ]
