"""Live sources, the calls and pages that they brought, and the calls that were refused (docs/design/sources.md).

A secret's text is sealed in the table `secret` (kind "source", the source's id, the id of its `SourceSecret` as the field).
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.setup.models.configured_model import account_key
from heliograph.setup.name_fields import NAME_LENGTH, FoldedField, storable
from heliograph.store.instant_field import MicrosField


class CallKind(models.IntegerChoices):
    """How the JSON came."""

    CALL = 0
    PAGE = 1
    """A page of a list that was read."""
    RECORD = 2
    """Records that a program printed."""
    FILE = 3
    """A file of a watched folder. What it says stands in `headers`: file, job, words."""
    DELETIONS = 4
    """Items that were deleted at the source, as the reader noticed it. It is recorded when it is stored, and no mapping reads it."""


class Source(models.Model):
    """A live source: how it proves itself or is read, how its JSON becomes registrations, and where its reading stands."""

    account = account_key()
    name = models.CharField(max_length=NAME_LENGTH, validators=[storable])
    folded_name = FoldedField("name")
    platform = models.CharField(max_length=40)  # "webhook", "rest", "pretix" ..., or the key of a preset
    state = models.SmallIntegerField(
        choices=[(each.value, each.name.capitalize()) for each in SourceState], db_default=SourceState.DRAFT, default=SourceState.DRAFT
    )
    settings = models.TextField(db_default="{}", default="{}")  # JSON: its verification and handshake, or the description of its list
    mapping = models.TextField(db_default="{}", default="{}")  # JSON: how its calls become registrations
    version = models.IntegerField(db_default=1, default=1)  # counts the saves of settings and mapping
    path = models.CharField(max_length=40, db_default="", default="", blank=True)  # of its address /in/<path>; "" if it is not called
    cursor = models.TextField(db_default="{}", default="{}")  # JSON: where reading stands
    due_at = MicrosField(null=True, blank=True)  # when it is read next; null: not by itself
    asked_at = MicrosField(null=True, blank=True)  # when a person last asked for a reading
    last_call_at = MicrosField(null=True, blank=True)
    last_read_at = MicrosField(null=True, blank=True)
    failures = models.IntegerField(db_default=0, default=0)  # failed readings in a row
    failing_since = MicrosField(null=True, blank=True)
    failure = models.TextField(db_default="", default="", blank=True)  # JSON: why the last reading failed, "" if it did not
    created = MicrosField()
    created_by = models.CharField(max_length=60)
    changed = MicrosField()
    switched_on = MicrosField(null=True, blank=True)  # when it was first switched on
    paused = MicrosField(null=True, blank=True)
    paused_by = models.CharField(max_length=60, db_default="", default="", blank=True)
    deleted_at = MicrosField(null=True, blank=True)
    quiet_until = models.BigIntegerField(null=True, blank=True)  # its calls up to this id are recorded without flows (P9)

    reader_job = models.BigIntegerField(null=True, blank=True)  # the job that reads it, one for all of its readings
    gaps = models.IntegerField(null=True, blank=True)  # of the ledger, as it was counted last (S9)
    gaps_counted = MicrosField(null=True, blank=True)

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "source"
        ordering = ("folded_name",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "folded_name"),
                condition=Q(deleted_at__isnull=True),
                name="source_name_unique",
                violation_error_message=_("There is a source of this name already."),
            ),
            models.UniqueConstraint(fields=("path",), condition=~Q(path=""), name="source_path_unique"),
            models.CheckConstraint(condition=Q(state__in=[each.value for each in SourceState]), name="source_state_known"),
        )
        indexes = (models.Index(fields=("due_at",), condition=Q(deleted_at__isnull=True, due_at__isnull=False), name="source_due"),)

    def __str__(self) -> str:
        return self.name


class SourceSecret(models.Model):
    """One secret by which calls prove themselves. Two can be valid at once, so that a change of secrets loses no call."""

    account = account_key()
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    created = MicrosField()
    created_by = models.CharField(max_length=60)
    ends = MicrosField(null=True, blank=True)  # from then on it is not accepted
    used = MicrosField(null=True, blank=True)
    exposed_until = MicrosField(null=True, blank=True)  # until then a release before signed with it what strangers asked for

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "source_secret"


class SourceCall(models.Model):
    """A call that was taken, or a page that was read, as it came. It is stored before anything is made of it, and kept by retention."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    at = MicrosField()
    kind = models.SmallIntegerField(db_default=CallKind.CALL)
    sender_id = models.CharField(max_length=200, db_default="")  # the sender's own id, by which it is taken once; "" if it has none
    state = models.SmallIntegerField(db_default=CallState.STORED)
    headers = models.TextField(db_default="{}")  # JSON, without secrets
    body = models.BinaryField(null=True)  # compressed; null once retention or an erasure has removed it
    documents = models.IntegerField(db_default=0)  # registrations in it
    changed = models.IntegerField(db_default=0)  # of these, those that it changed
    refused = models.IntegerField(db_default=0)  # of these, those that could not be recorded
    problem = models.TextField(db_default="")  # JSON: why it waits, "" if it does not
    done_at = MicrosField(null=True, blank=True)
    source_version = models.IntegerField(db_default=0)  # of the settings and mapping by which it was recorded

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "source_call"
        constraints = (
            models.UniqueConstraint(fields=("source", "sender_id"), condition=~Q(sender_id=""), name="source_call_once"),
            models.CheckConstraint(condition=Q(state__in=[each.value for each in CallState]), name="source_call_state_known"),
        )
        indexes = (
            models.Index(fields=("source", "-at", "-id"), name="source_call_of_source"),
            models.Index(fields=("source", "id"), condition=Q(state=CallState.STORED), name="source_call_stored"),
            models.Index(fields=("source", "-id"), condition=Q(state=CallState.WAITING), name="source_call_waiting"),
            models.Index(fields=("at",), name="source_call_by_age"),
        )


class SourceRefusal(models.Model):
    """How often calls were refused in an hour, for one reason. What they brought is not kept."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    hour = MicrosField()  # its beginning
    reason = models.CharField(max_length=40)
    count = models.IntegerField()
    first_at = MicrosField()
    last_at = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "source_refusal"
        constraints = (models.UniqueConstraint(fields=("source", "hour", "reason"), name="source_refusal_once"),)


class SourceItem(models.Model):
    """What a reader knows of one item of a list: enough to tell a change from a repetition, and to notice that it was deleted."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=200)
    digest = models.BinaryField()  # of its content as it was read last
    modified = MicrosField(null=True)
    sweep = models.BigIntegerField(db_default=0)  # the newest sweep that saw it
    missing = models.SmallIntegerField(db_default=0)  # sweeps in a row that did not see it
    gone = models.SmallIntegerField(db_default=0)  # 1: its registrations were set inactive
    documents = models.TextField(db_default="[]")  # JSON: [event, code] of each registration that it became
    sessions = models.TextField(null=True)  # noqa: DJ001 -- JSON: [event, code, session] of each session registration that it became
    found_at = MicrosField(null=True)  # when a reading found a change of it that no doorbell has announced yet
    sent_modified = MicrosField(null=True)  # the earliest `modified` of those documents; null if no row of the mapping fills it

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "source_item"
        constraints = (models.UniqueConstraint(fields=("source", "key"), name="source_item_once"),)
        indexes = (models.Index(fields=("source", "missing"), condition=Q(missing__gt=0, gone=0), name="source_item_missing"),)


class SourceRegistration(models.Model):
    """A registration that a source has recorded."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+", db_index=False)
    registration_id = models.BigIntegerField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "source_registration"
        constraints = (models.UniqueConstraint(fields=("source", "registration_id"), name="source_registration_once"),)


class SourceRefusedRow(models.Model):
    """A row of a file of a watched folder that was refused, until a later row of the same registration is recorded; or a whole file."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+", db_index=False)
    at = MicrosField()
    job_id = models.BigIntegerField()  # the import; 0 if none could begin
    file = models.CharField(max_length=100)  # the file's name as pages show it
    kept_as = models.CharField(max_length=200)  # its name in the subfolder
    line = models.IntegerField()  # 0: the whole file
    event = models.CharField(max_length=200)  # the event's code, "" if the row names none
    code = models.CharField(max_length=200)  # the registration's, "" if the row names none
    sent_modified = MicrosField(null=True)  # `modified` of the row; null if it has none
    problem = models.TextField()  # JSON: the problems, without the values

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "source_refused_row"
        indexes = (models.Index(fields=("source", "event", "code"), name="source_refused_row_address"),)


class SourceRing(models.Model):
    """An item that doorbells announced and that is not read yet."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=200)
    at = MicrosField()  # of its last doorbell
    count = models.IntegerField()  # doorbells since it was read last

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "source_ring"
        constraints = (models.UniqueConstraint(fields=("source", "key"), name="source_ring_once"),)


class SourceChanges(models.Model):
    """How many changes a source that is read brought in an hour: announced by a doorbell, or found by reading alone."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = MicrosField()  # its beginning
    announced = models.IntegerField()
    unannounced = models.IntegerField()
    first_unannounced = MicrosField(null=True)
    last_unannounced = MicrosField(null=True)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "source_changes"
        constraints = (models.UniqueConstraint(fields=("source", "hour"), name="source_changes_once"),)
