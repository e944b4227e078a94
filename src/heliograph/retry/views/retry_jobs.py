"""Jobs of the Retry Queue: the page of a job over many items, and the pages of a download (P10)."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from heliograph.accounts.languages import translated
from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs, require
from heliograph.deliveries.account_reader import account_reader
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.page import JobPage, Sum, context
from heliograph.retry import downloads, submit_job
from heliograph.retry.downloads import FailedRows
from heliograph.retry.queue_operations import submit_download as submit_rows
from heliograph.retry.retry_filter_words import filter_words
from heliograph.retry.retry_items import RetryFilter, downloadable
from heliograph.retry.retry_queue import RetryQueue
from heliograph.retry.views.group_rows import download_words
from heliograph.retry.views.item_operations import say_submitted
from heliograph.retry.views.retry_filters import RetryFilters
from heliograph.store.django_database import of_django
from heliograph.web.form_fields import Choices, Radios, TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.list_count import ListCount
from heliograph.web.pages import asks_for_part, page
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import moment, short_moment
from heliograph.web.toasts import say

SHEETS, PROGRAMS = "sheets", "programs"
SHOWN: Final = 5
"""The number of a finished file's rows on its page."""
GOING: Final = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)
NAMES: Final = {
    "registration": gettext_lazy("Registration"),
    "name": gettext_lazy("Name"),
    "email": gettext_lazy("E-mail"),
    "event": gettext_lazy("Event"),
    "flow": gettext_lazy("Flow"),
    "connection": gettext_lazy("Connection"),
    "status": gettext_lazy("Status"),
    "category": gettext_lazy("Category"),
    "reason": gettext_lazy("Reason"),
    "http_status": gettext_lazy("Status of the answer"),
    "target_said": gettext_lazy("What the target said"),
    "answer": gettext_lazy("The whole answer"),
    "retries": gettext_lazy("Retries"),
    "first_tried": gettext_lazy("First tried"),
    "last_tried": gettext_lazy("Last tried"),
    "next_try": gettext_lazy("Next try"),
    "webhook_id": gettext_lazy("Action"),
    "request_body": gettext_lazy("What was sent"),
}
"""The columns of a file as pages call them."""
FEW: Final = ("registration", "name", "connection", "reason", "target_said")
"""The columns of the first rows on the page."""


class JobOperationForm(Form):
    """The button that was pressed on a job's page: pause, again (resume) or stop (cancel)."""

    do = TextLine()


class DownloadForm(Form):
    """The kind of file and its columns."""

    made_for = Radios(
        gettext_lazy("Made for"),
        options=[
            Choice(
                SHEETS,
                gettext_lazy("Spreadsheets"),
                sub=gettext_lazy("CSV that opens in columns; a cell that begins with =, +, - or @ is made text"),
            ),
            Choice(PROGRAMS, gettext_lazy("Programs"), sub=gettext_lazy("CSV in UTF-8, each cell exactly as it is stored")),
        ],
    )
    column = Choices(gettext_lazy("Columns"), options=[Choice(name, label) for name, label in NAMES.items()], extra="in-columns")

    def clean_column(self) -> tuple[str, ...]:
        """The chosen columns; at least one."""
        if not self.cleaned_data["column"]:
            raise ValidationError(_("Choose at least one column."))
        chosen: tuple[str, ...] = self.cleaned_data["column"]
        return chosen


def _job(request: AccountRequest, id: int, kind: str) -> Job:
    row = control.find(id, request.account.pk)
    if row.kind != kind:
        raise Http404
    return row


def _act(request: AccountRequest, job: Job) -> None:
    """Pauses, resumes or cancels a job, by the pressed button."""
    operation = JobOperationForm(request.POST).posted.get("do")
    does = {"pause": control.pause, "again": control.resume, "stop": control.cancel}.get(str(operation))
    try:
        if does is not None:
            does(job.pk, request.account.pk)
    except control.NotPossible as error:
        say(request, translated(error))


# --- a job over many items


@require_http_methods(["GET", "HEAD", "POST"])
def job(request: AccountRequest, id: int) -> HttpResponse:
    """The progress of a job that submits or discards many items. The page refreshes itself."""
    row = _job(request, id, submit_job.KIND)
    if request.method == "POST":
        require(request.user, Role.PLANNER)
        _act(request, row)
        return HttpResponseRedirect(request.path)
    if asks_for_part(request) and row.state not in GOING:
        return HttpResponseClientRefresh()
    job_context = context(row, _job_page(request, row), request.path, may_act=may(request.user, Role.PLANNER), pausable=True)
    return page(request, "job.html", frame="signal.html", here="retry", **job_context)


def _job_page(request: AccountRequest, row: Job) -> JobPage:
    counts, total = row.counts, int(row.parameters["total"])
    if row.parameters["wanted"] is None:
        lead = _("Exactly the rows of a download.")
    else:
        with account_reader(request.account.pk) as reader:
            lead = filter_words(RetryFilter.from_json(row.parameters["wanted"]), reader) + "."
    discards = row.parameters["deed"] == "discard"
    reasons = sorted(row.result.get("reasons", {}).items(), key=lambda pair: -pair[1])
    done = _("Discarded: they are Failed, and are not sent") if discards else _("Sent next on their connection")
    sums = [Sum(done, int(counts.get("done", 0)))]
    sums += [Sum(_("Left out"), int(n), _(reason)) for reason, n in reasons]
    if discards and counts.get("left"):
        sums.append(Sum(_("Left out"), int(counts["left"]), _("It was no longer waiting")))
    gone = total - int(row.done)
    if row.state == JobState.DONE and gone > 0:
        sums.append(Sum(_("Changed in the meantime"), gone, _("Sent or deleted before its turn")))
    sums.append(Sum(_("Items"), total, total=True))
    heading = (_("Items are discarded") if row.is_over else _("Discarding items")) if discards else _("Submit to Retry Queue")
    return JobPage(
        heading=heading,
        lead=lead,
        crumbs=[(_("Retry"), reverse("retry"))],
        label=heading,
        sums=sums,
        links=[(_("Back to Retry"), reverse("retry"), "primary"), (_("Watch them"), reverse("feed"), "")],
        stop_note=_("Changes made so far stay."),
    )


# --- a download


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def new_download(request: AccountRequest) -> HttpResponse:
    """The form for the kind of file and its columns; it starts the download."""
    filters = RetryFilters(request)
    back = filters.address(reverse("retry"))
    if refusal := filters.refuse_unread(back):
        return refusal
    form = DownloadForm(posted(request), initial={"made_for": SHEETS, "column": [name for name in NAMES if name not in downloads.UNASKED]})
    if form.is_valid():
        exact, columns = form.cleaned_data["made_for"] == PROGRAMS, form.cleaned_data["column"]
        try:
            rows = FailedRows.read(request.account.pk, filters.retry_filter)
            begun = downloads.start(rows, columns, exact=exact, by=request.user.actor)
        except downloads.NothingFailed as error:
            say(request, translated(error))
            return HttpResponseRedirect(back)
        return HttpResponseRedirect(reverse("retry-download-ready", args=(begun.pk,)))
    retry_filter = downloadable(filters.retry_filter)
    with account_reader(request.account.pk) as reader:
        count = RetryQueue(reader).count(retry_filter) if retry_filter else ListCount()
        text = filter_words(retry_filter, reader) if retry_filter else ""
        if retry_filter is None or count.is_none:
            say(request, _("Nothing that waits for a retry or has failed matches the filters. Change one of them."))
            return HttpResponseRedirect(back)
    return page(
        request,
        "retry/download.html",
        here="retry",
        status=form.status,
        heading=download_words(count),
        lead=text,
        fields=form.draw_fields(),
        back=back,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.PLANNER)
def download(request: AccountRequest, id: int) -> HttpResponse:
    """The progress of a download; then the file, with a button that submits exactly its rows."""
    row = _job(request, id, downloads.KIND)
    if request.method == "POST":
        _act(request, row)
        return HttpResponseRedirect(request.path)
    if asks_for_part(request) and row.state not in GOING:
        return HttpResponseClientRefresh()
    with account_reader(request.account.pk) as reader:
        text = filter_words(RetryFilter.from_json(row.parameters["wanted"]), reader)
    if row.state != JobState.DONE:
        job_context = context(row, _download_page(row, text), request.path, may_act=True, pausable=True)
        return page(request, "job.html", frame="signal.html", here="retry", **job_context)
    return page(request, "retry/download_ready.html", here="retry", **_ready(request, row, text))


def _download_page(row: Job, text: str) -> JobPage:
    return JobPage(
        heading=_("Download rows"),
        lead=f"{text}.",
        crumbs=[(_("Retry"), reverse("retry"))],
        label=_("Making the file"),
        sums=[Sum(_("Rows"), int(row.done))],
        links=[(_("Back to Retry"), reverse("retry"), "primary")],
    )


def _ready(request: AccountRequest, row: Job, text: str) -> dict[str, Any]:
    is_kept, count = downloads.is_kept(row), int(row.done)
    db = of_django(connection)
    still = downloads.still_failed(db, request.account.pk, row.pk) if is_kept else 0
    number = {"n": intcomma(count), "still": intcomma(still)}
    if not is_kept:
        note = ""
    elif not still:
        note = _("None of them needs to be sent any more.")
    elif still == count:
        note = _("All %(n)s are still failed or waiting.") % number
    else:
        note = _("%(still)s of %(n)s are still failed or waiting; the others are left out.") % number
    columns = [name for name in FEW if name in row.parameters["columns"]] or list(row.parameters["columns"][:5])
    at = [row.parameters["columns"].index(name) for name in columns]
    who = names_of_users(request.account.pk, [row.created_by]).get(row.created_by, "")
    made = moment(row.finished)
    return {
        "heading": ngettext("%(n)s row", "%(n)s rows", count) % number,
        "facts": [
            (_("Filter"), text),
            (_("Made"), _("%(time)s, by %(name)s") % {"time": made, "name": who} if who else made),
            (_("Made for"), _("Programs") if row.parameters["exact"] else _("Spreadsheets")),
        ],
        "file": downloads.file_name(row),
        "file_href": reverse("retry-download-file", args=(row.pk,)) if is_kept else "",
        "kept": _("Kept until %(time)s.") % {"time": short_moment(row.created + downloads.KEPT)}
        if is_kept
        else _("The file is no longer stored: it was kept for a day."),
        "again": ngettext("Submit this one to Retry Queue", "Submit these %(n)s to Retry Queue", still) % {"n": intcomma(still)}
        if still
        else "",
        "again_note": note,
        "again_href": reverse("retry-download-again", args=(row.pk,)),
        "heads": [NAMES[name] for name in columns],
        "rows": [[cells[i] for i in at] for cells in downloads.first_rows(db, row, SHOWN)] if is_kept else [],
    }


@require_safe
def download_file(request: AccountRequest, id: int) -> HttpResponseBase:
    """The file itself."""
    require(request.user, Role.PLANNER)
    row = downloads.finished(request.account.pk, id)
    lines = downloads.file_lines(of_django(connections["read"]), row)
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{downloads.file_name(row)}"'
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@needs(Role.PLANNER)
def submit_download(request: AccountRequest, id: int) -> HttpResponse:
    """Submits exactly the items of a download, even if the filter would match others by now."""
    result = submit_rows(request.account.pk, id, by=request.user.actor)
    if isinstance(result, Job):
        return HttpResponseRedirect(reverse("retry-job", args=(result.pk,)))
    say_submitted(request, result)
    return HttpResponseRedirect(reverse("retry-download-ready", args=(id,)))
