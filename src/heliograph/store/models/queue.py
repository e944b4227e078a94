"""What has to be delivered, in which order, by whom, and each attempt (docs/design/queue.md)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField


class Lane(models.Model):
    """One destination × one subject: the unit of ordering (D2). What is in flight is in its owner's memory."""

    id = models.BigAutoField(primary_key=True)
    destination_id = models.BigIntegerField()
    subject_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    slot = models.SmallIntegerField()
    state = models.SmallIntegerField()
    rank = models.SmallIntegerField()
    pos = models.BigIntegerField()
    due_at = MicrosField(null=True)
    begun_version = models.BigIntegerField(db_default=0)
    marks = models.SmallIntegerField(db_default=0)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "lane"
        constraints = (models.UniqueConstraint(fields=("destination_id", "subject_id"), name="lane_unique"),)
        indexes = (
            models.Index(fields=("connection_id", "rank", "pos"), name="lane_ready", condition=Q(state=1)),
            models.Index(fields=("connection_id", "due_at"), name="lane_due", condition=Q(state=2)),
        )


class Action(models.Model):
    """One triggered run × one destination: what has to be delivered (D1). `uid` is the stable webhook-id."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    uid = models.CharField(max_length=40)
    lane_id = models.BigIntegerField()
    run_id = models.BigIntegerField(null=True)
    change_id = models.BigIntegerField()
    registration_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    flow_id = models.BigIntegerField()
    destination_id = models.BigIntegerField()
    mode = models.SmallIntegerField()
    version = models.BigIntegerField()
    rank = models.SmallIntegerField()
    state = models.SmallIntegerField(db_default=1)  # ActionState
    origin = models.SmallIntegerField(db_default=0)  # Origin
    queue = models.SmallIntegerField(db_default=0)  # 0 never in the Retry Queue, 1 Retry, 2 Error, 3 Failed, 4 Done (D6)
    due_at = MicrosField(null=True)  # null = due; not now(), which PostgreSQL takes before the wait for locks
    tries = models.SmallIntegerField(db_default=0)  # of the automatic budget: the first attempt and its retries (D5)
    looks = models.SmallIntegerField(db_default=0)  # times that it could not start (D5)
    sent = models.IntegerField(db_default=0)  # attempts of any kind
    category = models.SmallIntegerField(null=True)  # of the last failure
    cause = models.CharField(max_length=60, db_default="")
    message = models.CharField(max_length=500, db_default="")
    lead = models.SmallIntegerField(db_default=0)  # 1 created, 2 updated, as reported by the target (C7); 0: not reported
    repeated_id = models.BigIntegerField(null=True)  # the action that a resend, sync now or replay repeats (D1)
    as_of = models.BigIntegerField(null=True)  # the account's version whose mappings the next try by hand uses (D8); null: today's
    created = MicrosField()
    ended = MicrosField(null=True)
    connection_id = models.BigIntegerField(null=True)  # of its last attempt; never sent: of its lane. null: made by an older release (X2a)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "action"
        indexes = (
            models.Index(fields=("lane_id", "version"), name="action_open", condition=Q(state__lt=10)),
            models.Index(fields=("id",), name="action_replay_open", condition=Q(origin=2, state=1)),
            models.Index(fields=("account_id", "queue", "id"), name="action_queue", condition=Q(queue__gt=0)),
            models.Index(fields=("account_id", "created", "id"), name="action_created"),
            models.Index(fields=("change_id",), name="action_of_change"),
            models.Index(fields=("flow_id", "state", "mode", "created", "id"), name="action_of_flow"),
            # Lists of the few among very many: none of these is written when a Live action is delivered.
            models.Index(fields=("account_id", "mode", "created", "id"), name="action_failed", condition=Q(state__in=(2, 11, 12))),
            models.Index(fields=("account_id", "created", "id"), name="action_of_tests", condition=Q(mode=2)),
            models.Index(fields=("account_id", "created", "id"), name="action_of_replays", condition=Q(origin=2)),
            models.Index(fields=("account_id", "ended", "id"), name="action_ended", condition=Q(ended__isnull=False)),
            models.Index(fields=("account_id", "created", "id"), name="action_lead", condition=Q(lead__gt=0)),
            models.Index(fields=("account_id", "ended"), name="action_done", condition=Q(queue=4)),
        )


class Attempt(models.Model):
    """One attempt to deliver an action, whether or not a request was sent. Request and response are in `attempt_content`."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    action_id = models.BigIntegerField()
    n = models.IntegerField()
    kind = models.SmallIntegerField()  # 1 first, 2 auto, 3 manual
    at = MicrosField()
    took = models.IntegerField()  # microseconds
    state = models.SmallIntegerField()  # the action's state afterwards
    category = models.SmallIntegerField(null=True)
    status = models.SmallIntegerField(null=True)  # of the response
    message = models.CharField(max_length=500, default="")
    flow_id = models.BigIntegerField()
    connection_id = models.BigIntegerField()
    versions = models.CharField(max_length=80, default="")  # that were used: flow, connection, payload mapping, header mapping (F10)
    cause = models.CharField(max_length=60, null=True)  # noqa: DJ001 -- a column that is not null would copy the table on SQLite

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "attempt"
        constraints = (models.UniqueConstraint(fields=("action_id", "n"), name="attempt_n_unique"),)
        indexes = (
            models.Index(fields=("account_id", "at", "id"), name="attempt_at"),
            models.Index(fields=("connection_id", "at"), name="attempt_of_connection"),
            models.Index(fields=("account_id", "at", "id"), name="attempt_not_first", condition=Q(kind__gt=1) | Q(state__in=(11, 12))),
        )


class AttemptContent(models.Model):
    """Request and response of an attempt, secrets masked. Partitioned by its time on PostgreSQL."""

    action_id = models.BigIntegerField(primary_key=True)
    n = models.IntegerField()
    account_id = models.BigIntegerField()
    at = MicrosField()
    request = models.TextField()  # JSON: method, url (masked), headers, body
    response = models.TextField()  # JSON: status, headers, body, timings, address

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "attempt_content"
        managed = False


class Slot(models.Model):
    """One 64th of all connections, owned by one worker at a time (docs/design/queue.md, section 3)."""

    id = models.SmallIntegerField(primary_key=True)
    owner = models.CharField(max_length=36, null=True)  # noqa: DJ001 -- null means: nobody
    epoch = models.BigIntegerField(db_default=0)
    until = models.BigIntegerField(db_default=0)  # microseconds, the database's clock

    class Meta:
        db_table = "slot"


class WorkerRow(models.Model):
    """A worker that is alive until `until`."""

    id = models.CharField(max_length=36, primary_key=True)
    until = models.BigIntegerField()
    said = models.TextField(db_default="")  # its own status as JSON, for `heliograph status`

    class Meta:
        db_table = "worker"
