"""The contents of a job's page (components/job.html): progress, results, and refused rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.languages import translated
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState


@dataclass(frozen=True, slots=True)
class Sum:
    """One number of a job's results."""

    name: str
    number: int
    sub: str = ""
    href: str = ""
    tone: str = ""
    total: bool = False
    """True for the sum below the others."""

    @property
    def text(self) -> str:
        """The number as pages show it."""
        return intcomma(self.number)


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """A cell of the table of refused rows."""

    head: str
    text: str
    href: str = ""
    more: tuple[str, str] = ("", "")
    """(heading, text) of what opens below the text; two empty texts for nothing."""


@dataclass(frozen=True, slots=True)
class RefusedRows:
    """The table of refused rows."""

    title: str
    text: str
    heads: Sequence[str]
    rows: Sequence[Sequence[RefusedCell]]
    download: str = ""
    """The URL of all of them as a file."""
    download_text: str = ""
    kinds: Sequence[tuple[str, str, str, bool]] = ()
    """(words, number, URL, whether it is open) of the links that show the rows of one reason, or of all."""


@dataclass(frozen=True, slots=True)
class JobPage:
    """The parts of a job's page that depend on the kind of job."""

    heading: str
    lead: str
    crumbs: Sequence[tuple[str, str]]
    label: str
    """The label of the progress bar."""
    sums: Sequence[Sum]
    sent: Sequence[Sum] = ()
    """What became of the deliveries that an ended job caused."""
    refused: RefusedRows | None = None
    links: Sequence[tuple[str, str, str]] = ()
    """(label, URL, class) of the links once the job has ended."""
    note: str = ""
    stop_note: str = ""
    steps: Sequence[tuple[str, str]] = ()
    is_dry: bool = False
    """True for a dry run: its numbers say what would happen."""
    in_signal: bool = False
    """True if the job was started in Signal; its page is then a page of Signal."""


def context(job: Job, job_page: JobPage, poll: str, *, may_act: bool, pausable: bool = False) -> dict[str, Any]:
    """The context of components/job.html.

    pausable: True if people may pause the job, not only stop it
    """
    going = job.state in (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)
    ended = job.is_over
    progress = None
    if going:
        total = max(int(job.total or 0), 1)
        progress = {
            "label": job_page.label,
            "text": how_far(job),
            "done": min(100, job.done * 100 // total) if job.total else 0,
            "note": _("You can leave this page. It continues, even after a restart."),
            "poll": poll,
        }
    lead = job_page.lead
    if job.state == JobState.CANCELLED:
        lead = f"{lead} {_('Stopped before the end.')}"
    elif job.state == JobState.PAUSED:
        lead = f"{lead} {_('Paused at %(progress)s.') % {'progress': progress_text(job.done, job.total, None)}}"
    return {
        "heading": job_page.heading,
        "lead": lead,
        "crumbs": job_page.crumbs,
        "steps": job_page.steps,
        "at": len(job_page.steps) - 1 if going else len(job_page.steps),
        "progress": progress,
        "failed": (error_text(job) or _("The job stopped.")) if job.state == JobState.FAILED else "",
        "sums_title": (_("What would happen") if job_page.is_dry else _("What happened")) if ended else _("So far"),
        "sums": job_page.sums if job.state != JobState.QUEUED else [],
        "sent": job_page.sent,
        "refused": job_page.refused,
        "stop": may_act and not ended and job.state != JobState.CANCELLING,
        "pause": pausable and may_act and job.state in (JobState.QUEUED, JobState.RUNNING),
        "paused": job.state == JobState.PAUSED,
        "again": may_act and job.state in (JobState.FAILED, JobState.PAUSED),
        "links": job_page.links if ended else [],
        "note": job_page.note if ended else job_page.stop_note,
    }


def error_text(job: Job) -> str:
    """Why the job has failed, or waits again, in the active language; "" if it has no error."""
    return translated(job.error_sentence) if job.error else ""


def how_far(job: Job) -> str:
    """How far a job is, and where it is in the queue while it waits.

    1,950 of 4,812, about 1 minute left
    3 jobs of this account go first.
    1,950 of 4,812. 3 jobs of this account go first.
    """
    if not job.is_waiting:
        return progress_text(job.done, job.total, job.time_left)
    return after_progress(progress_text(job.done, job.total, None) if job.done else "", job)


def after_progress(progress: str, job: Job) -> str:
    """The place of a waiting job in the queue, after its progress in the words of its page.

    progress: "" if it has none
    """
    place = queue_place(job)
    return f"{progress}. {place}" if progress else place


def queue_place(job: Job) -> str:
    """Where a waiting job is in the queue: "3 jobs of this account go first. Accounts take turns." If an error has put it back, that error."""
    if job.error:
        return error_text(job)
    place = control.place(job)
    if place.ahead:
        text = ngettext("%(n)s job of this account goes first.", "%(n)s jobs of this account go first.", place.ahead) % {"n": place.ahead}
    elif not place.others:
        return _("It continues in a moment.") if job.started else _("It starts in a moment.")
    else:
        text = _("It is next in this account.")
    return f"{text} {_('Accounts take turns.')}" if place.others else text


def progress_text(done: int, total: int | None, left: timedelta | None) -> str:
    """ "1,950 of 4,812, about 1 minute left"."""
    text = _("%(n)s of %(of)s") % {"n": intcomma(done), "of": intcomma(total)} if total else intcomma(done)
    if left is None:
        return text
    return _("%(done)s, about %(time)s left") % {"done": text, "time": length_text(left)}


def length_text(length: timedelta) -> str:
    """ "15 seconds", from a minute on in whole minutes, from two hours on in hours."""
    seconds = max(1, round(length.total_seconds()))
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if hours >= 2:
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    if seconds >= 60:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
