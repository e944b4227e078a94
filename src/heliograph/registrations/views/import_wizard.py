"""The import wizard: upload, columns, dry run (guide: Import; I1, I4). The import itself is a job, whose page is the last two steps."""

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
from django_htmx.http import HttpResponseClientRefresh

from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.ids import read_id
from heliograph.jobs import control
from heliograph.jobs import page as job_page
from heliograph.jobs.models import Job, JobState
from heliograph.registrations.imports import import_job, uploads
from heliograph.registrations.imports.import_errors import ImportFileError
from heliograph.registrations.imports.missing_setup import WORDS, Lack
from heliograph.registrations.imports.preparation import KIND
from heliograph.registrations.imports.reader_slots import ReadingBusy
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.registrations.imports.setup_creation import TAG_KINDS
from heliograph.registrations.imports.uploads import Sheet, Upload
from heliograph.registrations.views import import_words as words
from heliograph.registrations.views.import_forms import READ, SHOWN, ColumnsForm, DryRunForms, ReadingForm, UploadForm, same_choice
from heliograph.setup.views.setup_frame import check
from heliograph.store.django_database import read_database
from heliograph.web.pages import asks_for_part, page
from heliograph.web.shown_fields import Choice
from heliograph.web.toasts import say

BEFORE = 10
SAMPLES = 3


def _page(request: AccountRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    return page(request, template, section="registrations", here="registrations", status=status, crumbs=words.crumbs(), **context)


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
                notice = _busy(busy)
            except ImportFileError as refusal:
                form.add_error("file", uploads.refusal_text(refusal))
            else:
                return HttpResponseRedirect(reverse("import-columns", args=(new_upload.id,)))
    return _upload_page(request, form, notice)


def _upload_page(request: AccountRequest, form: UploadForm, notice: dict[str, Any] | None) -> HttpResponse:
    jobs_before = list(Job.objects.filter(kind=KIND).exclude(parameters__dry_run=True).order_by("-pk")[:BEFORE])
    names = names_of_users(request.account.pk, [job.created_by for job in jobs_before])
    return _page(
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


def _busy(busy: ReadingBusy) -> dict[str, Any]:
    """The notice that another file must be finished first, with a link to it."""
    notice: dict[str, Any] = {
        "tone": "wait",
        "title": _("Not started: another file is being read"),
        "text": uploads.refusal_text(busy),
        "items": [],
    }
    if busy.reading is not None:
        place = reverse("job", args=(busy.reading.job,)) if busy.reading.job else reverse("import-columns", args=(busy.reading.upload,))
        notice |= {"link": _("Go to %(name)s") % {"name": busy.reading.name}, "href": place}
    return notice


def _get_upload(request: AccountRequest, id: str) -> Upload:
    try:
        return uploads.find(request.account.pk, id)
    except uploads.NoUpload:
        raise Http404 from None


# --- columns


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def columns(request: AccountRequest, upload: str) -> HttpResponse:
    """The target of each column; the settings for reading the file can be changed too."""
    file_upload = _get_upload(request, upload)
    notice = None
    reading_form = ReadingForm(request.POST if request.method == "POST" else None)
    reads_again = reading_form.is_valid() and reading_form.cleaned_data["do"] == READ
    if reads_again:
        given = reading_form.cleaned_data
        try:
            uploads.read_otherwise(file_upload, encoding=given["encoding"], separator=given["separator"], sheet_name=given["sheet"])
        except ReadingBusy as busy:
            notice = _busy(busy)
        except ImportFileError as error:
            notice = {"tone": "failed", "title": _("It cannot be read like this"), "text": uploads.refusal_text(error), "items": []}
        else:
            return HttpResponseRedirect(request.path)
    try:
        sheet = uploads.sheet(file_upload)
    except ReadingBusy as busy:
        return _being_read(request, file_upload, busy)
    except ImportFileError as error:
        say(request, uploads.refusal_text(error))
        return HttpResponseRedirect(reverse("import"))
    data = request.POST if request.method == "POST" and not reads_again else None
    form = ColumnsForm(sheet, _events(request), data, initial={"event": file_upload.event})
    if form.is_valid():
        try:
            chosen = uploads.choose(replace(file_upload, event=form.cleaned_data["event"]), sheet, form.targets)
            # All missing things that are not doubtful and that this person may create.
            uploads.check(chosen, SetupChoice(everything=True, in_events=not may(request.user, Role.ADMINISTRATOR)))
        except ReadingBusy as busy:
            notice = _busy(busy)
        except ImportFileError as error:
            notice = {"tone": "failed", "title": _("These columns can’t be used"), "text": uploads.refusal_text(error), "items": []}
        else:
            return HttpResponseRedirect(reverse("import-dry-run", args=(upload,)))
    return _columns(request, file_upload, sheet, form, notice)


def _being_read(request: AccountRequest, file_upload: Upload, busy: ReadingBusy) -> HttpResponse:
    """The page in place of the columns while an upload is being read. It reloads itself after 3 seconds."""
    is_this_upload = busy.reading is not None and busy.reading.upload == file_upload.id
    title, text = (
        (_("It is being read"), _("This page updates automatically."))
        if is_this_upload
        else (_("It waits to be read"), uploads.refusal_text(busy))
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
        rows.append(
            {
                "id": f"c-{number}",
                "name": column.name,
                "samples": [row[number - 1][:80] if number - 1 < len(row) else "" for row in sheet.sample[:SAMPLES]],
                "target": target,
                "own": Choice(target, target.partition(".")[2] or target) if target and target not in known else None,
                "fresh": words.fresh(column.name),
                "note": "" if column.target or column.doubt else _("Nothing here has this name"),
                "read": words.read_as(column),
                "unsure": _(column.doubt) if column.doubt else "",
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
    return _page(
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


# --- dry run


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def dry_run(request: AccountRequest, upload: str) -> HttpResponse:
    """Shows the progress of the dry run; then what the import would do, and what to create with it."""
    file_upload = _get_upload(request, upload)
    if file_upload.checked is None:
        return HttpResponseRedirect(reverse("import-columns", args=(upload,)))
    job = control.find(file_upload.checked, request.account.pk)
    if job.state != JobState.DONE:
        if request.method == "POST":
            return HttpResponseRedirect(reverse("job", args=(job.pk,)))
        return _progress(request, job)
    if asks_for_part(request) and "kind" not in request.GET:
        return HttpResponseClientRefresh()  # the page of the progress is over
    with account_reader(request.account.pk) as reader:
        config = reader.config
    lacks = [Lack.from_json({k: v for k, v in row.items() if k != "created"}) for row in job.result.get("lacks", ())]
    administers = may(request.user, Role.ADMINISTRATOR)
    data = request.POST if request.method == "POST" else None
    forms = DryRunForms.build(lacks, job, config, data)
    if not forms.form.is_valid():
        return _dry(request, file_upload, job, config, lacks, forms)
    choice = forms.choice(lacks, administers=administers)
    if forms.form.begins and forms.form.sends is None:
        forms.form.add_error("quiet", _("Choose whether flows act on it, or it is recorded without sending."))
    if forms.refused:
        return _dry(request, file_upload, job, config, lacks, forms)
    tried = same_choice(lacks, choice, SetupChoice.from_json(job.parameters["choice"]))
    if forms.form.begins and tried:
        started = uploads.import_(file_upload, choice, quiet=not forms.form.sends, by=request.user.actor)
        return HttpResponseRedirect(reverse("job", args=(started.pk,)))
    try:
        uploads.check(file_upload, choice)
    except ReadingBusy as busy:
        return _dry(request, file_upload, job, config, lacks, forms, notice=_busy(busy))
    if forms.form.begins:
        say(request, _("Not started: you changed what is created, so the dry run was repeated. Check the new numbers, then import."))
    return HttpResponseRedirect(request.path)


def _progress(request: AccountRequest, job: Job) -> HttpResponse:
    context = job_page.context(job, words.job_page(job), request.path, may_act=False)
    return page(
        request,
        "job.html",
        frame="platform.html",
        section="registrations",
        here="registrations",
        **context | {"at": 3, "again": False, "stop": False},
    )


def _dry(
    request: AccountRequest,
    file_upload: Upload,
    job: Job,
    config: AccountConfig,
    lacks: list[Lack],
    forms: DryRunForms,
    notice: dict[str, Any] | None = None,
) -> HttpResponse:
    counts = job.counts
    good = sum(int(counts.get(name, 0)) for name in ("created", "updated", "unchanged", "stale", "erased"))
    refused = words.refused_of(job, request.path, read_id(request.GET.get("kind", "")))
    refused_count = int(counts.get("refused", 0))
    more = max(0, len(lacks) - SHOWN) + int(job.result.get("lacks_more", 0))
    note = (
        _("No row is refused, and nothing is missing.")
        if not refused_count and not lacks
        else _("%(rows)s less the %(n)s refused.") % {"rows": intcomma(good + refused_count), "n": intcomma(refused_count)}
        if refused_count
        else ""
    )
    status = 422 if forms.refused else 409 if notice else 200
    unsaid = " ".join(str(error) for error in forms.form["quiet"].errors)
    if forms.refused:
        title = _("Not started: choose whether flows act on it") if unsaid else _("Not started: a tag is unknown")
        notice = {"tone": "failed", "title": title, "text": _("Your choices are still here."), "items": []}
    acting = words.acting_of(job, config)
    return _page(
        request,
        "registrations/import_dry_run.html",
        status=status,
        steps=words.steps_of(file_upload.id, 3),
        file=file_upload.name,
        told=notice,
        outlook=words.outlook_of(job),
        share=words.share_of(job),
        lacks=[_lack(request, number, lack, job, forms) for number, lack in enumerate(lacks[:SHOWN])],
        datalists=[(f"tags-of-{kind}", choices.options) for kind, choices in forms.tags.items()],
        lacks_text=ngettext("%(n)d name isn’t in Heliograph yet", "%(n)d names aren’t in Heliograph yet", len(lacks)) % {"n": len(lacks)},
        lacks_more=_("%(n)s more names are missing; those that aren’t in doubt are created, too.") % {"n": intcomma(more)} if more else "",
        corrections=[
            {"number": number, "name": each.name, "use": each.use, "event": each.event, "kind": _(WORDS.get(each.kind, ""))}
            for number, each in enumerate(forms.corrections)
        ],
        refused=refused,
        acts=words.acts_of(job, config),
        flows_act=ngettext("Flows act %(n)s time", "Flows act %(n)s times", acting) % {"n": intcomma(acting)},
        loud=forms.form.sends is True,
        quiet=forms.form.sends is False,
        unsaid=unsaid,
        button=ngettext("Import %(n)s row", "Import %(n)s rows", good) % {"n": intcomma(good)},
        nothing=not good and not lacks and not forms.corrections,
        note=note,
        back=reverse("import-columns", args=(file_upload.id,)),
    )  # fmt: skip


def _lack(request: AccountRequest, number: int, lack: Lack, job: Job, forms: DryRunForms) -> dict[str, Any]:
    row = forms.rows[number]
    closed = (
        ""
        if uploads.creatable(lack, administers=may(request.user, Role.ADMINISTRATOR))
        else _("An Administrator can add it, under Profile Data.")
    )
    tagged = lack.kind in TAG_KINDS
    text = row["tags"].value() or ""
    ticked = forms.form["create"].value() if forms.form.is_bound else None
    becomes = (
        _(lack.words) if not lack.facts.get("type") else _("%(thing)s, %(type)s") % {"thing": _(lack.words), "type": lack.facts["type"]}
    )
    return {
        "n": number,
        "id": f"tags-{number}",
        "name": lack.event if lack.kind == "events" else lack.name,
        "event": "" if lack.kind == "events" else lack.event,
        "becomes": becomes[:1].upper() + becomes[1:],
        "rows": intcomma(lack.rows),
        "on": str(number) in ticked if ticked is not None else bool(job.result["lacks"][number].get("created")),
        "doubt": _(lack.doubt) if lack.doubt else "",
        "meant": lack.meant,
        "classes": row.draw_field("class").options,
        "cls": row["class"].value(),
        "tags": text,
        "todo": "" if text.strip() or not tagged or lack.kind == "events" else _("No tag"),
        "error": " ".join(str(error) for error in row["tags"].errors),
        "tag_list": f"tags-of-{lack.kind}" if tagged and not closed else "",
        "tags_label": _("Tags for %(name)s") % {"name": lack.name},
        "no_tags": _("The question has it") if lack.kind == "options" and lack.event else _("These have none"),
        "closed": closed,
    }


# --- refused rows


@require_safe
def refused_lines(request: AccountRequest, id: int) -> HttpResponseBase:
    """The refused lines with reasons and accepted values, as a file to correct and import."""
    check(request, Role.PLANNER)
    job = control.find(id, request.account.pk)
    path = import_job.folder_of(job.pk) / "refused.csv"
    if job.kind != KIND or not path.is_file():
        raise Http404
    name = f"{Path(str(job.parameters['name'])).stem}.refused.csv"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
