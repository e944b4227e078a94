"""The third step of an import: what it would do, and what to create with it (guide: Import; I1, I4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

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
from heliograph.registrations.imports.missing_setup import EVENTS, OPTIONS, SESSIONS, WORDS, Lack
from heliograph.registrations.imports.reader_slots import ReadingBusy
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.registrations.imports.setup_creation import TAG_KINDS
from heliograph.registrations.imports.uploads import Upload
from heliograph.registrations.views import import_words as words
from heliograph.registrations.views.import_forms import SHOWN, DryRunForms, LackForm, same_choice
from heliograph.registrations.views.import_frame import busy_notice, get_upload, import_page
from heliograph.registrations.views.lack_groups import CorrectionGroup, LackGroup
from heliograph.web.pages import asks_for_part, page
from heliograph.web.toasts import say

CHIPS: Final = 12
"""The events of a missing name that are listed."""


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
    choice = forms.choice(administers=administers)
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
    more = max(0, len(forms.groups) - SHOWN) + int(job.result.get("lacks_more", 0))
    nothing = not good and not forms.groups and not forms.corrections
    note = _note(good, refused_count) if refused_count or nothing else "" if lacks else _("No row is skipped, and nothing is missing.")
    status = 422 if forms.refused else 409 if notice else 200
    unsaid = " ".join(str(error) for error in forms.form["quiet"].errors)
    if forms.refused:
        title = _("Not started: choose whether flows act on it") if unsaid else _("Not started: a tag is unknown")
        notice = {"tone": "failed", "title": title, "text": _("Your choices are still here."), "items": []}
    acting = words.acting_of(job, config)
    acts = sum(acting.values())
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
        lacks=[_lack(request, group, row, job, forms) for group, row in zip(forms.groups, forms.rows, strict=False)],
        datalists=[(f"tags-of-{kind}", choices.options) for kind, choices in forms.tags.items()],
        lacks_text=_lacks_text(len(forms.groups)),
        lacks_more=_("%(n)s more names are missing; those that aren’t in doubt are created, too.") % {"n": intcomma(more)} if more else "",
        corrections=[_corrected(group) for group in CorrectionGroup.from_corrections(forms.corrections)],
        refused=refused,
        acts=words.acts_of(job, config),
        waits=words.waits_of(job),
        flows_act=ngettext("Let flows act %(n)s time", "Let flows act %(n)s times", acts) % {"n": intcomma(acts)},
        acting=ngettext("%(n)s flow", "%(n)s flows", len(acting)) % {"n": intcomma(len(acting))} if acting else "",
        loud=forms.form.sends is True,
        quiet=forms.form.sends is False,
        unsaid=unsaid,
        button=ngettext("Import %(n)s row", "Import %(n)s rows", good) % {"n": intcomma(good)},
        nothing=nothing,
        note=note,
        back=reverse("import-columns", args=(file_upload.id,)),
    )  # fmt: skip


def _note(good: int, refused: int) -> str:
    """What stands beside the button: why fewer rows are imported than the file has, or none."""
    if not good:
        return _("No row can be imported.") if refused else _("The file has no rows.")
    text = ngettext("%(n)s of %(rows)s rows is skipped.", "%(n)s of %(rows)s rows are skipped.", refused)
    return text % {"rows": intcomma(good + refused), "n": intcomma(refused)}


def _lacks_text(number: int) -> str:
    return ngettext("%(n)d name isn’t in Heliograph yet", "%(n)d names aren’t in Heliograph yet", number) % {"n": number}


def _corrected(group: CorrectionGroup) -> dict[str, Any]:
    first = group.corrections[0]
    return {"number": group.numbers[0], "name": first.name, "use": first.use, "event": group.events, "kind": _(WORDS.get(first.kind, ""))}


def _lack(request: AccountRequest, group: LackGroup, row: LackForm, job: Job, forms: DryRunForms) -> dict[str, Any]:
    number, lack = group.number, group.first
    closed = (
        ""
        if uploads.creatable(lack, administers=may(request.user, Role.ADMINISTRATOR))
        else _("An Administrator can add it, under Profile Data.")
    )
    tagged = lack.kind in TAG_KINDS
    text = row["tags"].value() or ""
    ticked = forms.form["create"].value() if forms.form.is_bound else None
    was_created = any(job.result["lacks"][number].get("created") for number in group.numbers)
    becomes = (
        translated(lack.words)
        if not lack.facts.get("type")
        else _("%(thing)s, %(type)s") % {"thing": translated(lack.words), "type": _(lack.facts["type"])}
    )
    return {
        "n": number,
        "id": f"tags-{number}",
        "name": lack.event if lack.kind == EVENTS else lack.name,
        "becomes": becomes[:1].upper() + becomes[1:],
        "events": [("" if lack.kind == EVENTS else each.event, intcomma(each.rows)) for each in group.lacks[:CHIPS]],
        "more_events": _more_events(group.lacks[CHIPS:]),
        "on": str(number) in ticked if ticked is not None else was_created,
        "doubt": capfirst(translated(group.doubt)) if group.doubt else "",
        "meant": lack.meant,
        "classes": row.draw_field("class").options,
        "cls": row["class"].value(),
        "tags": text,
        "todo": "" if text.strip() or not tagged or lack.kind == EVENTS else _("No tag"),
        "error": " ".join(str(error) for error in row["tags"].errors),
        "tag_list": f"tags-of-{lack.kind}" if tagged and not closed else "",
        "tags_label": _("Tags for %(name)s") % {"name": lack.name},
        "no_tags": _no_tags(lack),
        "closed": closed,
    }


def _more_events(lacks: Sequence[Lack]) -> str:
    """The events beyond those that have a chip, with their rows; "" for none."""
    rows = sum(lack.rows for lack in lacks)
    text = ngettext("%(n)s more event, %(rows)s rows", "%(n)s more events, %(rows)s rows", len(lacks))
    return text % {"n": intcomma(len(lacks)), "rows": intcomma(rows)} if lacks else ""


def _no_tags(lack: Lack) -> str:
    """Why no tag can be given to a missing thing of this kind."""
    if lack.kind == OPTIONS and lack.event:
        return _("Options have the tag of their question")
    return _("Sessions have no tags") if lack.kind == SESSIONS else _("Profile Data has no tags")
