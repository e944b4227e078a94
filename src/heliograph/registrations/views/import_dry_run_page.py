"""The third step of an import: what it would do, and what to create with it (guide: Import; I1, I4)."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.ids import read_id
from heliograph.jobs import control
from heliograph.jobs import page as job_page
from heliograph.jobs.models import Job, JobState
from heliograph.registrations.imports import uploads
from heliograph.registrations.imports.missing_setup import WORDS, Lack
from heliograph.registrations.imports.reader_slots import ReadingBusy
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.registrations.imports.setup_creation import TAG_KINDS
from heliograph.registrations.imports.uploads import Upload
from heliograph.registrations.views import import_words as words
from heliograph.registrations.views.import_forms import SHOWN, DryRunForms, same_choice
from heliograph.registrations.views.import_frame import busy_notice, get_upload, import_page
from heliograph.web.pages import asks_for_part, page
from heliograph.web.toasts import say


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def dry_run(request: AccountRequest, upload: str) -> HttpResponse:
    """Shows the progress of the dry run; then what the import would do, and what to create with it."""
    file_upload = get_upload(request, upload)
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
    rows = zip_longest(job.result.get("lacks", ()), job.result.get("doubt_sentences", ()))
    lacks = [Lack.from_json({k: v for k, v in row.items() if k != "created"}, doubt) for row, doubt in rows]
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
        return _dry(request, file_upload, job, config, lacks, forms, notice=busy_notice(busy))
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
        _("No row is skipped, and nothing is missing.")
        if not refused_count and not lacks
        else _("%(rows)s less the %(n)s skipped.") % {"rows": intcomma(good + refused_count), "n": intcomma(refused_count)}
        if refused_count
        else ""
    )
    status = 422 if forms.refused else 409 if notice else 200
    unsaid = " ".join(str(error) for error in forms.form["quiet"].errors)
    if forms.refused:
        title = _("Not started: choose whether flows act on it") if unsaid else _("Not started: a tag is unknown")
        notice = {"tone": "failed", "title": title, "text": _("Your choices are still here."), "items": []}
    acting = words.acting_of(job, config)
    return import_page(
        request,
        "registrations/import_dry_run.html",
        status=status,
        steps=words.steps_of(file_upload.id, 3),
        file=file_upload.name,
        told=notice,
        outlook=words.outlook_of(job),
        share=words.share_of(job, request.path),
        listed=words.rows_of(job, request.GET.get("rows", "")),
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
        waits=words.waits_of(job),
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
        translated(lack.words)
        if not lack.facts.get("type")
        else _("%(thing)s, %(type)s") % {"thing": translated(lack.words), "type": _(lack.facts["type"])}
    )
    return {
        "n": number,
        "id": f"tags-{number}",
        "name": lack.event if lack.kind == "events" else lack.name,
        "event": "" if lack.kind == "events" else lack.event,
        "becomes": becomes[:1].upper() + becomes[1:],
        "rows": intcomma(lack.rows),
        "on": str(number) in ticked if ticked is not None else bool(job.result["lacks"][number].get("created")),
        "doubt": capfirst(translated(lack.doubt)) if lack.doubt else "",
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
