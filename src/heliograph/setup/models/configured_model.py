"""The base of the tables of connections, mappings and flows (F10).

A row's `body` is its newest version. The other columns repeat the fields by which lists filter, and the references that the database keeps
within one account. The engine reads only the versions of configuration. Deleted objects keep their rows, because figures and attempts refer
to them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from heliograph.accounts.models import Account


def account_key() -> Any:
    """The column of the account that the row belongs to."""
    return models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")


class Configured(models.Model):
    """A connection, mapping or flow: its newest version, with the actor and the time of that version."""

    configured_as: ClassVar[str]
    """The name of the kind in versions of configuration: "connection", "mapping" or "flow"."""

    account = account_key()
    body = models.JSONField(default=dict)
    number = models.PositiveIntegerField(default=0)  # of the newest version
    created = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.CharField(max_length=60)  # user:7, token:3, demo ...
    changed = models.DateTimeField(_("changed"), auto_now=True)
    changed_by = models.CharField(max_length=60)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True
