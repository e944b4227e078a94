"""One job of the account: its page, cancelling it and trying it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may, require
from heliograph.administration.job_operations import JobOperation, find, operate
from heliograph.insights import record_export as export_jobs
from heliograph.insights.views import record_export_page
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.page import JobPage, context
from heliograph.registrations import bulk_change as bulk_jobs
from heliograph.registrations.imports.preparation import KIND as IMPORT
from heliograph.registrations.views import bulk, import_words
from heliograph.sources import source_removal
from heliograph.sources.views import removal_page
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import Form
from heliograph.web.pages import asks_for_part, page
from heliograph.web.toasts import say

PAGES: Mapping[str, Callable[[Job], JobPage]] = {
    bulk_jobs.KIND: bulk.job_page,
    source_removal.KIND: removal_page.job_page,
    IMPORT: import_words.job_page,
    export_jobs.KIND: record_export_page.job_page,
}


class JobForm(Form):
    """The buttons of the page."""

    do = TextLine()
    """The pressed button: "again", or "" for cancelling."""


@require_http_methods(["GET", "HEAD", "POST"])
def job(request: AccountRequest, id: int) -> HttpResponse:
    """The progress of a job. The page refreshes its middle part every two seconds, and reloads once the job has ended."""
    row = find(request.account, id)
    if row.kind not in PAGES:
        raise Http404
    if request.method == "POST":
        require(request.user, Role.PLANNER)
        form = JobForm(request.POST)
        operation = JobOperation.RESUME if form.is_valid() and form.cleaned_data["do"] == "again" else JobOperation.CANCEL
        try:
            operate(request.account, id, operation)
        except control.NotPossible as error:
            say(request, translated(error))
        return HttpResponseRedirect(request.path)
    if asks_for_part(request) and row.state not in (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING):
        return HttpResponseClientRefresh()
    described = PAGES[row.kind](row)
    progress_context = context(row, described, request.path, may_act=may(request.user, Role.PLANNER))
    if described.in_signal:
        return page(request, "job.html", frame="metrics.html", here="insights", **progress_context)
    return page(request, "job.html", frame="platform.html", section="registrations", here="registrations", **progress_context)
