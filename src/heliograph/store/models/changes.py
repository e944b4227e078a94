"""Recorded changes, what they contain, and what flows decided about them (docs/design/recording.md)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField


class Change(models.Model):
    """A recorded change. Only `processed`, and `mode` when reconsidered, are ever updated. Its content is in `change_content`."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    kind = models.SmallIntegerField()  # domain.registration.change.SubjectKind
    subject_id = models.BigIntegerField()
    registration_id = models.BigIntegerField(null=True)  # of a registration or session registration
    session_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    version = models.BigIntegerField()
    facets = models.SmallIntegerField()
    mode = models.SmallIntegerField()  # 1 live, 2 test (F3)
    processed = models.BooleanField(default=False)  # a flow's run was triggered or not triggered
    quiet = models.BooleanField(default=False)
    at = MicrosField()
    by = models.CharField(max_length=60)  # user:7, token:3, import:12, demo ...
    account_version = models.BigIntegerField()  # configuration in force (F9)
    event_version = models.BigIntegerField()
    traceparent = models.CharField(max_length=55, null=True)  # noqa: DJ001 -- of its door, if traces are on (engine.tracer)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "change"
        constraints = (models.UniqueConstraint(fields=("subject_id", "version"), name="change_version_unique"),)
        indexes = (
            models.Index(fields=("account_id", "at", "id"), name="change_at"),
            models.Index(fields=("registration_id", "id"), name="change_of_registration"),
            models.Index(fields=("account_id", "at", "id"), name="change_of_tests", condition=Q(mode=2)),
        )


class ChangeContent(models.Model):
    """What a change contains: the state after it and the old values of what changed (X6). Partitioned by its time on PostgreSQL."""

    change_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    at = MicrosField()
    after = models.TextField()
    before = models.TextField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "change_content"
        managed = False


class Run(models.Model):
    """The decision of one flow that evaluated a change: triggered, or not triggered with a reason (F7). Filtered runs are not stored."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    change_id = models.BigIntegerField()
    flow_id = models.BigIntegerField()
    flow_number = models.IntegerField()
    decision = models.SmallIntegerField()
    reason = models.CharField(max_length=40, default="")  # domain.flow.decision.Reason
    mode = models.SmallIntegerField()
    at = MicrosField()  # of the first decision (X2)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "run"
        indexes = (
            models.Index(fields=("account_id", "at", "id"), name="run_at"),
            models.Index(fields=("change_id",), name="run_of_change"),
            models.Index(fields=("flow_id", "at"), name="run_of_flow"),
            models.Index(fields=("account_id", "mode", "at", "id"), name="run_not_triggered", condition=Q(decision=1)),
        )


class StuckRun(models.Model):
    """A run that waits for a tag (F7), or whose decision raised an exception: a Retry item that is judged again."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    run_id = models.BigIntegerField(unique=True)
    change_id = models.BigIntegerField()
    flow_id = models.BigIntegerField()
    registration_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    mode = models.SmallIntegerField()
    queue = models.SmallIntegerField(default=1)  # 1 Retry, 2 Error, 3 Failed, 4 Done
    category = models.SmallIntegerField()
    tries = models.SmallIntegerField(default=0)
    due_at = MicrosField(null=True)  # null: not by time, but when something is saved that may cure it
    cause = models.CharField(max_length=60)
    message = models.CharField(max_length=500, default="")
    created = MicrosField()
    ended = MicrosField(null=True)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "stuck_run"
        indexes = (
            models.Index(fields=("account_id", "due_at"), name="stuck_run_due", condition=Q(queue__lt=3)),
            models.Index(fields=("account_id", "queue", "id"), name="stuck_run_queue"),
            models.Index(fields=("change_id",), name="stuck_run_of_change"),
            models.Index(fields=("account_id", "mode", "created", "id"), name="stuck_run_open", condition=Q(queue__lt=4)),
            models.Index(fields=("account_id", "ended"), name="stuck_run_ended", condition=Q(ended__isnull=False)),
        )


class SavedCure(models.Model):
    """A saved fix that runs waiting for a tag are compared with, in steps (D7): tagged objects, or a flow that may decide differently now. The worker
    deletes it after the last run."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    flow_id = models.BigIntegerField(null=True)  # only runs of this flow; null: of all flows
    objects_tagged = models.TextField()  # JSON: [["registration", "status", 12], ...]; [] for every run
    reached = models.BigIntegerField(db_default=0)  # the last run that was compared
    created = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "saved_cure"
        indexes = (models.Index(fields=("account_id", "id"), name="saved_cure_of_account"),)
