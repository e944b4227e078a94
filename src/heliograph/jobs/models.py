"""One row per piece of long work (ARCHITECTURE.md, rule 6; docs/design/processes.md, section 4)."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.domain.sentence_template import body_of, stored_sentence


class JobState(models.TextChoices):
    """The state of a job.

        queued -> running -> done | failed
                  running <-> paused
                  running -> cancelling -> cancelled

    A failed or paused job continues from its cursor when it is resumed.
    """

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    CANCELLING = "cancelling", _("Stopping")
    CANCELLED = "cancelled", _("Stopped")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


ENDED = frozenset({JobState.CANCELLED, JobState.DONE})
_ERROR_SENTENCE: Final = "error_sentence"
"""The member of `Job.result` with the template and the values of `Job.error`."""


class Job(models.Model):
    """A piece of long work: its parameters, its progress, and who runs it.

    `cursor` is what its kind needs to continue, saved in the same transaction as the work. `owner` runs it while its `heartbeat` is fresh
    (`jobs.control.LEASE`) and its process lives (`jobs.owners`); a paused or cancelling job keeps its owner until the owner releases it. A running
    job without an owner waits for its next turn.
    """

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    cursor = models.JSONField(default=dict)
    phase = models.CharField(max_length=40, default="", blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)  # null: not known yet
    rate = models.FloatField(null=True)  # rows per second, smoothed
    counts = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(default="", blank=True)
    created_by = models.CharField(max_length=60)  # user:7, cli ...
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    owner = models.CharField(max_length=60, default="", blank=True)
    heartbeat = models.DateTimeField(null=True)
    rows = models.BigIntegerField(
        default=0, db_default=0
    )  # rows that it has left for people since its last pause of a day: lines of a dry run, rows of a file
    is_paced = models.BooleanField(default=False, db_default=False)  # True if it mostly waits; such jobs have a queue of their own

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("account", "-id"), name="job_of_account"),
            models.Index(fields=("id",), name="job_open", condition=~Q(state__in=("done", "failed", "cancelled"))),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def error_sentence(self) -> str:
        """Its error, which pages translate; "" for none. That of an earlier release is a plain text."""
        return stored_sentence(self.error, self.result.get(_ERROR_SENTENCE))

    def set_error(self, error: str) -> None:
        """Sets `error`, and in `result` what pages need to translate it.

        error: in English, a Sentence if it has values; "" for none
        """
        body = body_of(error)
        self.error = str(error)
        self.result = {name: value for name, value in self.result.items() if name != _ERROR_SENTENCE}
        self.result |= {} if body is None else {_ERROR_SENTENCE: body}

    @property
    def is_over(self) -> bool:
        """True if nothing more will happen to it."""
        return self.state in ENDED

    @property
    def is_waiting(self) -> bool:
        """True if it waits in the queue of jobs: it has not begun, or is between two turns."""
        return self.state == JobState.QUEUED or (self.state == JobState.RUNNING and not self.owner)

    @property
    def time_left(self) -> timedelta | None:
        """The time left at the current rate; None if the total or the rate is not known, or no runner has it."""
        if self.state != JobState.RUNNING or self.is_waiting or self.total is None or not self.rate:
            return None
        return timedelta(seconds=round(max(self.total - self.done, 0) / self.rate))
