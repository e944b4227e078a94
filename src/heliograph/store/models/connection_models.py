"""What belongs to a connection and has no versions: its state, its secrets and its OAuth2 tokens."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField


class ConnectionState(models.Model):
    """The state of a connection, without versions: a take-over must not forget a Retry-After (C8)."""

    connection_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    held_until = MicrosField(null=True)
    paused = models.BooleanField(db_default=False)
    paused_why = models.CharField(max_length=200, db_default="")
    release_rate = models.IntegerField(null=True)  # requests a minute during a release; null: no release
    release_until = MicrosField(null=True)  # renewed by the release job; when it passes, the connection pauses again
    failures = models.IntegerField(db_default=0)  # consecutive failures to reach the target: trips the breaker
    failing_since = MicrosField(null=True)  # the first failed attempt since the last delivery; null: the last batch had a delivery
    tested_at = MicrosField(null=True)
    test_result = models.TextField(db_default="")  # JSON: domain.connection.diagnosis.DiagnosisReport, "" for none
    tests_since = MicrosField(null=True)  # start of the minute in which tests are being counted
    tests = models.IntegerField(db_default=0)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "connection_state"


class Secret(models.Model):
    """One encrypted secret, bound to its place (C5). Account 0 holds the key's check value."""

    pk = models.CompositePrimaryKey("account_id", "kind", "row_id", "field")
    account_id = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    row_id = models.BigIntegerField()
    field = models.CharField(max_length=120)
    value = models.BinaryField()
    at = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "secret"


class OAuthAccess(models.Model):
    """The tokens of an OAuth2 connection, without versions (C4). `sealed` holds both tokens, encrypted for account and connection."""

    connection_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    generation = models.BigIntegerField(db_default=0)  # rises with each new token
    bond = models.CharField(max_length=40, db_default="")  # identifies the connection's settings at the time they were given
    sealed = models.BinaryField(null=True)
    in_body = models.BooleanField(null=True)  # whether the authority wants the client secret in the body; null: not known
    scope = models.TextField(db_default="")  # as granted
    holder = models.CharField(max_length=200, db_default="")  # whose access it is
    obtained_at = MicrosField(db_default=0)
    expires_at = MicrosField(null=True)
    connected_at = MicrosField(null=True)
    connected_by = models.CharField(max_length=60, db_default="")
    refreshing_until = MicrosField(null=True)  # until then one process is requesting new tokens
    refreshing_by = models.CharField(max_length=40, db_default="")
    failed_at = MicrosField(null=True)  # since when no new token has been given
    failure = models.TextField(db_default="")
    lost = models.BooleanField(db_default=False)  # until someone connects again

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "oauth_access"
