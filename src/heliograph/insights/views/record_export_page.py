"""Starting an export of a list of records, its progress and its file (X3)."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs, require
from heliograph.insights import record_export
from heliograph.insights.export_request import ExportRequest
from heliograph.insights.record_export import CsvForm, TooManyExports
from heliograph.insights.record_kinds import RecordKind
from heliograph.insights.views.insights_frame import Frame
from heliograph.insights.views.records_page import RecordFilters
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.page import JobPage, Sum
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import Form, member_of
from heliograph.web.toasts import say


class ExportForm(Form):
    """The kind of CSV."""

    form = TextLine()


@require_POST
@needs(Role.PLANNER)
def export(request: AccountRequest, kind: str) -> HttpResponse:
    """Starts the job that exports a list, and redirects to its progress."""
    known = member_of(RecordKind, kind, None)
    if known is None:
        raise Http404
    frame, filters = Frame.from_request(request, request.GET.get("integration", "")), RecordFilters(request, known)
    list_url = filters.address(reverse("records", args=(known.value,)))
    if refusal := frame.refusal() or filters.refuse_unread(list_url):
        return refusal
    record_filter, given = filters.record_filter(frame), ExportForm(request.POST)
    form = member_of(CsvForm, given.cleaned_data["form"] if given.is_valid() else "", CsvForm.SPREADSHEETS)
    zone, language = timezone.get_current_timezone_name(), get_language() or "en"
    try:
        export_request = ExportRequest.read(request.account.pk, record_filter, filters.order, frame)
        job = export_request.start(form, by=request.user.actor, zone=zone, language=language)
    except TooManyExports as error:
        say(request, translated(error))
        return HttpResponseRedirect(list_url)
    return HttpResponseRedirect(reverse("job", args=(job.pk,)))


@require_safe
def download(request: AccountRequest, id: int) -> HttpResponseBase:
    """The file of a finished export."""
    require(request.user, Role.PLANNER)
    job, path = record_export.finished(request.account.pk, id)
    name = record_export.file_name(job)
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


def job_page(job: Job) -> JobPage:
    """The contents of the job's page."""
    name, back, rows = str(job.parameters["name"]), str(job.parameters["back"]), int(job.counts.get("rows", 0))
    there = job.state == JobState.DONE and record_export.file_of(job).is_file()
    forms = {CsvForm.SPREADSHEETS: _("For spreadsheets"), CsvForm.EXACT: _("Exact")}
    links = [(_("Download the CSV"), reverse("records-download", args=(job.pk,)), "primary")] if there else []
    return JobPage(
        heading=_("Export of %(list)s") % {"list": name},
        lead=" ".join(
            part
            for part in (_("CSV: %(form)s.") % {"form": forms[CsvForm(job.parameters["form"])]}, str(job.parameters.get("kept", "")))
            if part
        ),
        crumbs=[(name, back)],
        label=_("Exporting"),
        sums=[Sum(ngettext("Record", "Records", rows), rows, total=True)],
        links=[*links, (_("Back to the list"), back, "" if there else "primary")],
        note=_("The file is kept for a week.") if there else _("The file is no longer stored. Export the list again."),
        stop_note=_("You can download it once it is done."),
        in_signal=True,
    )
