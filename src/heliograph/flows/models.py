"""Connections, mappings, flows and their destinations (spec sections 4-6).

A row's `body` is its newest version; the columns beside it repeat what lists filter by, and what the database holds to one account.
The engine reads neither but the versions of configuration (F10). What is deleted keeps its row: figures and attempts name it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.accounts.models import Account
from heliograph.domain.flow.flow import Does, Mode, Watch
from heliograph.domain.mapping.mapping import MAX_NAME, Kind, Subject
from heliograph.setup.models import CustomField, Tag
from heliograph.setup.names import NAME_LENGTH, FoldedField, storable

FLOW_NAME_LENGTH = 200


def _account() -> Any:
    return models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")


class Configured(models.Model):
    """What connections, mappings and flows have in common: a newest version, and who made it when."""

    account = _account()
    body = models.JSONField(default=dict)
    number = models.PositiveIntegerField(default=0)  # of the newest version
    created = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.CharField(max_length=60)  # user:7, token:3, demo ...
    changed = models.DateTimeField(_("changed"), auto_now=True)
    changed_by = models.CharField(max_length=60)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


class Connection(Configured):
    """Where and how requests go (guide: Setting Up Connections). The URL's path and query and all credentials are in `store.Secret`."""

    name = models.CharField(_("connection name"), max_length=NAME_LENGTH, validators=[storable])
    folded_name = FoldedField("name")
    type = models.CharField(_("type"), max_length=40)
    host = models.CharField(_("host"), max_length=300, default="")  # scheme, host and port: all that pages show of the URL

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "connection"
        ordering = ("folded_name",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "folded_name"),
                condition=Q(deleted_at__isnull=True),
                name="connection_name_unique",
                violation_error_message=_("There is a connection of this name already."),
            ),
        )

    def __str__(self) -> str:
        return self.name


class Mapping(Configured):
    """How target fields are filled (guide: Mappings)."""

    name = models.CharField(_("name"), max_length=MAX_NAME, validators=[storable])
    folded_name = FoldedField("name")
    kind = models.CharField(_("kind"), max_length=10, choices=[(k.value, k.value) for k in Kind])
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
            models.CheckConstraint(condition=Q(kind__in=[k.value for k in Kind]), name="mapping_kind_known"),
            models.CheckConstraint(condition=Q(subject__in=[s.value for s in Subject]), name="mapping_subject_known"),
        )

    def __str__(self) -> str:
        return self.name


class Flow(Configured):
    """What is watched, for whom, and where it goes (guide: Setting Up Flows). `body`: domain.flows.Flow.to_body."""

    name = models.CharField(_("flow name"), max_length=FLOW_NAME_LENGTH, blank=True, validators=[storable])
    mode = models.CharField(_("Live or Test"), max_length=10, choices=[(m.value, m.value) for m in Mode])
    is_active = models.BooleanField(_("active"), default=True)
    is_complete = models.BooleanField(_("complete"), default=False)
    watch = models.CharField(_("watches for"), max_length=60, blank=True, choices=[(w.value, w.value) for w in Watch])

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "flow"
        ordering = ("name", "id")
        constraints = (models.CheckConstraint(condition=Q(mode__in=[m.value for m in Mode]), name="flow_mode_known"),)
        indexes = (models.Index(fields=("account", "name", "id"), condition=Q(deleted_at__isnull=True), name="flow_list"),)

    def __str__(self) -> str:
        return self.name


class Destination(models.Model):
    """Where a flow sends (guide: Flow Destination; F8). Its id is half of the key of order (D2), so it stays when it is removed."""

    account = _account()
    flow = models.ForeignKey(Flow, on_delete=models.PROTECT, related_name="destinations")
    name = models.CharField(_("destination name"), max_length=NAME_LENGTH, blank=True, validators=[storable])
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="destinations")
    payload_mapping = models.ForeignKey(Mapping, on_delete=models.PROTECT, null=True, blank=True, related_name="payload_of")
    header_mapping = models.ForeignKey(Mapping, on_delete=models.PROTECT, null=True, blank=True, related_name="headers_of")
    does = models.CharField(max_length=10, choices=[(d.value, d.value) for d in Does], default=Does.UPDATES.value)
    position = models.PositiveIntegerField(default=0)
    removed_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "destination"
        ordering = ("position", "id")
        constraints = (models.CheckConstraint(condition=Q(does__in=[d.value for d in Does]), name="destination_does_known"),)

    def __str__(self) -> str:
        return self.name


class FlowTag(models.Model):
    """A tag that a flow names. `place`: the list of "Activate for" (domain.flows.LISTS), or the field that a filter row compares (`event.tags`)."""

    account = _account()
    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="names_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="named_by_flows")
    place = models.CharField(max_length=20)

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "flow_tag"
        constraints = (models.UniqueConstraint(fields=("flow", "tag", "place"), name="flow_tag_unique"),)


class FlowField(models.Model):
    """A custom field that a flow filters by."""

    account = _account()
    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="names_fields")
    field = models.ForeignKey(CustomField, on_delete=models.PROTECT, related_name="named_by_flows")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "flow_field"
        constraints = (models.UniqueConstraint(fields=("flow", "field"), name="flow_field_unique"),)


class MappingTag(models.Model):
    """A tag whose question, answer or property a mapping takes as a source."""

    account = _account()
    mapping = models.ForeignKey(Mapping, on_delete=models.CASCADE, related_name="names_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="named_by_mappings")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "mapping_tag"
        constraints = (models.UniqueConstraint(fields=("mapping", "tag"), name="mapping_tag_unique"),)


class MappingField(models.Model):
    """A custom field that a mapping takes as a source."""

    account = _account()
    mapping = models.ForeignKey(Mapping, on_delete=models.CASCADE, related_name="names_fields")
    field = models.ForeignKey(CustomField, on_delete=models.PROTECT, related_name="named_by_mappings")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "mapping_field"
        constraints = (models.UniqueConstraint(fields=("mapping", "field"), name="mapping_field_unique"),)
