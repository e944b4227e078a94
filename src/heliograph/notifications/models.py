"""Who wants to be told what, the problems that are open, and the messages about them (docs/design/notifications.md).

Account 0 is the installation itself: its problems are told to operators.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.store.instant_field import MicrosField

INSTALLATION = 0
"""The account of problems and messages that concern the whole installation."""


class MessageState(models.IntegerChoices):
    """The state of a message. Below 10 it is not over."""

    WAITING = 1, _("Waiting")
    SENDING = 2, _("Being sent")
    """A process is sending it, or died while it was."""
    SENT = 10, _("Sent")
    NOT_SENT = 11, _("Not sent")
    NOT_NEEDED = 12, _("Not needed")
    """What it was to tell was resolved before it was due."""


class NotificationSettings(models.Model):
    """The settings of a person, or of an account (user 0)."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    user_id = models.BigIntegerField(db_default=0, default=0)
    body = models.TextField()  # JSON: domain.notification.notification_settings.Settings
    version = models.IntegerField(db_default=1, default=1)  # counts the saves
    changed = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "notification_settings"
        constraints = (models.UniqueConstraint(fields=("account_id", "user_id"), name="notification_settings_once"),)


class NotificationRule(models.Model):
    """Who is told about one connection or flow."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    scope = models.CharField(max_length=12)  # "connection" or "flow"
    thing_id = models.BigIntegerField()
    body = models.TextField()  # JSON: domain.notification.notification_settings.Rule
    version = models.IntegerField(db_default=1, default=1)
    changed = MicrosField()

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "notification_rule"
        constraints = (models.UniqueConstraint(fields=("account_id", "scope", "thing_id"), name="notification_rule_once"),)


class Problem(models.Model):
    """A cause of which people are told once, until it is resolved."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=12)  # domain.notification.kinds.Kind
    since = MicrosField()
    opened = MicrosField()
    openings = models.IntegerField(db_default=1, default=1)  # of its cause within a day, with this one
    number = models.BigIntegerField(db_default=0, default=0)  # the registrations, deliveries ... that it stops, as of the last look
    facts = models.TextField()  # JSON: what its words need; names and codes, no values of registrations
    calm_since = MicrosField(null=True)  # since when its cause is not seen any more; null: it is
    resolved = MicrosField(null=True)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "notification_problem"
        constraints = (
            models.UniqueConstraint(fields=("account_id", "key"), condition=Q(resolved__isnull=True), name="notification_problem_open"),
        )
        indexes = (models.Index(fields=("account_id", "key", "opened"), name="notification_problem_past"),)


class Message(models.Model):
    """A message to one address or connection: what is to be sent, and the log of what was."""

    id = models.BigAutoField(primary_key=True)
    account_id = models.BigIntegerField()
    key = models.CharField(max_length=320)  # whom it tells what: "7:opened:mail:ada@example.org"; never twice in an account
    uid = models.CharField(max_length=40)  # of its Message-ID, or its webhook-id; the same for each try
    problem_id = models.BigIntegerField(db_default=0, default=0)
    kind = models.CharField(max_length=12)
    phase = models.CharField(max_length=12)  # notifications.letters.Phase
    way = models.CharField(max_length=12)  # "mail" or "connection"
    address = models.CharField(max_length=254)  # an e-mail address, or a connection's id
    user_id = models.BigIntegerField(db_default=0, default=0)  # by whose settings; 0: the account's, or a rule's
    title = models.CharField(max_length=300)
    body = models.TextField()  # JSON: notifications.letters.Letter
    state = models.SmallIntegerField(choices=MessageState, db_default=MessageState.WAITING, default=MessageState.WAITING)
    due = MicrosField()
    in_quiet_hours = models.BooleanField(db_column="held", db_default=False, default=False)  # it was made in them, and is due at their end
    tries = models.SmallIntegerField(db_default=0, default=0)
    owner = models.CharField(max_length=60, db_default="", default="")  # the process that sends it
    claimed_until = MicrosField(null=True)
    result = models.CharField(max_length=500, db_default="", default="")  # why it was not sent
    created = MicrosField()
    ended = MicrosField(null=True)

    objects: ClassVar = ScopedManager(account="account_id")

    class Meta:
        db_table = "notification_message"
        constraints = (models.UniqueConstraint(fields=("account_id", "key"), name="notification_message_once"),)
        indexes = (
            models.Index(fields=("due", "id"), name="notification_message_due", condition=Q(state__lt=10)),
            models.Index(fields=("problem_id",), name="notification_message_about", condition=Q(problem_id__gt=0)),
            models.Index(fields=("created",), name="notification_message_made"),
        )
