"""Flows, their destinations, and the tags and fields that they name (F1-F10). `setup.models.configured_model` describes the rows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.connections.models import Connection
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Mode, Watch
from heliograph.mappings.models import Mapping
from heliograph.setup.models import CustomField, Tag
from heliograph.setup.models.configured_model import Configured, account_key
from heliograph.setup.name_fields import NAME_LENGTH, storable

FLOW_NAME_LENGTH = 200


class Flow(Configured):
    """A flow (guide: Setting Up Flows). `body` is its domain.flow.flow.Flow.to_body."""

    configured_as = "flow"

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
    """A destination of a flow (guide: Flow Destination; F8). Its id is part of the ordering key (D2), so the row stays when the destination is
    removed from the flow."""

    account = account_key()
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
    """A tag that a flow names. `place`: the list of "Activate for" (domain.flow.flow.OFFERED), or the field of a filter row (`event.tags`)."""

    account = account_key()
    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="names_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="named_by_flows")
    place = models.CharField(max_length=20)

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "flow_tag"
        constraints = (models.UniqueConstraint(fields=("flow", "tag", "place"), name="flow_tag_unique"),)


class FlowField(models.Model):
    """A custom field that a flow filters by."""

    account = account_key()
    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="names_fields")
    field = models.ForeignKey(CustomField, on_delete=models.PROTECT, related_name="named_by_flows")

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "flow_field"
        constraints = (models.UniqueConstraint(fields=("flow", "field"), name="flow_field_unique"),)
