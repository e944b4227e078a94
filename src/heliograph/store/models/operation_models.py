"""Backups that were made, and accounts of a restored copy (O13, O14)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField


class BackupRun(models.Model):
    """A backup that was begun. It has no account: a backup holds them all."""

    id = models.BigAutoField(primary_key=True)
    begun = MicrosField()
    ended = MicrosField(null=True)  # null: it runs, or was killed
    scheduled = models.BooleanField()
    file = models.CharField(max_length=1000, db_default="")
    size = models.BigIntegerField(null=True)  # bytes; null: it failed
    failure = models.CharField(max_length=1000, db_default="")

    class Meta:
        db_table = "backup_run"


class RestoredCopyRow(models.Model):
    """An account that came from a backup. It sends nothing until `released`."""

    account_id = models.BigIntegerField(primary_key=True)
    instant = MicrosField()  # of the backup
    last_change = MicrosField(null=True)
    restored = MicrosField()
    released = MicrosField(null=True)
    released_by = models.CharField(max_length=60, db_default="")

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "restored_copy"
