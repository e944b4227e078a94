"""The set-up of an event: its tags, attendee types, registration properties and sessions (P2, P4, P5)."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.setup.models.shared_columns import account_column, code_column, name_column, position_column, unique_within
from heliograph.setup.models.tag_models import TAKEN_NAMES, Tag, TagOn, no_standard_name
from heliograph.setup.name_fields import NAME_LENGTH, FoldedField, storable
from heliograph.store.models import Event


class EventTag(TagOn):
    """A tag on an event. The event's state has its tags, too; these rows serve the list of a tag's uses."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="tagged")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "event_tag"
        constraints = (models.UniqueConstraint(fields=("event", "tag"), name="event_tag_unique"),)


class AttendeeType(models.Model):
    """An attendee type of an event (P5)."""

    account = account_column()
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="attendee_types")
    code = code_column()
    folded_code = FoldedField("code")
    name = name_column()
    folded_name = FoldedField("name")
    position = position_column()
    tags = models.ManyToManyField(Tag, through="AttendeeTypeTag", related_name="attendee_types")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "attendee_type"
        ordering = ("position", "id")
        constraints = unique_within(
            "event",
            "attendee_type",
            {"code": _("There is an attendee type of this code already."), "name": _("There is an attendee type of this name already.")},
        )

    def __str__(self) -> str:
        return str(self.name)


class AttendeeTypeTag(TagOn):
    """A tag on an attendee type."""

    type = models.ForeignKey(AttendeeType, on_delete=models.CASCADE, related_name="tagged")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "attendee_type_tag"
        constraints = (models.UniqueConstraint(fields=("type", "tag"), name="attendee_type_tag_unique"),)


class RegistrationProperty(models.Model):
    """A custom Yes/No flag of an event's registrations, at most 30 (P4; guide: Custom Registration Properties)."""

    MOST = 30

    account = account_column()
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="properties")
    code = code_column()
    folded_code = FoldedField("code")
    name = models.CharField(_("name"), max_length=NAME_LENGTH, validators=[storable, no_standard_name])
    folded_name = FoldedField("name")
    position = position_column()
    tags = models.ManyToManyField(Tag, through="RegistrationPropertyTag", related_name="registration_properties")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "registration_property"
        ordering = ("position", "id")
        constraints = (
            *unique_within(
                "event",
                "registration_property",
                {"code": _("There is a property of this code already."), "name": _("There is a property of this name already.")},
            ),
            models.CheckConstraint(
                condition=~Q(folded_name__in=TAKEN_NAMES),
                name="registration_property_name_not_standard",
                violation_error_message=_("This is the name of a standard registration property."),
            ),
        )

    def __str__(self) -> str:
        return str(self.name)


class RegistrationPropertyTag(TagOn):
    """A tag on a custom registration property."""

    property = models.ForeignKey(RegistrationProperty, on_delete=models.CASCADE, related_name="tagged")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "registration_property_tag"
        constraints = (models.UniqueConstraint(fields=("property", "tag"), name="registration_property_tag_unique"),)


class Session(models.Model):
    """A session of an event, for which people register in addition to the event (P5)."""

    account = account_column()
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="sessions")
    code = code_column()
    folded_code = FoldedField("code")
    name = models.CharField(_("name"), max_length=200, validators=[storable])
    start = models.DateTimeField(_("start"), null=True, blank=True)
    end = models.DateTimeField(_("end"), null=True, blank=True)
    position = position_column()

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "session"
        ordering = ("position", "id")
        constraints = unique_within("event", "session", {"code": _("There is a session of this code already.")})

    def __str__(self) -> str:
        return str(self.name)

    def clean(self) -> None:
        super().clean()
        if self.start and self.end and self.end < self.start:
            raise ValidationError({"end": _("A session cannot end before it starts.")})
