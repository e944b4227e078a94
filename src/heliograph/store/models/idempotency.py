"""The stored results of requests, for senders that repeat a request (I3)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField


class Idempotency(models.Model):
    """The stored answer of an idempotency key (I3). `answer` is empty while the first request runs."""

    pk = models.CompositePrimaryKey("account_id", "endpoint", "key")
    account_id = models.BigIntegerField()
    endpoint = models.CharField(max_length=40)
    key = models.CharField(max_length=300)
    request_hash = models.CharField(max_length=64)
    answer = models.TextField(null=True)  # noqa: DJ001 -- null means: not answered yet
    at = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "idempotency"
        indexes = (models.Index(fields=("at",), name="idempotency_at"),)
