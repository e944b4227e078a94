"""The calls of a source that wait, by their reason, and the page of one call (S2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from heliograph.accounts.audit import Deed
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.domain.ids import read_id
from heliograph.domain.source.call_body import NoCallBody
from heliograph.domain.source.call_documents import CallProblem, MappedCall
from heliograph.domain.source.call_mapping import PLAIN_TARGETS, PROPERTIES, CallMapping
from heliograph.domain.source.json_fields import JsonLine, LineKind, lines_of
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.recording.source_calls import call_json, mapped_call, read_problems
from heliograph.registrations.imports.preparation import load_known
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources.call_targets import CallTargets, problem_words
from heliograph.sources.call_trial import TriedCall, by_reason
from heliograph.sources.models import CallKind, SourceCall
from heliograph.sources.services.source_mappings import run_again
from heliograph.sources.services.sources import KIND, source_row
from heliograph.sources.source_words import CALL_STATES, file_of, tabs
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.sources.views.call_mapping_rows import json_line
from heliograph.store.config_cache import Committed
from heliograph.store.django_database import read_database
from heliograph.store.stored_calls import StoredCall, unpack_body
from heliograph.web.form_fields import Hidden, Ticks
from heliograph.web.forms import Form, posted, pressed
from heliograph.web.toasts import say

ENTRY: Final = "sources"
MOST_ITEMS: Final = 200
"""Newest waiting calls that are listed."""
MOST_NAMED: Final = 10
"""Calls that are named below one reason."""
MOST_DOCUMENTS: Final = 5
"""Registrations of one call whose documents are shown."""
MASK: Final = "•••"
ALL: Final = "all"


class AgainForm(Form):
    """The calls that run again."""

    do = Hidden()
    """ "all" for all that wait, in place of single ones."""
    call = Ticks()

    @property
    def ids(self) -> list[int]:
        """The ids of single calls. Raises Invalid if there is none, or one that cannot be read."""
        numbers = [read_id(text) for text in self.posted["call"]]
        if not numbers or None in numbers:
            raise Invalid({"source": [_("Nothing was done: these calls cannot be read. Choose them again.")]})
        return [number for number in numbers if number is not None]


@require_safe
def source_items(request: AccountRequest, id: int) -> HttpResponse:
    """The calls that wait, by their reason, the newest first."""
    source = source_row(id)
    waiting = SourceCall.objects.using("read").filter(source=source, state=CallState.WAITING)
    total = waiting.count()
    rows = list(waiting.order_by("-id")[:MOST_ITEMS])
    targets = _targets(request)
    mapping = stored_mapping(source)
    return settings_page(
        request,
        "sources/items.html",
        entry=ENTRY,
        source={"id": source.pk, "name": source.name, "href": reverse("source", args=(source.pk,))},
        tabs=tabs(source, "items", waiting=total, can=may(request.user, Role.ADMINISTRATOR)),
        items=[_item(problem, calls, mapping, targets) for problem, calls in by_reason((row, read_problems(row.problem)) for row in rows)],
        total=total,
        shown=len(rows),
        corrects=may(request.user, Role.ADMINISTRATOR),
        submits=may(request.user, Role.PLANNER) and source.state != SourceState.DRAFT,
    )


def _item(problem: CallProblem, calls: Sequence[SourceCall], mapping: CallMapping, targets: CallTargets) -> dict[str, Any]:
    more = len(calls) - MOST_NAMED
    return {
        "count": len(calls),
        "words": problem_words(problem, targets),
        "cure": translated(problem.cure),
        "target": problem.target.partition("[")[0],
        "calls": [{"id": call.pk, "at": call.at, "name": _name(_stored(call), mapping)} for call in calls[:MOST_NAMED]],
        "more": ngettext("and %(n)s more", "and %(n)s more", more) % {"n": intcomma(more)} if more > 0 else "",
    }


def _name(stored: StoredCall, mapping: CallMapping) -> str:
    return TriedCall(stored, mapped_call(mapping, stored, first=MOST_DOCUMENTS)).name or str(_("Call"))


def _stored(call: SourceCall) -> StoredCall:
    return StoredCall(call.pk, 0, call.headers, None if call.body is None else unpack_body(bytes(call.body)))


def _targets(request: AccountRequest) -> CallTargets:
    with read_database() as db:
        return CallTargets(load_known(db, Committed(db), request.account.pk))


@require_POST
@needs(Role.PLANNER)
def source_again(request: AccountRequest, id: int) -> HttpResponse:
    """Runs calls again by the mapping as it is now."""
    source = source_row(id)
    form = AgainForm(posted(request))
    ids: list[int] = []
    try:
        ids = [] if form.posted["do"] == ALL else form.ids
        with saving(request.account.pk, by=request.user.actor) as transaction:
            count = run_again(transaction, id, ids or None)
    except Invalid as error:
        say(request, _(error.fields["source"][0]))
    else:
        say(request, ngettext("%(n)s call runs again.", "%(n)s calls run again.", count) % {"n": intcomma(count)})
    if len(ids) == 1:
        return HttpResponseRedirect(reverse("source-call", args=(source.pk, ids[0])))
    return HttpResponseRedirect(reverse("source-items", args=(source.pk,)))


# --- one call


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def source_call(request: AccountRequest, id: int, call: int) -> HttpResponse:
    """One call: as it came, masked, what the mapping makes of it, and what became of it."""
    source = source_row(id)
    row: SourceCall | None = SourceCall.objects.filter(source=source, pk=call).first()
    if row is None:
        raise Http404
    if row.kind == CallKind.FILE:
        return HttpResponseRedirect(reverse("job", args=(job,)) if (job := file_of(row).get("job")) else reverse("source", args=(id,)))
    reveals = may(request.user, Role.ADMINISTRATOR)
    is_masked = not (reveals and pressed(request) == "reveal")
    if not is_masked:
        with saving(request.account.pk, by=request.user.actor) as transaction:
            transaction.note(Deed.DOWNLOADED, KIND, source, None, {"call": row.pk})
    mapping, stored = stored_mapping(source), _stored(row)
    is_mapped = row.kind != CallKind.DELETIONS
    mapped = mapped_call(mapping, stored) if is_mapped else MappedCall()
    targets = _targets(request)
    state, tone = CALL_STATES[CallState(row.state)]
    return settings_page(
        request,
        "sources/call.html",
        entry=ENTRY,
        source={"id": source.pk, "name": source.name, "href": reverse("source", args=(source.pk,))},
        call={
            "id": row.pk,
            "at": row.at,
            "title": TriedCall(stored, mapped).name or (_("Call") if is_mapped else _("Deleted at the source")),
            "state": str(state) or _("Recorded"),
            "tone": tone,
            "size": _size(stored),
            "headers": _headers(row.headers),
        },
        result=_result(row),
        problems=[{"words": problem_words(each, targets), "cure": translated(each.cure)} for each in read_problems(row.problem)],
        documents=[_document_lines(each.document, masked=is_masked) for each in mapped.registrations[:MOST_DOCUMENTS]],
        lines=_body_lines(stored, mapping, masked=is_masked),
        is_masked=is_masked,
        reveals=reveals,
        submits=may(request.user, Role.PLANNER) and source.state != SourceState.DRAFT and row.body is not None and is_mapped,
        facts=[
            (_("Source"), source.name),
            (_("Call"), str(row.pk)),
            *([(_("Sender’s id"), row.sender_id)] if row.sender_id else []),
            *([(_("Mapping"), _("Version %(n)s") % {"n": row.source_version})] if row.source_version else []),
        ],
    )


def _size(stored: StoredCall) -> str:
    if stored.body is None:
        return str(_("It is no longer stored."))
    return ngettext("%(n)s byte", "%(n)s bytes", len(stored.body)) % {"n": intcomma(len(stored.body))}


def _headers(text: str) -> str:
    """The headers as the door kept them: without secrets."""
    try:
        named = json.loads(text or "{}")
    except ValueError:
        return ""
    return "\n".join(f"{name}: {value}" for name, value in named.items()) if isinstance(named, dict) else ""


def _result(row: SourceCall) -> str:
    match CallState(row.state):
        case CallState.STORED:
            return str(_("Nothing recorded yet"))
        case CallState.NOTHING:
            return str(_("It contained nothing to record."))
    changed = ngettext("%(n)s of %(all)s registration changed", "%(n)s of %(all)s registrations changed", row.documents) % {
        "n": intcomma(row.changed),
        "all": intcomma(row.documents),
    }
    if row.refused and row.state == CallState.RECORDED:
        return f"{changed}. {_('Newer data has replaced what could not be recorded of it.')}"
    return changed


def _body_lines(stored: StoredCall, mapping: CallMapping, *, masked: bool) -> list[dict[str, Any]]:
    """The body as lines. Masked, only values that go to plain fields of a registration can be read, because they name nobody."""
    try:
        value = call_json(stored)
    except NoCallBody:
        return []
    plain = {key for row in mapping.rows if _is_plain(row.target) for key, _path in row.paths} | {mapping.only_field}
    return [_masked_line(line, masked=masked and line.path not in plain) for line in lines_of(value)]


def _document_lines(document: dict[str, object], *, masked: bool) -> list[dict[str, Any]]:
    return [_masked_line(line, masked=masked and not _is_plain(line.path.partition("[")[0])) for line in lines_of(document)]


def _is_plain(target: str) -> bool:
    return target in PLAIN_TARGETS or target.startswith((PROPERTIES, "sessions"))


def _masked_line(line: JsonLine, *, masked: bool) -> dict[str, Any]:
    if not masked or line.kind not in (LineKind.TEXT, LineKind.LITERAL) or line.text in ("null", "true", "false", '""', "[]", "{}"):
        return json_line(line)
    first = line.text[1:2] if line.kind is LineKind.TEXT else ""
    return json_line(line, text=f'"{first}{MASK}"' if line.kind is LineKind.TEXT else MASK)
