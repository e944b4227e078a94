"""Mappings: the list, the editor, copies and deletions (guide: Mappings)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from heliograph.accounts.kept_form import AGAIN, shows_again
from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.connections.views import typed_secrets
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.deliveries.replay_links import delivered_lately, replay_address
from heliograph.domain.flow.completeness import SUBJECT_OF_WATCH
from heliograph.domain.ids import read_id
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping import MappingKind
from heliograph.domain.setup.fields import Subject
from heliograph.mappings.mapping_drafts import MappingDraft
from heliograph.mappings.mapping_list import ListedMapping, MappingListFilter, listed
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.services import copy_mapping, delete_mapping, mapping_row, mapping_uses, save_mapping
from heliograph.mappings.views.mapping_editor import Editor, flow_href, kind_name, subject_name
from heliograph.mappings.views.mapping_fields import MappingForm
from heliograph.mappings.views.mapping_form import Editing, act, preview_choice, read
from heliograph.setup.save_questions import AsksFirst, SavedMeanwhile
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.confirmed_save import promise_of_save, save_confirmed
from heliograph.web.confirmation import Breaks, LinkedThing, QuestionParts, has_changed, is_agreed, question
from heliograph.web.forms import member_of
from heliograph.web.list_filters import EnumFilter, ListFilters, SearchFilter
from heliograph.web.pages import asks_for_part, page
from heliograph.web.texts import judges_texts
from heliograph.web.toasts import say

EDITOR, READER = "mappings/mapping.html", "mappings/read.html"


# --- the list


class MappingListFilters(ListFilters):
    """The filters of the list of mappings."""

    no_match_text = gettext_lazy("Nothing matches the search and filters. Change one of them.")
    show_all = gettext_lazy("Show all mappings")

    q = SearchFilter(gettext_lazy("Search mappings"), placeholder=gettext_lazy("Name, target field, flow"))
    kind = EnumFilter(gettext_lazy("Kind"), MappingKind, kind_name, every=gettext_lazy("Payload and Http Header"))
    subject = EnumFilter(gettext_lazy("What it is for"), Subject, subject_name, every=gettext_lazy("For anything"))

    @property
    def list_filter(self) -> MappingListFilter:
        """The filters as `listed` takes them."""
        cleaned = self.cleaned_data
        return MappingListFilter(cleaned["q"], cleaned["kind"], cleaned["subject"])


@require_safe
def mapping_list(request: AccountRequest) -> HttpResponse:
    """The list of mappings: each with its kind, the flows that use it, and who changed it last."""
    filters = MappingListFilters(request)
    with account_reader(request.account.pk) as reader:
        config = reader.config
        rows = listed(config, filters.list_filter)
    total = len(config.mappings)
    people = names_of_users(request.account.pk, [row.by for row in rows])
    return page(
        request,
        "mappings/list.html",
        here="mappings",
        mappings=[_list_context(row, people, editable=may(request.user, Role.ADMINISTRATOR)) for row in rows],
        result=ngettext("%(shown)s of %(all)s mapping", "%(shown)s of %(all)s mappings", total)
        % {"shown": intcomma(len(rows)), "all": intcomma(total)},
        none=not total,
        filters=filters,
    )


def _list_context(row: ListedMapping, people: Mapping[str, str], *, editable: bool) -> dict[str, Any]:
    targets = [each.target for each in row.mapping.rows]
    fields = ngettext("%(n)s field", "%(n)s fields", len(targets)) % {"n": len(targets)}
    href = reverse("mapping", args=(row.id,))
    menu = [(_("Edit Mapping") if editable else _("Look at it"), href), (_("Versions"), reverse("mapping-versions", args=(row.id,)))]
    if editable:
        menu[1:1] = [(_("Copy"), reverse("mapping-copy", args=(row.id,)))]
        menu.append((_("Delete"), reverse("mapping-delete", args=(row.id,))))
    warn = ngettext("Several questions share the tag %(tags)s", "Several questions share each of the tags %(tags)s", len(row.joined))
    return {
        "name": row.mapping.name,
        "href": href,
        "fields": f"{fields}: {', '.join(targets[:4])}{' …' if len(targets) > 4 else ''}" if targets else _("No fields yet"),
        "warn": warn % {"tags": ", ".join(row.joined)} if row.joined else "",
        "kind": kind_name(row.mapping.kind),
        "subject": subject_name(row.mapping.subject),
        "flows": [(flow.name or _("Without a name"), flow_href(flow.id)) for flow in row.flows],
        "changed": row.changed,
        "by": people.get(row.by, ""),
        "menu": menu,
        "menu_label": _("More for %(name)s") % {"name": row.mapping.name},
    }


# --- the editor


@judges_texts("sample")
@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
def mapping(request: AccountRequest, id: int) -> HttpResponse:
    """One mapping: its editor, or a read-only page for users who may not change it."""
    row = mapping_row(id)
    stored = FieldMapping.from_body(row.body)
    if request.method == "POST":
        return _handle_post(request, MappingDraft.from_mapping(stored, row.number), row)
    editing = Editing(MappingDraft.from_mapping(stored, row.number), **preview_choice(MappingForm(request.GET)))
    template = EDITOR if may(request.user, Role.ADMINISTRATOR) else READER
    return _page(request, editing, row, template)


@judges_texts("sample")
@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def mapping_new(request: AccountRequest) -> HttpResponse:
    """A new mapping. With `for`, it is made for the flow that is being edited, and saving returns to that flow."""
    _back(request)  # raises Http404 for another account's flow
    form = MappingForm(request.POST if request.method == "POST" else request.GET)
    draft = MappingDraft(
        kind=member_of(MappingKind, form.posted["kind"], MappingKind.PAYLOAD),
        subject=member_of(Subject, form.posted["subject"], None) or _subject_of_flow(request),
    )
    if request.method == "POST":
        return _handle_post(request, draft, None)
    return _page(request, Editing(draft, **preview_choice(form)), None, EDITOR)


@needs(Role.ADMINISTRATOR)
def _handle_post(request: AccountRequest, draft: MappingDraft, row: StoredMapping | None) -> HttpResponse:
    form = MappingForm(request.POST)
    posted = form.posted
    do = "show" if AGAIN in form.data else posted["do"] or "save"
    editing = read(form, draft)
    mapping = f"mapping {row.pk if row else 'new'}"
    waiting = typed_secrets.recall(request, mapping)
    if do == "enter":  # the Enter key, somewhere in the form
        do = "add" if editing.new_name.strip() else "search" if posted["person"].strip() != posted["person_was"].strip() else "save"
    if do not in ("save", "preview"):
        act(editing, do, form)
    waiting |= draft.seal()
    if do == "preview" and asks_for_part(request):  # only the preview is replaced, so nothing typed is lost
        return _page(request, editing, row, EDITOR, part="preview")
    editing.waiting = typed_secrets.keep(request, mapping, waiting)
    if do == "save":
        return _save(request, editing, row, waiting)
    return _page(request, editing, row, EDITOR, part="editor" if asks_for_part(request) else "")


def _save(request: AccountRequest, editing: Editing, row: StoredMapping | None, waiting: Mapping[str, str]) -> HttpResponse:
    """Saves the mapping, and redirects to it or to the flow for which it was made.

    waiting: the typed texts that the mapping encrypts, by field of the vault
    """
    draft = editing.draft
    with account_reader(request.account.pk) as reader:
        editor = _editor(reader, editing, row, strict=True)
    if editor.checked.error_count:
        return _editor_page(request, editor, row, EDITOR, status=422)
    based_on = draft.number if row is not None else None

    def save(confirmed: bool) -> StoredMapping:
        with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
            id = None if row is None else row.pk
            return save_mapping(transaction, editor.checked.mapping, id, confirmed=confirmed, based_on=based_on, waiting=waiting)

    try:
        saved = save_confirmed(request, save)
    except Invalid as error:
        for name, sentences in error.fields.items():
            draft.errors["name" if name in ("name", "") else name] = " ".join(translated(sentence) for sentence in sentences)
        return _editor_page(request, editor, row, EDITOR, status=422)
    except SavedMeanwhile as error:
        draft.number = error.number  # saving after this question replaces that version
        by = names_of_users(request.account.pk, [error.by]).get(error.by) or _("Somebody else")
        title = _("%(by)s saved version %(number)s while you were writing") % {"by": by, "number": error.number}
        return _editor_page(request, editor, row, EDITOR, status=409, meanwhile={"title": title, "number": error.number})
    except AsksFirst as error:
        promise = promise_of_save(error)
        stops = [stop.name or _("Without a name") for stop in error.stops]
        return _editor_page(
            request, editor, row, EDITOR, status=409, stops=stops, promise=promise, asks_again=has_changed(request, promise)
        )
    typed_secrets.forget(request, editing.waiting)
    _say_saved(request, saved, row, editor)
    return HttpResponseRedirect(_back(request, mapping=saved.pk) or reverse("mapping", args=(saved.pk,)))


def _say_saved(request: AccountRequest, saved: StoredMapping, row: StoredMapping | None, editor: Editor) -> None:
    """Says that the mapping is saved, and whether its request cannot be sent.

    If its rows changed and flows have delivered by it lately, the message offers to replay these deliveries.

    saved: the mapping after the save
    row: the mapping before the save; None for a new one
    """
    message = _("The mapping %(name)s is saved.") % {"name": saved.name}
    for name, _href, why in editor.unsendable_words()[:1]:
        message += " " + _("But nothing would be sent for %(whom)s: %(name)s: %(why)s.") % {"whom": editor.whom, "name": name, "why": why}
    flows: set[int] = set()
    if row is not None and row.body.get("rows") != saved.body.get("rows"):
        with account_reader(request.account.pk) as reader:
            using = [
                flow.id
                for flow in reader.config.flows.values()
                if flow.active and any(saved.pk in (d.payload_mapping, d.header_mapping) for d in flow.destinations)
            ]
            flows = delivered_lately(reader.db, reader.account, using, reader.db.now()) if using else set()
    if not flows:
        say(request, message)
        return
    href = replay_address(min(flows)) if len(flows) == 1 else reverse("replay")
    say(request, f"{message} {_('What was sent before stays as it was sent.')}", link=_("Replay it"), href=href)


def _editor(reader: AccountReader, editing: Editing, row: StoredMapping | None, *, strict: bool = False) -> Editor:
    return Editor(reader.db, reader.account, reader.config, editing, row.pk if row else 0, timezone.now(), strict)


def _page(request: AccountRequest, editing: Editing, row: StoredMapping | None, template: str, *, part: str = "") -> HttpResponse:
    with account_reader(request.account.pk) as reader:
        editor = _editor(reader, editing, row)
        return _editor_page(request, editor, row, template, part=part)


def _editor_page(
    request: AccountRequest, editor: Editor, row: StoredMapping | None, template: str, *, part: str = "", status: int = 200, **more: Any
) -> HttpResponse:
    operations = ((_("Versions"), "mapping-versions"), (_("Copy"), "mapping-copy"), (_("Delete"), "mapping-delete"))
    context = editor.context() | {
        "is_new": row is None,
        "title": row.name if row else _("New Mapping"),
        "changed": row.changed if row else None,
        "by": names_of_users(request.account.pk, [row.changed_by]).get(row.changed_by, "") if row else "",
        "menu": [(label, reverse(view, args=(row.pk,))) for label, view in operations] if row else [],
        "cancel_href": _back(request) or reverse("mapping-list"),
        "meanwhile": None,
        "stops": (),
        "promise": "",
        "asks_again": False,
    }
    return page(request, template, part=part, status=status, **(context | more))


# --- for a flow


def _flow_of(request: AccountRequest) -> int | None:
    """The flow for which the mapping is made; None for none. Raises Http404 if the account does not have the flow."""
    flow_text = request.GET.get("for", "")
    if not flow_text:
        return None
    with account_reader(request.account.pk) as reader:
        flows = reader.config.flows
    flow = read_id(flow_text)
    if flow not in flows:
        raise Http404
    return flow


def _subject_of_flow(request: AccountRequest) -> Subject:
    """The subject that the flow watches, so that the mapping fits the flow."""
    flow = _flow_of(request)
    if flow is None:
        return Subject.REGISTRATION
    with account_reader(request.account.pk) as reader:
        watch = reader.config.flows[flow].watch
    return Subject(SUBJECT_OF_WATCH[watch]) if watch else Subject.REGISTRATION


def _back(request: AccountRequest, **more: int) -> str:
    """The URL of the flow to return to; "" for none."""
    flow = _flow_of(request)
    if flow is None:
        return ""
    return reverse("flow", args=(flow,)) + (f"?{urlencode(more)}" if more else "")


# --- copy and delete


@shows_again
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def mapping_copy(request: AccountRequest, id: int) -> HttpResponse:
    """Copies a mapping, after a confirmation page."""
    row = mapping_row(id)
    confirmation = _question(
        row,
        _("Copy %(name)s?") % {"name": row.name},
        lead=_("The copy has the same rows under another name. No flow uses it until you choose it there."),
        button=_("Copy it"),
    )
    if not is_agreed(request, confirmation):
        return page(request, "confirmation.html", here="mappings", **confirmation)
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        made = copy_mapping(transaction, id)
    say(request, _("%(name)s created. No flow uses it yet.") % {"name": made.name})
    return HttpResponseRedirect(reverse("mapping", args=(made.pk,)))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
def mapping_delete(request: AccountRequest, id: int) -> HttpResponse:
    """Deletes a mapping that no flow uses, after a confirmation page; otherwise lists the flows that use it (P12)."""
    row = mapping_row(id)
    uses = [LinkedThing(use.name or _("Without a name"), flow_href(use.id)) for use in mapping_uses(request.account.pk, id)]
    if uses:
        confirmation = _question(
            row,
            _("%(name)s cannot be deleted yet") % {"name": row.name},
            lead=_("These flows use it. Choose another mapping in them first."),
            breaks=[Breaks(items=uses)],
            cancel=_("Back to the mapping"),
        )
    else:
        confirmation = _question(
            row,
            _("Delete %(name)s?") % {"name": row.name},
            lead=_("No flow uses it. Its versions stay in the timelines of what was sent."),
            button=_("Delete it"),
            button_class="danger",
            cancel=_("Keep it"),
        )
    if not is_agreed(request, confirmation):
        return page(request, "confirmation.html", here="mappings", **confirmation)
    with saving(request.account.pk, by=request.user.actor, whole_account=True) as transaction:
        delete_mapping(transaction, id)
    say(request, _("The mapping %(name)s is deleted.") % {"name": row.name})
    return HttpResponseRedirect(reverse("mapping-list"))


def _question(row: StoredMapping, heading: str, **parts: Unpack[QuestionParts]) -> dict[str, Any]:
    """The confirmation page's context for an operation on a mapping."""
    usual: QuestionParts = {"frame": "signal.html", "cancel_href": reverse("mapping", args=(row.pk,)), "thing": row.number}
    return question(heading, **usual | parts)
