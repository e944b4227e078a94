"""The page on which the reading of a watched folder's files is chosen (S7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.source.platforms import FOLDER
from heliograph.domain.source.source_states import SourceState
from heliograph.jobs.models import Job
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.setup_frame import form_page
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources.folder_columns import FolderReading, imports_to_remember, reading_of
from heliograph.sources.folder_place import folder_name
from heliograph.sources.models import Source
from heliograph.sources.services import source_mappings, watched_folders
from heliograph.sources.services.source_mappings import KeptCalls
from heliograph.sources.services.sources import platform_row
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.store.django_database import read_database
from heliograph.web.form_fields import Select
from heliograph.web.forms import posted
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import short_moment
from heliograph.web.toasts import say

ENTRY: Final = "sources"
MOST_IMPORTS: Final = 20
"""Newest imports that are offered."""
AS_IT_IS: Final = "stored"
"""The choice of the reading that is remembered already."""


class FolderForm(SharedForm):
    """The import whose columns are remembered, and the event of rows that name none."""

    reading = Select(
        gettext_lazy("Columns"),
        options=(),
        required=True,
        help=gettext_lazy("As in an import done by hand. Other columns of a file are not imported."),
    )
    event = Select(
        gettext_lazy("Event"),
        options=(),
        placeholder=gettext_lazy("Use the file’s Event column"),
        help=gettext_lazy("Used for rows without an event. Blank: as in that import."),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMINISTRATOR)
@never_cache
def source_folder(request: AccountRequest, id: int) -> HttpResponse:
    """Shows and saves the remembered reading. The first save switches the source on."""
    source = platform_row(id, FOLDER)
    stored = reading_of(source.settings)
    imports = {str(job.pk): job for job in imports_to_remember(MOST_IMPORTS)}
    newest = next(iter(imports.values()), None)
    event = stored.event if stored is not None else newest.parameters["event"] if newest is not None else ""
    form = FolderForm(posted(request), stored={"reading": AS_IT_IS if stored is not None else "", "event": event})
    form.say("reading", options=[*([Choice(AS_IT_IS, _as_it_is(stored))] if stored is not None else []), *map(_choice, imports.values())])
    form.say("event", options=_events(request))
    is_draft = source.state == SourceState.DRAFT
    reading = _chosen(form, stored, imports)
    if reading is not None:
        try:
            with saving(request.account.pk, by=request.user.actor) as transaction:
                watched_folders.save_reading(transaction, id, reading)
                if is_draft:
                    source_mappings.switch_on(transaction, id, stored_mapping(source), KeptCalls.LEAVE)
        except Invalid as error:
            form.refuse(error)
        else:
            say(request, _("It is on: files are imported as soon as they are complete.") if is_draft else _("Saved."))
            return HttpResponseRedirect(reverse("source", args=(id,)))
    href = reverse("source", args=(id,))
    return form_page(
        request,
        form,
        _("Columns of the files"),
        entry=ENTRY,
        crumbs=[(_("Sources"), reverse("sources")), (source.name, href)],
        lead=_lead(source, is_first=not imports and stored is None),
        **({"button": _("Switch on")} if is_draft else {}),
        cancel_href=href,
    )


def _chosen(form: FolderForm, stored: FolderReading | None, imports: Mapping[str, Job]) -> FolderReading | None:
    """The reading that the form chooses; None if it is refused."""
    if not form.is_valid():
        return None
    chosen, event = form.cleaned_data["reading"], form.cleaned_data["event"]
    if chosen == AS_IT_IS and stored is not None:
        reading = FolderReading(stored.columns, event)
    elif chosen not in imports:
        form.add_error("reading", _("Choose an import whose columns these files have."))
        return None
    else:
        imported = FolderReading.from_import(imports[chosen])
        reading = FolderReading(imported.columns, event or imported.event)
    if reading.lacks_event:
        form.add_error("event", _("Choose the event, because no column of these files names it."))
        return None
    return reading


def _lead(source: Source, *, is_first: bool) -> str:
    if is_first:
        return _(
            "Nobody has imported a file yet. Import one by hand first, or open the first file of the folder on the page of the source."
        )
    return _("Each file in the folder %(folder)s is imported automatically with these columns.") % {"folder": folder_name(source.pk)}


def _choice(job: Job) -> Choice:
    count = sum(bool(column["target"]) for column in job.parameters["columns"])
    columns = ngettext("%(n)s column", "%(n)s columns", count) % {"n": count}
    label = _("%(file)s, %(when)s, %(columns)s") % {"file": job.parameters["name"], "when": short_moment(job.created), "columns": columns}
    return Choice(str(job.pk), label)


def _as_it_is(reading: FolderReading) -> str:
    count = len(reading.columns)
    return ngettext("As they are now: %(n)s column", "As they are now: %(n)s columns", count) % {"n": count}


def _events(request: AccountRequest) -> list[Choice]:
    with read_database() as db:
        rows = db.all("SELECT code FROM event WHERE account_id = :account ORDER BY id DESC", {"account": request.account.pk})
    return [Choice(code, code) for (code,) in rows]


@require_POST
@needs(Role.ADMINISTRATOR)
def source_first_file(request: AccountRequest, id: int) -> HttpResponse:
    """Opens the oldest file of the folder in the import wizard, where its columns are chosen."""
    platform_row(id, FOLDER)
    try:
        upload = watched_folders.upload_of_first_file(request.account.pk, id, by=request.user.actor)
    except Invalid as error:
        say(request, _(error.fields["folder"][0]))
        return HttpResponseRedirect(reverse("source", args=(id,)))
    say(request, _("Choose its columns and import it. Then choose this import as the reading of the folder."))
    return HttpResponseRedirect(reverse("import-columns", args=(upload.id,)))
