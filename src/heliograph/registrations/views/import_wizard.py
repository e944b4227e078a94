"""The import wizard: upload, columns, dry run (guide: Import; I1, I4). The import itself is a job, and its page the last two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.db import transaction
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.setup.statuses import StatusClass
from heliograph.jobs import control
from heliograph.jobs import page as job_page
from heliograph.jobs.models import Job, State
from heliograph.registrations.imports import job as import_job
from heliograph.registrations.imports import uploads
from heliograph.registrations.imports.encodings import OFFERED
from heliograph.registrations.imports.errors import ImportFileError
from heliograph.registrations.imports.file_reader import CSV, NDJSON, XLSX
from heliograph.registrations.imports.missing_setup import QUESTIONS, STATUSES, Choice, Lack
from heliograph.registrations.imports.preparation import KIND
from heliograph.registrations.imports.reader_slots import ReadingBusy
from heliograph.registrations.imports.setup_creation import TAG_KINDS
from heliograph.registrations.imports.uploads import Sheet, Upload
from heliograph.registrations.views import import_words as words
from heliograph.setup.views.frame import account_config, by, check, reading
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.web.fields import Choice as Option
from heliograph.web.fields import Field, Pair
from heliograph.web.pages import asks_for_part, page
from heliograph.web.toasts import say

BEFORE = 10
SAMPLES = 3
SHOWN = 200  # lacks of one page


def _page(request: AccountRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    return page(request, template, section="registrations", here="registrations", status=status, crumbs=words.crumbs(), **context)


def _event_field(request: AccountRequest, value: str) -> Field:
    with transaction.atomic(using="read"):
        rows = reading().all("SELECT code FROM event WHERE account_id = :account ORDER BY id DESC", {"account": request.account.pk})
    return Field(
        kind="select",
        id="event",
        label=_("Event"),
        value=value,
        options=[Option(code, code) for (code,) in rows],
        placeholder=_("A column of the file says it"),
        help=_("For rows that name no event of their own."),
    )


# --- upload


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def upload(request: AccountRequest) -> HttpResponse:
    """A file is chosen; nothing of it is stored as registrations yet."""
    event, error, told = request.POST.get("event", "")[:25], "", None
    if request.method == "POST":
        file = request.FILES.get("file")
        if file is None:
            error = _("Choose a file.")
        else:
            try:
                kept = uploads.keep(request.account.pk, file.name or "file", file.chunks(), event=event, by=by(request))
            except ReadingBusy as busy:
                told = _busy(busy)
            except ImportFileError as refusal:
                error = _(str(refusal))
            else:
                return HttpResponseRedirect(reverse("import-columns", args=(kept.id,)))
    return _upload_page(request, event, error, told)


def _upload_page(request: AccountRequest, event: str, error: str = "", told: dict[str, Any] | None = None) -> HttpResponse:
    jobs_before = list(Job.objects.filter(kind=KIND).exclude(parameters__dry_run=True).order_by("-pk")[:BEFORE])
    ids = {int(job.created_by[5:]) for job in jobs_before if job.created_by.startswith("user:") and job.created_by[5:].isdecimal()}
    names = {f"user:{user.pk}": user.name or user.email for user in User.objects.filter(pk__in=ids, account=request.account)}
    return _page(
        request,
        "registrations/import_upload.html",
        status=422 if error else 409 if told else 200,
        steps=words.steps_of("", 1),
        error=error,
        told=told,
        fields=[_event_field(request, event)],
        before=[_before(job, names) for job in jobs_before],
    )


def _before(job: Job, names: Mapping[str, str]) -> dict[str, Any]:
    refused = int(job.counts.get("refused", 0))
    return {
        "when": job.created,
        "file": job.parameters["name"],
        "by": names.get(job.created_by, _("Command line") if job.created_by == "command" else ""),
        "rows": f"{int(job.result.get('rows', 0)):,}",
        "refused": f"{refused:,}" if refused else "",
        "href": reverse("job", args=(job.pk,)),
    }


def _busy(busy: ReadingBusy) -> dict[str, Any]:
    """That another file has to be awaited, and where that one is."""
    told: dict[str, Any] = {"tone": "wait", "title": _("Not begun: another file is being read"), "text": _(str(busy)), "items": []}
    if busy.reading is not None:
        place = reverse("job", args=(busy.reading.job,)) if busy.reading.job else reverse("import-columns", args=(busy.reading.upload,))
        told |= {"link": _("Go to %(name)s") % {"name": busy.reading.name}, "href": place}
    return told


def _found(request: AccountRequest, id: str) -> Upload:
    try:
        return uploads.find(request.account.pk, id)
    except uploads.NoUpload:
        raise Http404 from None


# --- columns


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def columns(request: AccountRequest, upload: str) -> HttpResponse:
    """Where each column goes; how the file is read can be said too."""
    found = _found(request, upload)
    told = None
    if request.method == "POST" and request.POST.get("do") == "read":
        given = {name: request.POST.get(name, "").strip() for name in ("encoding", "separator", "sheet")}
        try:
            uploads.read_otherwise(found, encoding=given["encoding"], separator=given["separator"], sheet_name=given["sheet"])
        except ReadingBusy as busy:
            told = _busy(busy)
        except ImportFileError as error:
            told = {"tone": "failed", "title": _("It cannot be read like this"), "text": _(str(error)), "items": []}
        else:
            return HttpResponseRedirect(request.path)
    try:
        sheet = uploads.sheet(found)
    except ReadingBusy as busy:
        return _being_read(request, found, busy)
    except ImportFileError as error:
        say(request, _(str(error)))
        return HttpResponseRedirect(reverse("import"))
    targets: list[str] | None = None
    if request.method == "POST" and told is None:
        targets = [request.POST.get(f"c-{n}", "") for n, _column in enumerate(sheet.columns, start=1)]
        try:
            chosen = uploads.choose(replace(found, event=request.POST.get("event", "")[:25]), sheet, targets)
            uploads.check(chosen, _first_choice(request))
        except ReadingBusy as busy:
            told = _busy(busy)
        except ImportFileError as error:
            told = {"tone": "failed", "title": _("These columns do not do"), "text": _(str(error)), "items": []}
        else:
            return HttpResponseRedirect(reverse("import-dry-run", args=(upload,)))
    return _columns(request, found, sheet, targets, told)


def _being_read(request: AccountRequest, found: Upload, busy: ReadingBusy) -> HttpResponse:
    """In the place of the columns of an upload that is not read yet; looks again by itself in a moment."""
    mine = busy.reading is not None and busy.reading.upload == found.id
    title, text = (_("It is being read"), _("This page looks again by itself.")) if mine else (_("It waits to be read"), _(str(busy)))
    told = {"tone": "wait", "title": title, "text": text, "items": [], "link": _("Look again"), "href": request.path}
    response = _upload_page(request, found.event, told=told)
    response["Refresh"] = "3"
    return response


def _first_choice(request: AccountRequest) -> Choice:
    """All that is lacking and not in doubt, as far as this person may create it."""
    return Choice(everything=True, in_events=not may(request.user, Role.ADMINISTRATOR))


def _columns(request: AccountRequest, found: Upload, sheet: Sheet, targets: list[str] | None, told: dict[str, Any] | None) -> HttpResponse:
    groups = words.targets_of(sheet.known)
    known = {choice.value for _group, choices in groups for choice in choices}
    rows = []
    for n, column in enumerate(sheet.columns, start=1):
        target = targets[n - 1] if targets else column.target
        rows.append(
            {
                "id": f"c-{n}",
                "name": column.name,
                "samples": [row[n - 1][:80] if n - 1 < len(row) else "" for row in sheet.sample[:SAMPLES]],
                "target": target,
                "own": Option(target, target.partition(".")[2] or target) if target and target not in known else None,
                "fresh": words.fresh(column.name),
                "note": "" if column.target or column.doubt else _("Nothing here has this name"),
                "read": words.read_as(column),
                "unsure": _(column.doubt) if column.doubt else "",
            }
        )
    unsure = [row for row in rows if row["unsure"]]
    if told is None and unsure:
        title = ngettext("%(n)d of %(of)d columns wants a look", "%(n)d of %(of)d columns want a look", len(unsure)) % {
            "n": len(unsure),
            "of": len(rows),
        }
        told = {
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
        status=409 if told and told["tone"] == "wait" and request.method == "POST" else 422 if told and told["tone"] == "failed" else 200,
        steps=words.steps_of(found.id, 2),
        file=found.name,
        read=sheet.form.words,
        told=told,
        fields=[_event_field(request, request.POST.get("event", found.event))],
        columns=rows,
        targets=groups,
        reading=_reading(sheet),
    )


def _reading(sheet: Sheet) -> list[Field | Pair]:
    form = sheet.form
    if form.kind == XLSX:
        return [Field(id="sheet", label=_("Sheet"), value=form.sheet, autocomplete="off")]
    encodings = [Option(name, label) for name, label in OFFERED.items()]
    encoding = Field(kind="select", id="encoding", label=_("Encoding"), value=form.encoding, options=encodings)
    if form.kind == NDJSON:
        return [encoding]
    separators = {",": _("Commas"), ";": _("Semicolons"), "\t": _("Tabs"), "|": _("Vertical bars")}
    shown = {"\t": "tab"}
    options = [Option(shown.get(sign, sign), name) for sign, name in separators.items()]
    separator = Field(
        kind="select", id="separator", label=_("Separated by"), value=shown.get(form.separator, form.separator), options=options
    )
    return [Pair((encoding, separator))] if form.kind == CSV else [encoding]


# --- dry run


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def dry_run(request: AccountRequest, upload: str) -> HttpResponse:
    """While it runs, how far it is; then what the import would do, and what is to be created with it."""
    found = _found(request, upload)
    if found.checked is None:
        return HttpResponseRedirect(reverse("import-columns", args=(upload,)))
    job = control.find(found.checked, request.account.pk)
    if job.state != State.DONE:
        if request.method == "POST":
            return HttpResponseRedirect(reverse("job", args=(job.pk,)))
        return _progress(request, job)
    if asks_for_part(request):
        return HttpResponseClientRefresh()
    with transaction.atomic(using="read"):
        config = account_config(request, reading())
    lacks = [Lack.from_json({k: v for k, v in row.items() if k != "created"}) for row in job.result.get("lacks", ())]
    administers = may(request.user, Role.ADMINISTRATOR)
    if request.method != "POST":
        return _dry(request, found, job, config, lacks)
    choice, errors = _choice(request.POST, lacks, config, administers=administers)
    if errors:
        return _dry(request, found, job, config, lacks, errors=errors)
    if request.POST.get("do") == "import":
        started = uploads.import_(found, choice, quiet=request.POST.get("quiet") == "1", by=by(request))
        return HttpResponseRedirect(reverse("job", args=(started.pk,)))
    try:
        uploads.check(found, choice)
    except ReadingBusy as busy:
        return _dry(request, found, job, config, lacks, told=_busy(busy))
    return HttpResponseRedirect(request.path)


def _progress(request: AccountRequest, job: Job) -> HttpResponse:
    shown = job_page.context(job, words.job_page(job), request.path, may_act=False)
    return page(
        request,
        "administration/job.html",
        section="registrations",
        here="registrations",
        **shown | {"at": 3, "again": False, "stop": False},
    )


def _choice(form: QueryDict, lacks: list[Lack], config: AccountConfig, *, administers: bool) -> tuple[Choice, dict[int, str]]:
    """What is ticked, with its classes and tags; and, by row, why a tag is none."""
    ticked, plan, errors = set(form.getlist("create")), [], dict[int, str]()
    for n, lack in enumerate(lacks):
        shown = n < SHOWN
        if (str(n) not in ticked if shown else bool(lack.doubt)) or not uploads.creatable(lack, administers=administers):
            continue
        facts = dict(lack.facts)
        cls = form.get(f"class-{n}", "")
        if lack.kind == STATUSES and cls in {c.value for c in StatusClass}:
            facts["class"] = cls
        typed = _tag_choices(lack, config).read(form.get(f"tags-{n}", "")) if lack.kind in TAG_KINDS else None
        if typed is not None and typed.error:
            errors[n] = typed.error
        elif typed is not None and lack.kind == QUESTIONS and len(typed.ids) > 1:
            errors[n] = _("A question has one tag.")
        names = tuple(config.tags[id].name for id in typed.ids) if typed else ()
        plan.append(replace(lack, facts=facts, tags=names))
    return Choice(plan=tuple(plan)), errors


def _tag_choices(lack: Lack, config: AccountConfig) -> TagChoices:
    return TagChoices(config.tags, TAG_KINDS[lack.kind])


def _dry(
    request: AccountRequest,
    found: Upload,
    job: Job,
    config: AccountConfig,
    lacks: list[Lack],
    errors: Mapping[int, str] | None = None,
    told: dict[str, Any] | None = None,
) -> HttpResponse:
    counts = job.counts
    good = sum(int(counts.get(name, 0)) for name in ("created", "updated", "unchanged", "stale"))
    changes = sum(int(counts.get(name, 0)) for name in ("created", "updated"))
    refused = words.refused_of(job)
    n = int(counts.get("refused", 0))
    kinds = {kind: TagChoices(config.tags, TAG_KINDS[kind]).options for kind in TAG_KINDS if any(lack.kind == kind for lack in lacks)}
    more = max(0, len(lacks) - SHOWN) + int(job.result.get("lacks_more", 0))
    acts = words.acts_of(job, config, changes)
    note = (
        _("No row is refused, and nothing is missing.")
        if not n and not lacks
        else _("%(rows)s less the %(n)s refused.") % {"rows": f"{good + n:,}", "n": f"{n:,}"}
        if n
        else ""
    )
    status = 422 if errors else 409 if told else 200
    if errors:
        told = {"tone": "failed", "title": _("Not begun: a tag is not known"), "text": _("What you chose is still here."), "items": []}
    quiet = request.POST.get("quiet") == "1"
    return _page(
        request,
        "registrations/import_dry_run.html",
        status=status,
        steps=words.steps_of(found.id, 3),
        file=found.name,
        told=told,
        sums=words.sums_of(job),
        lacks=[_lack(request, i, lack, job, config, (errors or {}).get(i, "")) for i, lack in enumerate(lacks[:SHOWN])],
        datalists=[(f"tags-of-{kind}", options) for kind, options in kinds.items()],
        lacks_more=_("%(n)s more things are lacking; those not in doubt are created too.") % {"n": f"{more:,}"} if more else "",
        refused=refused,
        acts=acts,
        quiet=quiet,
        loud=not quiet,
        button=ngettext("Import %(n)s row", "Import %(n)s rows", good) % {"n": f"{good:,}"},
        nothing=not good and not lacks,
        note=note,
        back=reverse("import-columns", args=(found.id,)),
    )  # fmt: skip


def _lack(request: AccountRequest, n: int, lack: Lack, job: Job, config: AccountConfig, error: str) -> dict[str, Any]:
    posted = request.method == "POST"
    closed = (
        ""
        if uploads.creatable(lack, administers=may(request.user, Role.ADMINISTRATOR))
        else _("An Administrator can add it, under Profile Data.")
    )
    tagged = lack.kind in TAG_KINDS
    tags = [id for name in _planned_tags(job, lack) for id, tag in config.tags.items() if tag.name == name]
    text = request.POST.get(f"tags-{n}", "") if posted else _tag_choices(lack, config).text(tags) if tagged else ""
    classes = [Option(c.value, _(c.value)) for c in StatusClass] if lack.kind == STATUSES else []
    becomes = (
        _(lack.words) if not lack.facts.get("type") else _("%(thing)s, %(type)s") % {"thing": _(lack.words), "type": lack.facts["type"]}
    )
    return {
        "n": n,
        "id": f"tags-{n}",
        "name": lack.event if lack.kind == "events" else lack.name,
        "event": "" if lack.kind == "events" else lack.event,
        "becomes": becomes[:1].upper() + becomes[1:],
        "rows": f"{lack.rows:,}",
        "on": str(n) in request.POST.getlist("create") if posted else bool(job.result["lacks"][n].get("created")),
        "doubt": _(lack.doubt) if lack.doubt else "",
        "classes": classes,
        "cls": request.POST.get(f"class-{n}", "") if posted else _planned_class(job, lack),
        "tags": text,
        "todo": "" if text.strip() or not tagged or lack.kind == "events" else _("No tag"),
        "error": error,
        "tag_list": f"tags-of-{lack.kind}" if tagged and not closed else "",
        "tags_label": _("Tags for %(name)s") % {"name": lack.name},
        "no_tags": _("The question carries it") if lack.kind == "options" and lack.event else _("These carry none"),
        "closed": closed,
    }


def _planned(job: Job, lack: Lack) -> Lack:
    """The lack as it was chosen for the last dry run; as it is told, where it was not."""
    plan = Choice.from_json(job.parameters["choice"]).plan or ()
    key = (lack.kind, lack.event, lack.parent, lack.name)
    return next((x for x in plan if (x.kind, x.event, x.parent, x.name) == key), lack)


def _planned_tags(job: Job, lack: Lack) -> tuple[str, ...]:
    return _planned(job, lack).tags


def _planned_class(job: Job, lack: Lack) -> str:
    return str(_planned(job, lack).facts.get("class", ""))


# --- what was refused


@require_safe
def refused_lines(request: AccountRequest, id: int) -> HttpResponseBase:
    """The refused lines as they were, with reason and what would be accepted, as a file to correct and import."""
    check(request, Role.PLANNER)
    try:
        job = control.find(id, request.account.pk)
    except control.UnknownJob:
        raise Http404 from None
    path = import_job.folder_of(job.pk) / "refused.csv"
    if job.kind != KIND or not path.is_file():
        raise Http404
    name = f"{Path(str(job.parameters['name'])).stem}.refused.csv"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
