"""Tags (guide: What Are Tags?)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES, TagKind
from heliograph.setup.models.shared_columns import account_column
from heliograph.setup.name_fields import NAME_LENGTH, FoldedField, folded, storable

TAKEN_NAMES = tuple(sorted(folded(name) for name in STANDARD_PROPERTY_NAMES.values()))

KIND_NAMES = {
    TagKind.REGISTRATION_STATUS: _("Registration Statuses"),
    TagKind.REGISTRATION_PROPERTY: _("Custom Registration Properties"),
    TagKind.ATTENDEE_TYPE: _("Attendee Types"),
    TagKind.EVENT: _("Events"),
    TagKind.QUESTION: _("Registration Questions"),
    TagKind.SESSION_STATUS: _("Session Registration Statuses"),
    TagKind.EVENT_STATUS: _("Event Statuses"),
}


def no_standard_name(name: str) -> None:
    """Refuses the names of the five standard registration properties, which have their own tags (P4)."""
    if folded(name) in TAKEN_NAMES:
        raise ValidationError(_("“%(name)s” is a standard registration property."), params={"name": name}, code="standard")


def known_kinds(kinds: Any) -> None:
    """Checks that the kinds are a list of distinct tag kinds."""
    if not isinstance(kinds, list) or len(set(kinds)) != len(kinds) or not set(kinds) <= set(TagKind):
        raise ValidationError(_("Choose from the object kinds."), code="kinds")


class Tag(models.Model):
    """A tag, to which flows refer instead of statuses (guide: What Are Tags?). The standard properties' own tags have no rows."""

    account = account_column()
    name = models.CharField(_("name"), max_length=NAME_LENGTH, validators=[storable, no_standard_name])
    folded_name = FoldedField("name")
    label = models.CharField(_("label"), max_length=NAME_LENGTH, validators=[storable])
    kinds = models.JSONField(_("object kinds"), default=list, validators=[known_kinds])

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "tag"
        ordering = ("folded_name",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "folded_name"), name="tag_name_unique", violation_error_message=_("There is a tag of this name already.")
            ),
            models.CheckConstraint(
                condition=~Q(folded_name__in=TAKEN_NAMES),
                name="tag_name_not_standard",
                violation_error_message=_("This is the name of a standard registration property."),
            ),
        )

    def __str__(self) -> str:
        return self.label


class TagOn(models.Model):
    """A tag on an object. Each kind of object has its own table, so that the database keeps tag and object within one account."""

    account = account_column()
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True
