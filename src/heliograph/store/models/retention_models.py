"""What was announced to an account about its retention, and what was removed (O4, X6)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField


class Retention(models.Model):
    """The announcement to an account (O4): its terms, its date, and the Administrator who agreed to begin at once."""

    account_id = models.BigIntegerField(primary_key=True)
    content_days = models.IntegerField()
    row_days = models.IntegerField()
    announced = MicrosField()
    agreed = MicrosField(null=True)
    agreed_by = models.CharField(max_length=60, db_default="")

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "retention"


class RetentionDay(models.Model):
    """What retention removed of an account on one day (X6): of content older than `content_before` and of records older than `rows_before`."""

    pk = models.CompositePrimaryKey("account_id", "day")
    account_id = models.BigIntegerField()
    day = models.IntegerField()  # days since 1970, UTC
    at = MicrosField()  # of its first removal
    content_before = MicrosField(db_default=0)
    rows_before = MicrosField(db_default=0)
    contents = models.BigIntegerField(db_default=0)
    changes = models.BigIntegerField(db_default=0)
    runs = models.BigIntegerField(db_default=0)
    actions = models.BigIntegerField(db_default=0)
    attempts = models.BigIntegerField(db_default=0)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "retention_day"
