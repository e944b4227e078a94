"""The first two steps of an import, upload and columns, and the file of refused lines (guide: Import; I1, I4).

The third step is `import_dry_run_page`. The import itself is a job, whose page is the last two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs, require
from heliograph.jobs import control
from heliograph.jobs.models import Job
from heliograph.registrations.imports import import_job, uploads
from heliograph.registrations.imports.import_errors import ImportFileError
from heliograph.registrations.imports.preparation import KIND
from heliograph.registrations.imports.reader_slots import ReadingBusy
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.registrations.imports.uploads import Sheet, Upload
from heliograph.registrations.views import import_words as words
from heliograph.registrations.views.import_forms import READ, ColumnsForm, ReadingForm, UploadForm
from heliograph.registrations.views.import_frame import busy_notice, get_upload, import_page
from heliograph.store.django_database import read_database
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

BEFORE = 10
SAMPLES = 3


def _events(request: AccountRequest) -> Callable[[], list[Choice]]:
    """The account's events as choices."""

    def read_choices() -> list[Choice]:
        with read_database() as db:
            rows = db.all("SELECT code FROM event WHERE account_id = :account ORDER BY id DESC", {"account": request.account.pk})
        return [Choice(code, code) for (code,) in rows]

    return read_choices


# --- upload


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def upload(request: AccountRequest) -> HttpResponse:
    """Uploads a file; no registrations are stored yet."""
    notice = None
    form = UploadForm(_events(request), request.POST, request.FILES) if request.method == "POST" else UploadForm(_events(request))
    if form.is_valid():
        file, event = form.cleaned_data["file"], form.cleaned_data["event"]
        if file is None:
            form.add_error("file", _("Choose a file."))
        else:
            try:
                new_upload = uploads.keep(request.account.pk, file.name or "file", file.chunks(), event=event, by=request.user.actor)
            except ReadingBusy as busy:
                notice = busy_notice(busy)
            except ImportFileError as refusal:
                form.add_error("file", translated(refusal))
            else:
                return HttpResponseRedirect(reverse("import-columns", args=(new_upload.id,)))
    return _upload_page(request, form, notice)


def _upload_page(request: AccountRequest, form: UploadForm, notice: dict[str, Any] | None) -> HttpResponse:
    jobs_before = list(Job.objects.filter(kind=KIND).exclude(parameters__dry_run=True).order_by("-pk")[:BEFORE])
    names = names_of_users(request.account.pk, [job.created_by for job in jobs_before])
    return import_page(
        request,
        "registrations/import_upload.html",
        status=409 if notice else form.status,
        steps=words.steps_of("", 1),
        error=" ".join(str(error) for error in form["file"].errors),
        told=notice,
        fields=form.draw_fields("event"),
        before=[_before(job, names) for job in jobs_before],
    )


def _before(job: Job, names: Mapping[str, str]) -> dict[str, Any]:
    refused = int(job.counts.get("refused", 0))
    return {
        "when": job.created,
        "file": job.parameters["name"],
        "by": names.get(job.created_by, _("Command line") if job.created_by == "command" else ""),
        "rows": intcomma(int(job.result.get("rows", 0))),
        "refused": intcomma(refused) if refused else "",
        "href": reverse("job", args=(job.pk,)),
    }


# --- columns


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def columns(request: AccountRequest, upload: str) -> HttpResponse:
    """The target of each column; the settings for reading the file can be changed too."""
    file_upload = get_upload(request, upload)
    notice = None
    reading_form = ReadingForm(request.POST if request.method == "POST" else None)
    reads_again = reading_form.is_valid() and reading_form.cleaned_data["do"] == READ
    if reads_again:
        given = reading_form.cleaned_data
        try:
            uploads.read_otherwise(file_upload, encoding=given["encoding"], separator=given["separator"], sheet_name=given["sheet"])
        except ReadingBusy as busy:
            notice = busy_notice(busy)
        except ImportFileError as error:
            notice = {"tone": "failed", "title": _("It cannot be read like this"), "text": translated(error), "items": []}
        else:
            return HttpResponseRedirect(request.path)
    try:
        sheet = uploads.sheet(file_upload)
    except ReadingBusy as busy:
        return _being_read(request, file_upload, busy)
    except ImportFileError as error:
        say(request, translated(error))
        return HttpResponseRedirect(reverse("import"))
    data = request.POST if request.method == "POST" and not reads_again else None
    form = ColumnsForm(sheet, _events(request), data, initial={"event": file_upload.event})
    if form.is_valid():
        try:
            chosen = uploads.choose(replace(file_upload, event=form.cleaned_data["event"]), sheet, form.targets)
            # All missing things that are not doubtful and that this person may create.
            uploads.check(chosen, SetupChoice(everything=True, in_events=not may(request.user, Role.ADMINISTRATOR)))
        except ReadingBusy as busy:
            notice = busy_notice(busy)
        except ImportFileError as error:
            notice = {"tone": "failed", "title": _("These columns can’t be used"), "text": translated(error), "items": []}
        else:
            return HttpResponseRedirect(reverse("import-dry-run", args=(upload,)))
    return _columns(request, file_upload, sheet, form, notice)


def _being_read(request: AccountRequest, file_upload: Upload, busy: ReadingBusy) -> HttpResponse:
    """The page in place of the columns while an upload is being read. It reloads itself after 3 seconds."""
    is_this_upload = busy.reading is not None and busy.reading.upload == file_upload.id
    title, text = (
        (_("It is being read"), _("This page updates automatically.")) if is_this_upload else (_("It waits to be read"), translated(busy))
    )
    notice = {"tone": "wait", "title": title, "text": text, "items": [], "link": _("Look again"), "href": request.path}
    response = _upload_page(request, UploadForm(_events(request), initial={"event": file_upload.event}), notice)
    response["Refresh"] = "3"
    return response


def _columns(request: AccountRequest, file_upload: Upload, sheet: Sheet, form: ColumnsForm, notice: dict[str, Any] | None) -> HttpResponse:
    groups = words.targets_of(sheet.known)
    known = {choice.value for _group, choices in groups for choice in choices}
    rows = []
    for number, column in enumerate(sheet.columns, start=1):
        target = form[f"c-{number}"].value() or ""
        samples = [row[number - 1][:80] if number - 1 < len(row) else "" for row in sheet.sample[:SAMPLES]]
        rows.append(
            {
                "id": f"c-{number}",
                "name": column.name,
                "samples": samples,
                "target": target,
                "own": Choice(target, target.partition(".")[2] or target) if target and target not in known else None,
                "fresh": words.fresh(column.name),
                "note": "" if column.target or column.doubt else _("Nothing here has this name"),
                "read": words.read_as(column, samples),
                "unsure": translated(column.doubt) if column.doubt else "",
            }
        )
    unsure = [row for row in rows if row["unsure"]]
    if notice is None and unsure:
        title = ngettext("%(n)d of %(of)d columns needs a look", "%(n)d of %(of)d columns need a look", len(unsure)) % {
            "n": len(unsure),
            "of": len(rows),
        }
        notice = {
            "tone": "wait",
            "title": title,
            "text": "",
            "items": [],
            "link": _("Go to %(name)s") % {"name": unsure[0]["name"]},
            "href": f"#row-{rows.index(unsure[0]) + 1}",
        }
    return import_page(
        request,
        "registrations/import_columns.html",
        status=409
        if notice and notice["tone"] == "wait" and request.method == "POST"
        else 422
        if notice and notice["tone"] == "failed"
        else 200,
        steps=words.steps_of(file_upload.id, 2),
        file=file_upload.name,
        read=sheet.form.words,
        told=notice,
        fields=form.draw_fields("event"),
        columns=rows,
        targets=groups,
        reading=ReadingForm.fields_of(sheet.form),
    )


# --- refused rows


@require_safe
def refused_lines(request: AccountRequest, id: int) -> HttpResponseBase:
    """The refused lines with reasons and accepted values, as a file to correct and import."""
    require(request.user, Role.PLANNER)
    job = control.find(id, request.account.pk)
    path = import_job.folder_of(job.pk) / "refused.csv"
    if job.kind != KIND or not path.is_file():
        raise Http404
    name = f"{Path(str(job.parameters['name'])).stem}.refused.csv"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
