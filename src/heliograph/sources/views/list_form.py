"""The page on which a REST list is described by a sample answer, its test, and reading it now (S3)."""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.errors import HeliographError
from heliograph.domain.source.platforms import PLATFORMS, Way, has_described_list
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import settings_page
from heliograph.sources.list_request import description_of
from heliograph.sources.list_trial_words import trial_result
from heliograph.sources.models import Source
from heliograph.sources.services import list_readings
from heliograph.sources.services.sources import source_row
from heliograph.sources.trial_read import fetch_sample, try_list
from heliograph.sources.views.connection_choices import connection_choices
from heliograph.sources.views.list_sample_form import (
    PAGINGS,
    PICKED,
    ListButtons,
    ListEditing,
    ListForm,
    posted_copy,
    stored_fields,
)
from heliograph.web.forms import posted
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

ENTRY: Final = "sources"


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_list_form(request: AccountRequest, id: int) -> HttpResponse:
    """Shows and saves how a source's list is asked and read. Every button but Save and Next gives the page again; only they store anything."""
    source = _read_source(id)
    stored = _stored(source)
    buttons = ListButtons(posted(request))
    editing = ListEditing(posted_copy(buttons), buttons.posted.get("sample", ""), buttons.posted.get("picking", ""))
    do = buttons.posted.get("do", "") or ("save" if request.method == "POST" and not buttons.posted.get("pick") else "")
    refusal = _act(request, editing, do, buttons.posted.get("pick", "")) if request.method == "POST" else None
    form = ListForm(editing.typed if request.method == "POST" else None, stored=stored_fields(stored))
    form.say("connection", options=connection_choices())
    result = None
    if do in ("save", "next", "test"):
        description = form.description(stored) if form.is_valid() else None
        if description is not None and do == "test":
            try:
                trial = try_list(request.account.pk, description)
            except Invalid as error:
                form.refuse(error)
            else:
                result = trial_result(description, trial)
                if trial.since is not None and trial.since.is_exclusive and description.is_inclusive:
                    form.tick("exclusive")
        elif description is not None:
            try:
                with saving(request.account.pk, by=request.user.actor) as transaction:
                    list_readings.save_list(transaction, id, description)
            except Invalid as error:  # its connection was deleted meanwhile
                form.refuse(error)
            else:
                return _saved(request, id, to_mapping=do == "next")
    elif form.is_bound:
        form.is_valid()
        form.keep_quiet()
    if refusal is not None:
        form.refuse(refusal)
    return _page(request, source, form, editing, result)


def _act(request: AccountRequest, editing: ListEditing, do: str, pick: str) -> Invalid | None:
    """What a button changes of the page. Returns why a sample could not be fetched."""
    verb, _space, name = do.partition(" ")
    if pick:
        editing.click(pick)
    elif verb == "choose" and name in PICKED:
        editing.picking = name
    elif verb == "sample":
        editing.take_pasted()
    elif verb == "fetch":
        try:
            editing.take_fetched(fetch_sample(request.account.pk, editing.first_request))
        except Invalid as error:
            return error
    return None


def _saved(request: AccountRequest, id: int, *, to_mapping: bool) -> HttpResponse:
    if not to_mapping:
        say(request, _("Saved. Read a page now to have a sample for the mapping."))
        return HttpResponseRedirect(reverse("source", args=(id,)))
    try:
        list_readings.read_now(request.account.pk, id, by=request.user.actor)
    except Invalid as error:
        say(request, " ".join(translated(sentence) for sentences in error.fields.values() for sentence in sentences))
    return HttpResponseRedirect(reverse("source-mapping", args=(id,)))


def _page(request: AccountRequest, source: Source, form: ListForm, editing: ListEditing, result: dict[str, Any] | None) -> HttpResponse:
    if not form.is_bound:
        editing.typed.update({name: str(value) for name, value in form.initial.items()})
    for name in PICKED:
        if words := editing.help_of(name):
            form.say(name, help=words)
    href = reverse("source", args=(source.pk,))
    picked = {name: form.draw_field(name) for name in PICKED}
    return settings_page(
        request,
        "sources/rest_list.html",
        entry=ENTRY,
        status=422 if form.refused or editing.errors else 200,
        source={"id": source.pk, "name": source.name, "href": href},
        steps=[(_("Address and items"), ""), (_("Mapping"), ""), (_("Switch on"), "")],
        told=form.draw_callout(),
        errors=editing.errors,
        result=result,
        sample=editing.sample,
        lines=editing.lines,
        says=editing.says,
        picking=editing.picking,
        picking_name=PICKED.get(editing.picking, PICKED["items"]),
        picks=[picked[name] for name in ("items", "key", "modified")],
        deletion_picks=[picked[name] for name in ("deleted", "active")],
        is_deletion_open=any(picked[name].value or picked[name].error or editing.picking == name for name in ("deleted", "active")),
        next_pick=picked["next"],
        clock_pick=picked["clock_member"],
        paging=[Choice(each.value, each.label, each.value == form["paging"].value(), each.sub) for each in PAGINGS],
        address_fields=form.draw_fields("address", "connection"),
        page_fields=form.draw_fields("page_parameter", "first_page"),
        size_fields=form.draw_fields("size_parameter", "size"),
        since_fields=form.draw_fields("since_parameter", "since_format"),
        since_boxes=[form.draw_field(name) for name in ("exclusive", "ordered")],
        more_since_fields=form.draw_fields("overlap", "zone", "query"),
        pace_fields=form.draw_fields("every", "rate"),
        sweep_box=form.draw_field("sweep"),
        when_fields=form.draw_fields("item_address", "clock"),
        opened=form.opened_field,
    )


@require_POST
@needs(Role.ADMINISTRATOR)
def source_read(request: AccountRequest, id: int) -> HttpResponse:
    """Has a source read now. Of one that is not switched on a page is kept, as a sample for its mapping."""
    platform = PLATFORMS.get(source_row(id).platform)
    if platform is None or platform.way is not Way.READ:
        raise Http404
    try:
        count = list_readings.read_now(request.account.pk, id, by=request.user.actor)
    except Invalid as error:
        say(request, _(error.fields["source"][0]))
    else:
        say(request, _("It is read now.") if count is None else _("A page with %(n)d items is kept for the mapping.") % {"n": count})
    return HttpResponseRedirect(reverse("source", args=(id,)))


def _read_source(id: int) -> Source:
    source = source_row(id)
    if not has_described_list(source.platform):
        raise Http404
    return source


def _stored(source: Source) -> dict[str, Any]:
    try:
        return description_of(source.settings).to_body()
    except HeliographError:
        return {}
