"""Replays and the lines of their dry runs (Y1). They name changes and contain nothing of their content (X6)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField

REASON_LENGTH = 300
PROBLEM_LENGTH = 200


class Replay(models.Model):
    """A replay: the job of its dry run, and the job that sends the chosen lines."""

    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="+")
    flow_id = models.BigIntegerField()
    flow_name = models.CharField(max_length=200, blank=True)
    selection = models.JSONField(default=dict)
    """A replay.selection.Selection."""
    choice = models.JSONField(default=dict)
    """A replay.selection.ReplayChoice; empty until it is started."""
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    rate = models.IntegerField(null=True)
    """Actions a minute."""
    config_version = models.BigIntegerField(default=0)
    """The version of the account's configuration by which the dry run compares."""
    check_job = models.BigIntegerField(null=True)
    """The job of the dry run."""
    send_job = models.BigIntegerField(null=True)
    """The job that sends; None until it is started."""
    by = models.CharField(max_length=60)
    created = MicrosField()
    started = MicrosField(null=True)
    started_by = models.CharField(max_length=60, default="", blank=True)
    stopped = MicrosField(null=True)
    """When somebody cancelled it. Nothing is sent from then on."""
    stopped_by = models.CharField(max_length=60, default="", blank=True)

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "replay"
        verbose_name = _("replay")
        verbose_name_plural = _("replays")
        indexes = (
            models.Index(fields=("account", "-id"), name="replay_of_account"),
            models.Index(fields=("flow_id", "id"), name="replay_of_flow"),
        )

    def __str__(self) -> str:
        return self.flow_name


class ReplayLine(models.Model):
    """A line of a dry run: one change at one destination."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="+")
    destination_id = models.BigIntegerField()
    subject_id = models.BigIntegerField()
    registration_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField()
    change_id = models.BigIntegerField()
    version = models.BigIntegerField()
    at = MicrosField()
    verdict = models.SmallIntegerField()
    """The code of a domain.delivery.replay.ReplayVerdict."""
    note = models.CharField(max_length=20, db_default="")
    problem = models.CharField(max_length=PROBLEM_LENGTH, db_default="")
    action_id = models.BigIntegerField(null=True)
    left_out = models.SmallIntegerField(db_default=0)
    """Why a chosen line was not sent: 1 its change was filtered by then, 2 its content was gone; 0 for all other lines."""

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "replay_line"
        constraints = (
            models.UniqueConstraint(fields=("replay", "destination_id", "subject_id", "version"), name="replay_line_unique"),
            models.CheckConstraint(condition=Q(verdict__gte=1, verdict__lte=6), name="replay_line_verdict_known"),
        )
        indexes = (
            models.Index(fields=("replay", "at", "id"), name="replay_line_in_order"),
            models.Index(fields=("replay", "verdict", "id"), name="replay_line_by_verdict"),
            models.Index(fields=("action_id",), name="replay_line_of_action", condition=Q(action_id__isnull=False)),
        )

    def __str__(self) -> str:
        return f"{self.replay_id}: {self.change_id}"
