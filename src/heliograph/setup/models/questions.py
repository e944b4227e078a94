"""Questions of events, and custom fields of the account (P6)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.setup.models.shared_columns import account_column, code_column, position_column
from heliograph.setup.models.tag_models import Tag
from heliograph.setup.name_fields import FIELD_CODE_LENGTH, LABEL_LENGTH, FoldedField, folded, storable
from heliograph.store.models import Event

MOST_OPTIONS = 1_000
OPTION_LENGTH = 300


def possible_options(options: Any) -> None:
    """Checks that the options are a list of distinct texts."""
    if not isinstance(options, list) or not all(isinstance(option, str) and option.strip() for option in options):
        raise ValidationError(_("Each option is a text."), code="options")
    if len(options) > MOST_OPTIONS:
        raise ValidationError(_("At most %(most)s options are possible."), params={"most": MOST_OPTIONS}, code="options")
    for option in options:
        storable(option)
        if len(option) > OPTION_LENGTH:
            raise ValidationError(_("An option is at most %(most)s characters long."), params={"most": OPTION_LENGTH}, code="options")
    if len({folded(option) for option in options}) != len(options):
        raise ValidationError(_("List each option only once."), code="options")


class Answerable(models.Model):
    """Something answered by a text, a number, a date or chosen options: questions and custom fields (P6)."""

    account = account_column()
    code = code_column(FIELD_CODE_LENGTH)
    folded_code = FoldedField("code")
    label = models.CharField(_("label"), max_length=LABEL_LENGTH, validators=[storable])
    type = models.CharField(_("type"), max_length=20, choices=[(t, t) for t in QuestionType.ALL], default=QuestionType.TEXT)
    options = models.JSONField(_("options"), default=list, blank=True, validators=[possible_options])
    position = position_column()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        super().clean()
        if self.type in QuestionType.ENUMERATED - {QuestionType.CHECKBOX} and not self.options:
            raise ValidationError({"options": _("Add at least one option to choose from.")})
        if self.type not in QuestionType.ENUMERATED and self.options:
            raise ValidationError({"options": _("Options are for selects, checkboxes and radio buttons only.")})


class Question(Answerable):
    """A question of an event's registration form, with one tag or none (P6; guide: Registration Questions)."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="questions")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, null=True, blank=True, related_name="questions")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "question"
        ordering = ("position", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("event", "folded_code"),
                name="question_code_unique",
                violation_error_message=_("There is a question of this code already."),
            ),
            models.CheckConstraint(condition=Q(type__in=QuestionType.ALL), name="question_type_known"),
        )


class CustomField(Answerable):
    """A custom profile or event field of the account (P6)."""

    class Kind(models.TextChoices):
        """The objects that have the field."""

        PROFILE = "profile", _("Profile")
        EVENT = "event", _("Event")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "custom_field"
        ordering = ("kind", "position", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "kind", "folded_code"),
                name="custom_field_code_unique",
                violation_error_message=_("There is a field of this code already."),
            ),
            models.CheckConstraint(condition=Q(type__in=QuestionType.ALL), name="custom_field_type_known"),
            models.CheckConstraint(condition=Q(kind__in=("profile", "event")), name="custom_field_kind_known"),
        )
