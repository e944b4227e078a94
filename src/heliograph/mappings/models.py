"""Mappings, and the tags and fields that they name (M1-M9). `setup.models.configured_model` describes the rows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.domain.mapping.mapping import MAX_NAME, MappingKind, Subject
from heliograph.setup.models import CustomField, Tag
from heliograph.setup.models.configured_model import Configured, account_key
from heliograph.setup.name_fields import FoldedField, storable


class Mapping(Configured):
    """A mapping: how target fields are filled (guide: Mappings). `body` is its domain.mapping.mapping.Mapping.to_body."""

    configured_as = "mapping"

    name = models.CharField(_("name"), max_length=MAX_NAME, validators=[storable])
    folded_name = FoldedField("name")
    kind = models.CharField(_("kind"), max_length=10, choices=[(k.value, k.value) for k in MappingKind])
    subject = models.CharField(_("made for"), max_length=20, choices=[(s.value, s.value) for s in Subject])

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "mapping"
        ordering = ("folded_name",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "folded_name"),
                condition=Q(deleted_at__isnull=True),
                name="mapping_name_unique",
                violation_error_message=_("There is a mapping of this name already."),
            ),
            models.CheckConstraint(condition=Q(kind__in=[k.value for k in MappingKind]), name="mapping_kind_known"),
            models.CheckConstraint(condition=Q(subject__in=[s.value for s in Subject]), name="mapping_subject_known"),
        )

    def __str__(self) -> str:
        return self.name


class MappingTag(models.Model):
    """A tag whose question, answer or property a mapping uses as a source."""

    account = account_key()
    mapping = models.ForeignKey(Mapping, on_delete=models.CASCADE, related_name="names_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="named_by_mappings")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "mapping_tag"
        constraints = (models.UniqueConstraint(fields=("mapping", "tag"), name="mapping_tag_unique"),)


class MappingField(models.Model):
    """A custom field that a mapping uses as a source."""

    account = account_key()
    mapping = models.ForeignKey(Mapping, on_delete=models.CASCADE, related_name="names_fields")
    field = models.ForeignKey(CustomField, on_delete=models.PROTECT, related_name="named_by_mappings")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "mapping_field"
        constraints = (models.UniqueConstraint(fields=("mapping", "field"), name="mapping_field_unique"),)
