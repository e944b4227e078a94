"""Statuses of registrations, session registrations and events (P2, P3, P5)."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.domain.setup.statuses import StatusClass
from heliograph.setup.models.shared_columns import account_column, code_column, name_column, position_column, unique_within
from heliograph.setup.models.tag_models import Tag, TagOn
from heliograph.setup.name_fields import FoldedField
from heliograph.store.models import Event

_TAKEN: Final = {"code": _("There is a status of this code already."), "name": _("There is a status of this name already.")}


class RegistrationStatus(models.Model):
    """A registration status: a standard one of the account (no event), or a custom one of an event (P3)."""

    account = account_column()
    event = models.ForeignKey(Event, on_delete=models.CASCADE, null=True, blank=True, related_name="statuses")
    code = code_column()
    folded_code = FoldedField("code")
    name = name_column()
    folded_name = FoldedField("name")
    cls = models.CharField(_("class"), max_length=20, choices=[(c.value, c.value) for c in StatusClass], db_column="class")
    position = position_column()
    tags = models.ManyToManyField(Tag, through="RegistrationStatusTag", related_name="registration_statuses")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "registration_status"
        ordering = ("position", "id")
        constraints = (
            *unique_within("account", "standard_status", _TAKEN, condition=Q(event__isnull=True)),
            *unique_within("event", "custom_status", _TAKEN, condition=Q(event__isnull=False)),
            models.CheckConstraint(condition=Q(cls__in=[c.value for c in StatusClass]), name="registration_status_class_known"),
        )

    def __str__(self) -> str:
        return str(self.name)


class RegistrationStatusTag(TagOn):
    """A tag on a registration status."""

    status = models.ForeignKey(RegistrationStatus, on_delete=models.CASCADE, related_name="tagged")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "registration_status_tag"
        constraints = (models.UniqueConstraint(fields=("status", "tag"), name="registration_status_tag_unique"),)


class AccountStatus(models.Model):
    """A session or event status: it belongs to the account and has tags (P2, P5)."""

    account = account_column()
    code = code_column()
    folded_code = FoldedField("code")
    name = name_column()
    folded_name = FoldedField("name")
    position = position_column()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.name)


class SessionStatus(AccountStatus):
    """A status of a session registration (P5)."""

    tags = models.ManyToManyField(Tag, through="SessionStatusTag", related_name="session_statuses")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "session_status"
        ordering = ("position", "id")
        constraints = unique_within("account", "session_status", _TAKEN)


class SessionStatusTag(TagOn):
    """A tag on a session status."""

    status = models.ForeignKey(SessionStatus, on_delete=models.CASCADE, related_name="tagged")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "session_status_tag"
        constraints = (models.UniqueConstraint(fields=("status", "tag"), name="session_status_tag_unique"),)


class EventStatus(AccountStatus):
    """A status of an event (P2)."""

    tags = models.ManyToManyField(Tag, through="EventStatusTag", related_name="event_statuses")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "event_status"
        ordering = ("position", "id")
        constraints = unique_within("account", "event_status", _TAKEN)


class EventStatusTag(TagOn):
    """A tag on an event status."""

    status = models.ForeignKey(EventStatus, on_delete=models.CASCADE, related_name="tagged")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "event_status_tag"
        constraints = (models.UniqueConstraint(fields=("status", "tag"), name="event_status_tag_unique"),)
