"""What changes: events, registrations and session registrations. `recording` is the only writer."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower
from django_scopes import ScopedManager

from heliograph.store.indexes import CoveringIndex
from heliograph.store.instant_field import MicrosField


class Event(models.Model):
    """An event (P2). Its id comes from the sequence that all subjects share; `version` counts its recorded changes."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    code = models.CharField(max_length=25)
    name = models.CharField(max_length=200)
    status_id = models.BigIntegerField()
    start = models.DateTimeField(null=True)
    end = models.DateTimeField(null=True)
    timezone = models.CharField(max_length=64, default="UTC")
    location = models.CharField(max_length=300, default="")
    custom = models.JSONField(default=dict)  # field id -> values
    version = models.BigIntegerField(default=0)
    created = MicrosField()
    modified = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "event"
        constraints = (
            models.UniqueConstraint(fields=("account_id", "code"), name="event_code_unique"),
            models.UniqueConstraint("account_id", Lower("code"), name="event_code_in_any_case"),  # codes are ASCII, and filters compare so
        )

    def __str__(self) -> str:
        return self.code


LISTED = ("version", "event_id", "status_id", "attendee_type_id", "is_active", "is_test", "search")
"""Columns of a registration by which lists filter."""


class Registration(models.Model):
    """A registration (P8). `state` is its full state as JSON; the other columns repeat what lists filter, sort and search by."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    event_id = models.BigIntegerField()
    code = models.CharField(max_length=100)
    serial = models.BigIntegerField(null=True)  # its position in the bitmaps of figures; null only in the transaction that creates it
    version = models.BigIntegerField(default=0)
    sent_modified = MicrosField(null=True)  # the newest `modified` from a sender (I2: older data is stale)
    state = models.TextField(default="")
    status_id = models.BigIntegerField(default=0)
    attendee_type_id = models.BigIntegerField(null=True)
    is_active = models.BooleanField(default=True)
    is_test = models.BooleanField(default=False)
    name = models.CharField(max_length=400, default="")
    organization = models.CharField(max_length=1000, default="")
    search = models.TextField(default="")  # code, names, e-mail, organization: NFKC, casefolded
    created = MicrosField(default=0)
    modified = MicrosField(default=0)
    erased_at = MicrosField(null=True)  # its person was erased (B7): the row is empty, and nothing changes it any more

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "registration"
        constraints = (
            models.UniqueConstraint(fields=("event_id", "code"), name="registration_code_unique"),
            models.UniqueConstraint(fields=("account_id", "serial"), name="registration_serial_unique"),
        )
        indexes = (
            # SQLite searches and filters in this index instead of reading whole rows, which are long.
            CoveringIndex(fields=("account_id", "modified", "id"), also=LISTED, name="registration_modified"),
            models.Index(fields=("account_id", "name", "id"), name="registration_name"),
            models.Index(fields=("account_id", "code", "id"), name="registration_code"),
        )

    def __str__(self) -> str:
        return self.code


class SessionRegistration(models.Model):
    """A registration for a session (P5). Locked by its registration's row."""

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    registration_id = models.BigIntegerField()
    session_id = models.BigIntegerField()
    status_id = models.BigIntegerField()
    version = models.BigIntegerField(default=0)
    created = MicrosField()
    modified = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "session_registration"
        constraints = (models.UniqueConstraint(fields=("registration_id", "session_id"), name="session_registration_unique"),)
        indexes = (models.Index(fields=("session_id", "status_id"), name="session_registration_status"),)
