"""Connections (C1-C8). `setup.models.configured_model` describes the rows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.setup.models.configured_model import Configured
from heliograph.setup.name_fields import NAME_LENGTH, FoldedField, storable


class Connection(Configured):
    """A connection: where and how requests go (guide: Setting up a Connection).

    `store.models.connection_models.Secret` has the path and query of its URL, and all credentials.
    """

    configured_as = "connection"

    name = models.CharField(_("connection name"), max_length=NAME_LENGTH, validators=[storable])
    folded_name = FoldedField("name")
    type = models.CharField(_("type"), max_length=40)
    host = models.CharField(_("host"), max_length=300, default="")  # scheme, host and port; pages show no more of the URL

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
