"""The test beside the flow editor, and Send this one now. The editor's page belongs to the flows; the contents of its panel are computed
here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.deliveries import words
from heliograph.deliveries.database import AccountReader, reading
from heliograph.deliveries.prospect_words import on_their_way
from heliograph.deliveries.prospects import connection_holds
from heliograph.deliveries.submit import NothingToSync, send_now
from heliograph.deliveries.why import GateRow, told
from heliograph.domain.flow import sentence
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.decision import FlowVerdict
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.ids import read_id
from heliograph.domain.setup.fields import Subject
from heliograph.flows import trial_registration
from heliograph.flows.drafts import FlowDraft, subject_of
from heliograph.flows.flow_test import DAYS, Counted, Trial, count_taken, has_rule, subject_change, try_change
from heliograph.flows.past_trial import try_on_past
from heliograph.flows.services.request_preview import RequestPreview
from heliograph.flows.views import editor
from heliograph.flows.views.past_words import past_shown
from heliograph.registrations.list import ListedRegistration, RegistrationFilter, Registrations, RegistrationSort
from heliograph.setup.services.save import acting
from heliograph.setup.views.frame import by, check
from heliograph.store.moments import from_micros
from heliograph.store.registrations import ids_of_code
from heliograph.web.confirmation import agrees, has_changed, promise_of
from heliograph.web.cursor import Cursor
from heliograph.web.form_fields import LONGEST_TEXT, Hidden
from heliograph.web.forms import Form
from heliograph.web.pages import page
from heliograph.web.templatetags.moments import moment
from heliograph.web.toasts import say

CHOICES = 8
"""Registrations offered if several match."""
NO_RULE = gettext_lazy("What the flow takes is not said yet: fill in its source and the values of its filters.")
ACTIVE = 1
"""The row of the gate "Active and complete"."""


class PanelForm(Form):
    """The panel's fields: try-text, the search, and try-event, for creating a registration. Buttons: make (with its code), pick (one of
    several), count, past and try. picked: the one that is shown."""

    try_text = Hidden(longest=LONGEST_TEXT)
    try_event = Hidden()
    make = Hidden()
    pick = Hidden()
    picked = Hidden()
    count = Hidden()
    past = Hidden()
    try_ = Hidden()

    def add_prefix(self, field_name: str) -> str:
        """Uses the panel's field names."""
        return field_name.rstrip("_").replace("_", "-")


@require_POST
def try_flow(request: AccountRequest, flow: int | None = None) -> HttpResponse:
    """Tests the flow as it is on the page, saved or not. The page requests this again whenever its form changes."""
    edits = may(request.user, Role.ADMINISTRATOR)
    if flow is None:
        check(request, Role.ADMINISTRATOR)
    with reading(request.account.pk) as of:
        draft = editor.draft_of(request, of.config, of.db, flow) if edits else editor.stored_draft(of.config, flow or 0)
    asked = PanelForm(request.POST).posted
    made = _made(request, draft, asked["make"][:100], asked["try_event"]) if asked["make"] else None
    with reading(request.account.pk) as of:
        panel = _panel(request, of, draft, asked, made)
    return editor.draw(request, draft, panel=panel)


def _made(request: AccountRequest, draft: FlowDraft, code: str, event: str) -> int | str:
    """Creates the requested test registration. Returns its id, or why there is none."""
    check(request, Role.PLANNER)
    with reading(request.account.pk) as of:
        rows = of.db.all("SELECT id FROM event WHERE account_id = :account AND code = :code", {"account": of.account, "code": event})
        found = of.source.event(rows[0][0]) if rows else None
    if found is None:
        return _("There is no such event any more. Choose another one.")
    answer = trial_registration.make(request.account.pk, draft.flow, found, code, by=by(request), now=timezone.now())
    if isinstance(answer, int):
        return answer
    return _("No test registration was made: %(why)s") % {"why": " ".join(f"{p.field}: {p.reason}" for p in answer[:3])}


def _panel(
    request: AccountRequest, of: AccountReader, draft: FlowDraft, asked: Mapping[str, str], made: int | str | None
) -> dict[str, Any]:
    """The contents of the panel. asked: PanelForm."""
    flow, text = draft.flow, asked["try_text"][:200]
    panel: dict[str, Any] = {"text": text, "event": asked["try_event"], "made": made is not None}
    if asked["count"]:
        return panel | {
            "picked": asked["picked"],
            "count": _count_said(count_taken(of, flow)) if has_rule(flow, of.config) else str(NO_RULE),
        }
    if asked["past"]:
        ready = has_rule(flow, of.config)
        past = past_shown(try_on_past(of, flow, now=timezone.now()), of, flow) if ready else None
        return panel | {"picked": asked["picked"], "past": past, "problem": "" if ready else str(NO_RULE)}
    if isinstance(made, str):
        return panel | {"problem": made}
    if not any(asked[button] for button in ("try_", "pick", "make")) and not read_id(asked["picked"]):
        return panel  # the form has changed, and nothing has been tested yet
    if subject_of(flow) is Subject.EVENT:
        rows = of.db.all(
            "SELECT id, code FROM event WHERE account_id = :account AND code = :code",
            {"account": of.account, "code": text.upper()},
        ) or of.db.all(
            "SELECT id, code FROM event WHERE account_id = :account AND code = :code",
            {"account": of.account, "code": text},
        )
        return panel | (_tried(request, of, draft, rows[0][0], rows[0][1]) if rows else {"problem": _("There is no event of this code.")})
    picked = made or read_id(asked["pick"]) or (read_id(asked["picked"]) if _same(of, asked["picked"], text) else None)
    if picked is None:
        rows = _found(of, text)
        if len(rows) != 1:
            problem = _("No registration has this code or name.") if text else _("Type the code or the name of a registration.")
            return panel | ({"choices": rows} if rows else {"problem": problem})
        picked = int(rows[0][0])
    label = _label(of, picked)
    return panel | (_tried(request, of, draft, picked, label) if label else {"problem": _("This registration is not there any more.")})


def _found(of: AccountReader, text: str) -> list[tuple[str, str]]:
    """Registrations that match; where their code was typed, no others."""
    if not text:
        return []
    exact = ids_of_code(of.db, of.account, text)[:CHOICES]
    if exact:
        rows = of.db.all(
            "SELECT r.id, r.code, r.name, e.code FROM registration r JOIN event e ON e.id = r.event_id"
            f" WHERE r.account_id = :account AND {of.db.member('r.id', 'ids')} ORDER BY r.modified DESC, r.id DESC",
            {"account": of.account, "ids": exact},
        )
        return [(str(id), f"{code} {name}, {event}") for id, code, name, event in rows]
    registrations, found, further = Registrations(of.db, of.account), list[ListedRegistration](), None
    while len(found) < CHOICES:
        page = registrations.page(RegistrationFilter(text=text), RegistrationSort.MODIFIED, further, size=CHOICES - len(found))
        found += page.rows
        further = Cursor.read(page.further, parts=RegistrationSort.MODIFIED.parts)
        if further is None:
            break
    return [(str(row.id), f"{row.code} {row.name}, {row.event}") for row in found]


def _label(of: AccountReader, id: int) -> str:
    found = of.people([id]).get(id)
    return f"{found.code} {found.name}".strip() if found else ""


def _same(of: AccountReader, picked: str, text: str) -> bool:
    """True if the text is still the one that the page wrote for the picked registration."""
    id = read_id(picked)
    return id is not None and _label(of, id) == text


def _tried(request: AccountRequest, of: AccountReader, draft: FlowDraft, subject: int, label: str) -> dict[str, Any]:
    flow = draft.flow
    found = subject_change(of, flow, subject)
    head = {"text": label, "picked": str(subject)}
    if found is None:
        return head | {"problem": _("Nothing of it has been recorded yet.")}
    id, change, event_id = found
    if change is None:
        return head | {"problem": _("The content of its last change is no longer kept. Save it once, then test again.")}
    trial = try_change(of, flow, change, of.source.event(event_id), now=timezone.now())
    return head | {"trial": _shown(request, of, draft, trial, id)}


def _shown(request: AccountRequest, of: AccountReader, draft: FlowDraft, trial: Trial, change: int) -> dict[str, Any]:
    """The result, gate by gate, and the requests."""
    flow = draft.flow
    config = replace(of.config, flows={**of.config.flows, flow.id: flow})
    why = told(trial.running, config)
    gates = list(why.gates)
    off = not flow.active
    actual = _("On, complete") if trial.active.passed else _("Off") if off else _("incomplete")
    gates[ACTIVE] = GateRow(gates[ACTIVE].name, "passed" if trial.active.passed else "wait", _("On, nothing missing"), actual)
    answer = why.answer
    if trial.running.verdict is FlowVerdict.TRIGGERED:
        names = [c.name for d in flow.destinations if (c := config.connections.get(d.connection or 0))]
        answer = _("It would be sent to %(connections)s.") % {"connections": ", ".join(dict.fromkeys(names)) or _("nobody yet")}
        if not trial.active.passed:
            answer = _("Once the flow is on and complete: %(answer)s") % {"answer": answer}
            gates[-1] = GateRow(gates[-1].name, "wait")
    if not has_rule(flow, config):
        answer = str(NO_RULE)
    href, not_now = _sending(request, draft, of.config.flows.get(flow.id), trial, change)
    return {
        "change": _("Its change of %(when)s: %(what)s.")
        % {"when": moment(trial.change.at), "what": words.happened(trial.change, of.config, trial.event)},
        "sentence": why.sentence,
        "answer": answer,
        "gates": gates,
        "requests": [_request(d, p, of) for d, p in trial.previews],
        "send_href": href,
        "send_not": not_now,
    }


def _sending(request: AccountRequest, draft: FlowDraft, stored: Flow | None, trial: Trial, change: int) -> tuple[str, str]:
    """The URL of Send this one now, or why it is not offered."""
    if trial.running.verdict is not FlowVerdict.TRIGGERED or not may(request.user, Role.PLANNER):
        return "", ""
    if stored is None or draft.to_save.to_body() != stored.to_body():
        return "", _("Save the flow to send this one now: what is sent is what is saved.")
    if not trial.triggers:
        return "", _("Switch the flow on to send this one now.") if not stored.active else ""
    return reverse("flow-send", args=(stored.id, change)), ""


def _request(destination: Destination, found: RequestPreview, of: AccountReader) -> dict[str, Any]:
    connection = of.config.connections.get(destination.connection or 0)
    return {
        "connection": connection.name if connection else destination.name or _("a destination without a name"),
        "line": f"{found.method} {found.url}" if found.method else "",
        "headers": "\n".join(f"{name}: {value}" for name, value in found.headers),
        "json": _json_rows(found.body),
        "body": _laid_out(found.body),
        "problems": found.problems,
        "why": _(found.why) if found.why else "",
    }


def _json_rows(body: str) -> list[tuple[str, str]] | None:
    """The keys of a flat JSON object with their values as JSON; None for anything else."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    if not isinstance(found, dict) or any(isinstance(value, (dict, list)) for value in found.values()):
        return None
    return [(key, json.dumps(value, ensure_ascii=False)) for key, value in found.items()]


def _laid_out(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def _count_said(counted: Counted) -> str:
    """How many of last week's changes it would have accepted, in words."""
    if not counted.judged:
        return _("In the last %(days)d days nothing was recorded that it watches for.") % {"days": DAYS}
    said = ngettext(
        "It would have taken %(taken)s of the %(n)s change of the last %(days)d days that it watches for.",
        "It would have taken %(taken)s of the %(n)s changes of the last %(days)d days that it watches for.",
        counted.judged,
    ) % {"taken": f"{counted.taken:,}", "n": f"{counted.judged:,}", "days": DAYS}
    if counted.more:
        said = _("Of the newest %(n)s changes of the last %(days)d days that it watches for, it would have taken %(taken)s. Older ones were not counted.") % {
            "taken": f"{counted.taken:,}",
            "n": f"{counted.judged:,}",
            "days": DAYS,
        }  # fmt: skip
    if counted.untagged:
        said += " " + ngettext("%(n)s more lacks a tag.", "%(n)s more lack a tag.", counted.untagged) % {"n": f"{counted.untagged:,}"}
    if counted.gone:
        said += " " + ngettext("The content of %(n)s is no longer kept.", "The content of %(n)s is no longer kept.", counted.gone) % {
            "n": f"{counted.gone:,}"
        }
    return said


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def send(request: AccountRequest, flow: int, change: int) -> HttpResponse:
    """Shows the target and what would be sent, asks, and sends it."""
    account = request.account.pk
    with reading(account) as of:
        draft = editor.stored_draft(of.config, flow)
        found = of.changes([change]).get(change) if change < 1 << 63 else None
        if found is None or found[0] is None:
            raise Http404
        trial = try_change(of, draft.flow, found[0], of.source.event(found[1][1]), now=timezone.now())
        who = _who(of, change, trial)
        targets = [
            {"name": c.name, "host": c.shown, "request": _request(d, p, of)}
            for d, p in trial.previews
            if (c := of.config.connections.get(d.connection or 0)) is not None
        ]
        parts = sentence.parts(draft.flow, sentence.SentenceNames.from_config(of.config), _)
        promise = promise_of(parts, trial.triggers, _promised(draft.flow, of.config))
    if trial.triggers and agrees(request, promise):
        try:
            with acting(account):
                connections = send_now(account, flow, change)
        except NothingToSync as error:
            say(request, _("Nothing was sent.") + " " + _(str(error)))
        else:
            with reading(account) as of:
                text = on_their_way(connections, of.connection_names(connections), connection_holds(of))
            say(request, text, link=_("Watch them"), href=_feed(draft.flow))
        return HttpResponseRedirect(reverse("flow", args=(flow,)))
    return page(
        request,
        "flows/send.html",
        here="flows",
        flow={"id": flow, "name": draft.flow.name, "sentence": parts},
        who=who,
        what=words.happened(trial.change, of.config, trial.event),
        at=from_micros(int(trial.change.at.timestamp() * 1_000_000)),
        targets=targets,
        ready=trial.triggers,
        promise=promise,
        changed=has_changed(request, promise),
        status=409 if has_changed(request, promise) else 200,
    )


def _promised(flow: Flow, config: AccountConfig) -> object:
    """The versions by which a request of each destination is made. What it says of the registration is as it was then."""
    numbers = config.numbers
    return flow.number, [
        (
            d.name,
            numbers.get(("connection", d.connection or 0)),
            [numbers.get(("mapping", id or 0)) for id in (d.payload_mapping, d.header_mapping)],
        )
        for d in flow.destinations
    ]


def _feed(flow: Flow) -> str:
    return reverse("feed") + ("?mode=test" if flow.mode.value == "Test" else "")


def _who(of: AccountReader, change: int, trial: Trial) -> str:
    ((registration,),) = of.db.all("SELECT registration_id FROM change WHERE id = :id", {"id": change})
    if registration is None:
        return trial.event.code
    return _label(of, registration) or trial.event.code
