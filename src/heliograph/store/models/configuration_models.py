"""The versions of the configuration (F10)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField


class ConfigVersion(models.Model):
    """The version of an account's (scope 1) or an event's (scope 2) configuration; raised by each save."""

    ACCOUNT, EVENT = 1, 2

    pk = models.CompositePrimaryKey("scope", "scope_id")
    scope = models.SmallIntegerField()
    scope_id = models.BigIntegerField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "config_version"


class ConfigHistory(models.Model):
    """One version of one entity (F10), in force for the configuration versions `since` ≤ v < `until`."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    scope = models.SmallIntegerField()
    scope_id = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    entity_id = models.BigIntegerField()
    number = models.IntegerField()
    body = models.TextField()
    since = models.BigIntegerField()
    until = models.BigIntegerField(null=True)
    at = MicrosField()
    by = models.CharField(max_length=60)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "config_history"
        constraints = (models.UniqueConstraint(fields=("scope", "scope_id", "kind", "entity_id", "number"), name="config_history_number"),)
        indexes = (
            models.Index(fields=("scope", "scope_id"), name="config_history_now", condition=Q(until__isnull=True)),
            models.Index(fields=("scope", "scope_id", "since"), name="config_history_then"),
        )
