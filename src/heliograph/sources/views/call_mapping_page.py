"""The page of a source's mapping: the editor, its trial on the last calls, and switching the source on (S2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.source.call_body import NoCallBody, read_call_body
from heliograph.domain.source.call_documents import shaped
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.platforms import has_described_list
from heliograph.domain.source.pretix import PRETIX
from heliograph.domain.source.source_states import SourceState
from heliograph.recording.source_calls import call_json, mapped_call
from heliograph.registrations.imports.preparation import load_known
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources.call_targets import CallTargets, problem_words
from heliograph.sources.call_trial import MOST_TRIED, CallTrial, TriedCall, try_newest
from heliograph.sources.mapping_starts import finished, proposed, started, with_names
from heliograph.sources.models import Source
from heliograph.sources.services.source_mappings import KeptCalls, SavedMeanwhile, save_mapping, switch_on
from heliograph.sources.services.sources import source_row
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.sources.views.call_mapping_form import CallChipForm, CallEditing, CallMappingForm, act, fix, read_editing
from heliograph.sources.views.call_mapping_rows import CallEditor
from heliograph.store import stored_calls
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import read_database
from heliograph.store.instants import from_micros
from heliograph.store.stored_calls import StoredCall
from heliograph.web.forms import member_of, posted
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import short_moment
from heliograph.web.toasts import say

ENTRY: Final = "sources"
MOST_NAMED: Final = 3
"""Calls that are named beside a reason to wait."""


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_mapping(request: AccountRequest, id: int) -> HttpResponse:
    """The editor. Every button but Save and Switch on gives the page again; nothing is stored by looking."""
    source = source_row(id)
    if source.platform == PRETIX:  # its mapping follows from its settings
        return HttpResponseRedirect(reverse("source-pretix-match", args=(id,)))
    with read_database() as db:
        calls = stored_calls.newest_calls(db, id, MOST_TRIED)
        known = load_known(db, Committed(db), request.account.pk)
    data = posted(request)
    form = CallMappingForm(data)
    targets = CallTargets(known)
    if data is None:
        mapping = stored_mapping(source)
        first = _json(calls[0]) if calls else None
        editing = CallEditing(started(with_names(mapping, first, known)), source.version)
        if not mapping.rows and first is not None:
            editing.mapping = proposed(first, known)
        editing.open_next_empty()
        fix(editing, request.GET.get("fix", ""))
        return _editor(request, source, editing, targets, calls)
    editing = read_editing(data, form, stored_mapping(source), source.version)
    verb = form.posted["do"].partition(":")[0]
    errors: Sequence[str] = ()
    if verb in ("save", "on"):
        try:
            return _saved(request, source, editing, on=verb == "on", earlier_calls=form.posted["kept_calls"])
        except SavedMeanwhile:
            editing.number = source.version
            errors = [
                _("Somebody else saved this source in the meantime. What you wrote is still here: save again, and it replaces theirs.")
            ]
        except Invalid as error:
            errors = [translated(sentence) for sentences in error.fields.values() for sentence in sentences]
    elif verb == "sample":
        errors = _take_sample(editing, targets)
    else:
        act(editing, form)
    if verb in ("try", "on") and calls:
        return _trial(request, source, editing, targets, errors)
    return _editor(request, source, editing, targets, calls, errors)


def _saved(request: AccountRequest, source: Source, editing: CallEditing, *, on: bool, earlier_calls: str) -> HttpResponse:
    """Saves, or switches on. Raises Invalid."""
    mapping = finished(editing.mapping)
    with saving(request.account.pk, by=request.user.actor) as transaction:
        if on:
            switch_on(transaction, source.pk, mapping, member_of(KeptCalls, earlier_calls, KeptCalls.QUIET), seen=editing.number)
        else:
            save_mapping(transaction, source.pk, mapping, seen=editing.number)
    if on:
        say(request, _("“%(name)s” is switched on.") % {"name": source.name})
    elif source.state == SourceState.ON:
        say(request, _("Saved. Items that wait for a corrected mapping run again."))
    else:
        say(request, _("Saved as a draft."))
        return HttpResponseRedirect(reverse("source-mapping", args=(source.pk,)))
    return HttpResponseRedirect(reverse("source", args=(source.pk,)))


def _take_sample(editing: CallEditing, targets: CallTargets) -> Sequence[str]:
    """Proposes rows by a pasted call, while no row is filled."""
    try:
        value = read_call_body(editing.sample.encode("utf-8", "replace"))
    except NoCallBody as error:
        return [translated(error)]
    if not finished(editing.mapping).rows:
        editing.mapping = proposed(value, targets.known)
        editing.open_next_empty()
    return ()


# --- the editor


def _editor(
    request: AccountRequest,
    source: Source,
    editing: CallEditing,
    targets: CallTargets,
    calls: Sequence[StoredCall],
    errors: Sequence[str] = (),
) -> HttpResponse:
    by_id = {call.id: call for call in calls}
    call = by_id.get(editing.call) or (calls[0] if calls else None)
    value = _json(call) if call is not None else _sample_json(editing.sample)
    value = None if value is None else shaped(editing.mapping, value)
    decoded = [each for each in map(_json, calls) if each is not None]
    editor = CallEditor(editing, targets, value, decoded)
    return settings_page(
        request,
        "sources/mapping.html",
        entry=ENTRY,
        status=422 if errors else 200,
        errors=errors,
        calls=[Choice(str(each.id), _call_label(each, editing.mapping), each is call) for each in calls],
        call=call.id if call is not None else 0,
        unreadable=call is not None and value is None,
        sample=editing.sample,
        open_row=editing.open_row,
        **_frame(source, editing, at=2) | editor.context(),
    )


def _frame(source: Source, editing: CallEditing, *, at: int) -> dict[str, Any]:
    """What the editor and the trial share."""
    href = reverse("source", args=(source.pk,))
    return {
        "source": {"id": source.pk, "name": source.name, "href": href},
        "steps": [
            _first_step(source),
            (_("Mapping"), ""),
            (_("Switch on"), ""),
        ],
        "at": at,
        "form": CallMappingForm(),
        "chip_form": CallChipForm(),
        "number": editing.number,
        "mapping_json": json.dumps(editing.mapping.to_body(), ensure_ascii=False),
        "is_draft": source.state == SourceState.DRAFT,
    }


def _first_step(source: Source) -> tuple[str, str]:
    if source.path:
        return _("Address and secret"), reverse("source-proof", args=(source.pk,))
    if has_described_list(source.platform):
        return _("Address and items"), reverse("source-list-form", args=(source.pk,))
    return _("Address"), reverse("source", args=(source.pk,))


def _call_label(call: StoredCall, mapping: CallMapping) -> str:
    name = TriedCall(call, mapped_call(mapping, call, first=MOST_NAMED)).name
    return ", ".join(text for text in (short_moment(from_micros(call.at)), name) if text)


def _json(call: StoredCall) -> object | None:
    try:
        return call_json(call)
    except NoCallBody:
        return None


def _sample_json(sample: str) -> object | None:
    try:
        return read_call_body(sample.encode("utf-8", "replace")) if sample.strip() else None
    except NoCallBody:
        return None


# --- the trial


def _trial(request: AccountRequest, source: Source, editing: CallEditing, targets: CallTargets, errors: Sequence[str]) -> HttpResponse:
    with read_database() as db:
        trial = try_newest(db, Committed(db), source, finished(editing.mapping))
        stored, _newest = stored_calls.newest_stored(db, source.pk)
        flows = _flow_names(db, request.account.pk, trial)
    waiting = len(trial.waiting)
    new, changed = trial.outcomes[ItemOutcome.CREATED], trial.outcomes[ItemOutcome.UPDATED]
    unchanged = trial.outcomes[ItemOutcome.UNCHANGED] + trial.outcomes[ItemOutcome.STALE]
    return settings_page(
        request,
        "sources/mapping_trial.html",
        entry=ENTRY,
        status=422 if errors else 200,
        **_frame(source, editing, at=3),
        errors=errors,
        sums=[
            (_("New"), new, _("registrations"), ""),
            (_("Changed"), changed, _("registrations"), ""),
            (_("The same"), unchanged, _("registrations"), ""),
            (_("Would wait"), waiting, _("calls"), "invalid" if waiting else ""),
        ],
        reasons=[_reason(problem, group, targets) for problem, group in trial.reasons],
        reasons_title=ngettext("%(n)s call would wait", "%(n)s calls would wait", waiting) % {"n": waiting},
        tried=[_tried(call, targets) for call in trial.calls],
        heading=ngettext("What the last call would become", "What the last %(n)s calls would become", len(trial.calls))
        % {"n": len(trial.calls)},
        lacks=[str(targets.name(target)) for target in finished(editing.mapping).lacks],
        stored=stored,
        earlier_calls=_choices_for_earlier_calls(stored, flows) if stored else [],
    )


def _choices_for_earlier_calls(stored: int, flows: str) -> list[Choice]:
    return [
        Choice(
            KeptCalls.QUIET.value,
            ngettext("Record the kept call quietly", "Record the %(n)s kept calls quietly", stored) % {"n": stored},
            on=True,
            sub=_("No flow acts on them"),
        ),
        Choice(KeptCalls.ACT.value, _("Let flows act on them"), sub=flows or _("No flow would act on the last calls")),
        Choice(KeptCalls.LEAVE.value, _("Leave them out"), sub=_("Only new calls count")),
    ]


def _flow_names(db: Database, account: int, trial: CallTrial) -> str:
    """How often each flow would act on the tried calls."""
    flows = Committed(db).account(account).flows
    return ", ".join(f"{flows[id].name or _('Without a name')} {count}" for id, count in trial.acts.most_common() if id in flows)


def _reason(problem: Any, calls: Sequence[TriedCall], targets: CallTargets) -> dict[str, Any]:
    names = [name for call in calls if (name := call.name)]
    return {
        "count": len(calls),
        "words": problem_words(problem, targets),
        "cure": translated(problem.cure),
        "calls": f"{', '.join(names[:MOST_NAMED])}{' …' if len(names) > MOST_NAMED else ''}",
        "target": problem.target.partition("[")[0],
    }


def _tried(call: TriedCall, targets: CallTargets) -> dict[str, Any]:
    documents = call.documents
    people = [
        " ".join(str(profile[name]) for name in ("first_name", "last_name") if profile.get(name)) for profile in map(_profile, documents)
    ]
    names = [name for name in people if name]
    return {
        "id": call.stored.id,
        "at": from_micros(call.stored.at),
        "name": call.name or _("Call"),
        "people": ngettext("%(n)s person", "%(n)s people", len(names)) % {"n": len(names)} if len(names) > 2 else ", ".join(names),
        "event": ", ".join(dict.fromkeys(str(document["event"]) for document in documents if document.get("event"))),
        "status": ", ".join(dict.fromkeys(str(document["status"]) for document in documents if document.get("status"))),
        "result": outcome_words(call),
        "waits": bool(call.problems),
        "why": problem_words(call.problems[0], targets) if call.problems else "",
    }


def _profile(document: Any) -> dict[str, Any]:
    profile = document.get("profile", {})
    return profile if isinstance(profile, dict) else {}


def outcome_words(call: TriedCall) -> str:
    """What the registrations of a call would be: "2 new, 1 changed"."""
    counts = {
        _("%(n)s new"): call.outcomes[ItemOutcome.CREATED],
        _("%(n)s changed"): call.outcomes[ItemOutcome.UPDATED],
        _("%(n)s the same"): call.outcomes[ItemOutcome.UNCHANGED] + call.outcomes[ItemOutcome.STALE],
    }
    words = ", ".join(text % {"n": count} for text, count in counts.items() if count)
    return words or (_("Would wait") if call.problems else _("Nothing to record"))
