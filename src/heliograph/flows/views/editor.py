"""The flow editor (guide: Configuring a Flow; F2-F8): the form, its buttons, and the links to connections and mappings and back."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from django_scopes import scope

from heliograph.accounts.kept_form import shows_again
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import WHO, AccountRequest, may, needs, require
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.replay_links import replay_address
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.ids import read_id
from heliograph.flows import drafts, flow_words
from heliograph.flows.drafts import FlowDraft
from heliograph.flows.editor_forms import FlowForm, PanelForm
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.flow_facts import differences, facts, names_of
from heliograph.flows.flow_list import FlowList
from heliograph.flows.flow_warnings import FlowWarning, flow_warnings
from heliograph.flows.models import Flow as StoredFlow
from heliograph.flows.replay_offers import decided_otherwise
from heliograph.flows.services.flows import save_flow
from heliograph.flows.views.editor_questions import promised_of, stop_question, wider_question
from heliograph.flows.views.flow_form import form_of, refused_items
from heliograph.flows.views.offer_words import say_with_offer
from heliograph.setup.save_questions import AsksFirst, SavedMeanwhile, WidensFirst
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.versions import version
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.confirmed_save import save_confirmed
from heliograph.setup.views.setup_frame import refused
from heliograph.store.configuration_versions import ACCOUNT
from heliograph.store.database import Database
from heliograph.store.instants import from_micros
from heliograph.web.field_names import flow_parts
from heliograph.web.forms import member_of
from heliograph.web.pages import page

EDITOR = "flows/editor.html"
EDITING = "flow-editing"
"""The session key of the flow and destination for which a connection or mapping is being created."""
PARTS = ("connection", "payload", "header")


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def add(request: AccountRequest) -> HttpResponse:
    """ADD A FLOW."""
    return _handle_post(request, None) if request.method == "POST" else draw(request, drafts.new())


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def flow(request: AccountRequest, flow: int) -> HttpResponse:
    """One flow: its form for an Administrator, a description for everyone else."""
    if request.method == "POST":
        require(request.user, Role.ADMINISTRATOR)
        return _handle_post(request, flow)
    with account_reader(request.account.pk) as reader:
        config = reader.config
    draft = stored_draft(config, flow)
    message = None
    if may(request.user, Role.ADMINISTRATOR):
        draft, message = _with_created(request, draft, config)
    return draw(request, draft, message=message)


def stored_draft(config: AccountConfig, id: int) -> FlowDraft:
    """The stored flow as a draft. Raises Http404."""
    stored_flow = config.flows.get(id)
    if stored_flow is None:
        raise Http404
    return FlowDraft(stored_flow, stored_flow.number)


def draft_of(request: AccountRequest, reader: AccountReader, id: int | None) -> FlowDraft:
    """The posted draft. Raises Http404."""
    base = drafts.new() if id is None else stored_draft(reader.config, id)
    return drafts.read(FlowForm(request.POST), base, reader.config, FilterValues(reader.db, reader.account, reader.config))


def _handle_post(request: AccountRequest, id: int | None) -> HttpResponse:
    with account_reader(request.account.pk) as reader:
        config = reader.config
        draft = draft_of(request, reader, id)
    form = FlowForm(request.POST)
    changed = drafts.pressed(draft, form, config)
    if changed is not None:
        return draw(request, changed)
    if draft.errors:
        return _refused_page(request, draft)
    opened = read_id(form.posted["over"]) or draft.opened
    before = None if id is None else config.flows.get(id)

    def save(confirmed: bool) -> StoredFlow:
        with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
            return save_flow(transaction, draft.to_save, id, confirmed=confirmed, opened=opened)

    try:
        row = save_confirmed(request, save, promised_of(draft, config))
    except Invalid as error:
        return _refused_page(request, draft.refused(error.fields))
    except AsksFirst as error:
        return stop_question(request, form, draft, error)
    except WidensFirst as error:
        return wider_question(request, form, draft, error)
    except SavedMeanwhile as error:
        return _conflict_page(request, draft, error.number)
    onward = _next_address(request, form, row.pk, draft)
    if onward:
        return HttpResponseRedirect(onward)
    _say_saved(request, before, row)
    return HttpResponseRedirect(reverse("flow", args=(row.pk,)))


def _say_saved(request: AccountRequest, before: Flow | None, row: StoredFlow) -> None:
    """Says that the flow is saved. If it would have decided changes of the last days otherwise, offers to replay them.

    before: the flow before the save; None if it is new
    """
    offer = None
    if before is not None:
        with account_reader(request.account.pk) as reader:
            offer = decided_otherwise(reader, before, reader.config.flows[row.pk])
    if not row.is_active:
        text = _("Saved. It starts once you switch it on.")
    elif row.is_complete:
        text = _("Saved. It acts on changes from now on.")
    else:
        text = _("Saved as a draft. It starts when it’s complete.")
    say_with_offer(request, text, row.pk, offer, saved=True)


def _refused_page(request: AccountRequest, draft: FlowDraft) -> HttpResponse:
    message = refused(len(draft.errors), refused_items(draft.errors))
    return draw(request, draft, status=422, message=message)


def _conflict_page(request: AccountRequest, draft: FlowDraft, number: int) -> HttpResponse:
    """The page if somebody else saved the flow while it was being edited: their changes, and the form as it was typed.

    number: the version that they saved
    """
    id = draft.flow.id
    with account_reader(request.account.pk) as reader, scope(account=request.account.pk):
        config = reader.config
        then, now = (version(reader.db, request.account.pk, "flow", id, n) for n in (draft.opened or number, number))
        flows = [Flow.from_body(id, v.number, v.body) for v in (then, now)]
        names = names_of(config, flows)
        theirs = differences(*(facts(f, names) for f in flows))
    who = names_of_users(request.account.pk, [now.by]).get(now.by) or _("Somebody else")
    context = {
        "who": who,
        "number": number,
        "at": now.at,
        "theirs": theirs,
        "before_word": _("Version %(n)d") % {"n": then.number},
        "after_word": _("Version %(n)d") % {"n": number},
    }
    return draw(request, draft, status=409, conflict=context)


def _next_address(request: AccountRequest, form: FlowForm, id: int, draft: FlowDraft) -> str:
    """The URL to which a destination's button leads after saving; "" for Save."""
    for button in ("new", "edit", "preview"):
        part, _dash, number = form.posted[button].partition("-")
        at = read_id(number)
        if part not in PARTS or at is None or at >= len(draft.flow.destinations):
            continue
        destination = draft.flow.destinations[at]
        request.session[EDITING] = {"flow": id, "at": at, "part": part}
        query: dict[str, object] = {"for": id}
        if button == "new" and part == "connection":
            return f"{reverse('connection-new')}?{urlencode(query)}"
        if button == "new":
            query |= {"connection": destination.connection or "", "action": destination.action, "kind": part}
            query["subject"] = drafts.subject_of(draft.flow).value
            return f"{reverse('mapping-new')}?{urlencode(query)}"
        mapping = destination.payload_mapping if part == "payload" else destination.header_mapping
        if mapping is not None and part != "connection":
            return f"{reverse('mapping', args=(mapping,))}?{urlencode(query)}{'#preview' if button == 'preview' else ''}"
    return ""


def _with_created(request: AccountRequest, draft: FlowDraft, config: AccountConfig) -> tuple[FlowDraft, dict[str, Any] | None]:
    """The draft with the connection and mapping that were just created for it, and a message; a preset creates both at once."""
    connection, mapping = (read_id(request.GET.get(name, "")) or 0 for name in ("connection", "mapping"))
    remembered = request.session.get(EDITING) or {}
    at = remembered.get("at") if remembered.get("flow") == draft.flow.id else None
    chosen, names = draft, list[str]()
    if connection in config.connections:
        does = member_of(Does, request.GET.get("does"), None)
        chosen = drafts.with_chosen(chosen, config, at, "connection", connection, does=does)
        names.append(config.connections[connection].name)
        chosen = drafts.with_usual_parts(chosen, config)
    if mapping in config.mappings:
        chosen = drafts.with_chosen(chosen, config, at, config.mappings[mapping].kind.value, mapping)
        names.append(config.mappings[mapping].name)
    if chosen.flow == draft.flow:
        return draft, None
    title = ngettext("“%(names)s” is chosen", "“%(names)s” are chosen", len(names)) % {"names": _("” and “").join(names)}
    return chosen, {"tone": "", "title": title, "text": _("Save the flow to keep it."), "items": []}


@dataclass(frozen=True, slots=True)
class Head:
    """When and by whom the newest version was saved, for the header above the form."""

    changed: int
    """In microseconds; 0 for a new flow."""
    by: str


def _head(db: Database, account: int, id: int) -> Head:
    rows = db.all(
        f"SELECT at, by FROM config_history WHERE account_id = :account AND scope = {ACCOUNT} AND scope_id = :account AND kind = 'flow'"
        " AND entity_id = :id AND until IS NULL",
        {"account": account, "id": id},
    )
    return Head(*rows[0]) if rows else Head(0, "")


def draw(
    request: AccountRequest,
    draft: FlowDraft,
    *,
    status: int = 200,
    message: dict[str, Any] | None = None,
    conflict: dict[str, Any] | None = None,
    panel: dict[str, Any] | None = None,
) -> HttpResponse:
    """The page of a draft, saved or not.

    message: the callout above the form
    conflict: the changes of somebody who saved the flow since it was opened
    panel: the result of a test
    """
    edits = may(request.user, Role.ADMINISTRATOR)
    with account_reader(request.account.pk) as reader:
        db, config = reader.db, reader.config
        flow_list = FlowList(db, request.account.pk)
        rows = flow_list.connections()
        troubles = flow_words.troubles_of(rows)
        names = sentence.SentenceNames.from_config(config, troubles)
        flow, lacks = draft.flow, missing(draft.flow, config)
        stored = config.flows.get(flow.id)
        head = _head(db, request.account.pk, flow.id) if stored else Head(0, "")
        context: dict[str, Any] = {
            "flow": {
                "id": flow.id,
                "name": stored.name or _("Without a name") if stored else _("New flow"),
                "sentence": flow_parts(flow, names, mode=False),
                "stored": stored is not None,
                "active": stored.active if stored else True,
                "off": stored is not None and not stored.active,
                "live": flow.mode is Mode.LIVE,
                "missing": [flow_words.lacking(m, flow) for m in lacks],
                "untouched": stored is None and flow == drafts.new().flow,
                "by": names_of_users(request.account.pk, [head.by]).get(head.by, ""),
                "changed": from_micros(head.changed) if head.changed else None,
                "alerts": [_alert(each) for each in flow_warnings(db, flow, config, rows)],
                "unsaved": stored is not None and draft.to_save.to_body() != stored.to_body(),
            },
            "menu": flow_menu(flow.id, edits=edits) if stored else [],
            "form": form_of(draft, config, FilterValues(db, request.account.pk, config), rows) if edits else None,
            "facts": [] if edits else facts(flow, names),
            "why_not": "" if edits else WHO[Role.ADMINISTRATOR],
            "save_url": reverse("flow", args=(flow.id,)) if stored else reverse("flow-new"),
            "test_url": reverse("flow-test", args=(flow.id,)) if stored else reverse("flow-new-test"),
            "panel": panel_of(request, db, flow) | (panel or {}),
        }
    return page(request, EDITOR, here="flows", status=status, told=message, conflict=conflict, edits=edits, **context)


def flow_menu(id: int, *, edits: bool) -> list[tuple[str, str]]:
    """The menu of a flow: the label and URL of each operation.

    edits: whether the user may change the flow
    """
    entries = [
        (_("Replay"), replay_address(id)),
        (_("Why, or why not"), reverse("flow-decisions", args=(id,))),
        (_("Versions"), reverse("flow-versions", args=(id,))),
    ]
    if edits:
        entries = [(_("Copy flow"), reverse("flow-copy", args=(id,))), *entries, (_("Delete"), reverse("flow-delete", args=(id,)))]
    return entries


def _alert(warning: FlowWarning) -> dict[str, str]:
    """A warning with its link."""
    if warning.connection is not None:
        link, href = _("Open the connection"), reverse("connection-overview", args=(warning.connection,))
    elif not warning.event:
        link, href = _("Open Events"), reverse("events")
    else:
        link, href = _("Open the questions"), reverse("questions", args=(warning.event,))
    icon = "" if warning.connection is None or warning.is_failure else "clock"
    tone = "failed" if warning.is_failure else "wait"
    return {"title": warning.title, "text": warning.text, "link": link, "href": href, "icon": icon, "tone": tone}


def panel_of(request: AccountRequest, db: Database, flow: Flow) -> dict[str, Any]:
    """The context of the test panel before anything was tested."""
    of_event = drafts.subject_of(flow).value == "event"
    events = db.all("SELECT code FROM event WHERE account_id = :account ORDER BY id DESC LIMIT 50", {"account": request.account.pk})
    return {
        "fields": PanelForm(),
        "of_event": of_event,
        "text": "",
        "picked": "",
        "events": [code for (code,) in events],
        "event": events[0][0] if events else "",
        "may_make": may(request.user, Role.PLANNER) and not of_event,
        "trial": None,
        "choices": [],
        "problem": "",
        "count": "",
        "past": None,
        "made": False,
        "code": f"TEST-{token_hex(4).upper()}",
    }
