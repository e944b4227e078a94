"""Configuration files that were applied (B5)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_scopes import ScopedManager

from heliograph.setup.models.shared_columns import account_column
from heliograph.store.instant_field import MicrosField


class AppliedFile(models.Model):
    """A configuration file as it was applied, without secrets. By the newest one pages tell what was changed since by hand."""

    account = account_column()
    number = models.PositiveIntegerField(_("version"))  # 1 for the account's first
    at = MicrosField(_("applied"))
    by = models.CharField(_("by"), max_length=60)  # user:7, token:3, command
    name = models.CharField(_("file"), max_length=200)
    sections = models.JSONField(_("sections"))  # the names of the sections that it manages
    content = models.JSONField(_("content"), null=True)  # the entries of the file by section; null: no longer kept
    state = models.JSONField(null=True)  # what the account had then: {section: [[id, name, document with facts]]}; null as above
    counts = models.JSONField(_("changes"))  # {"added": 1, "changed": 2, "deleted": 0}

    objects: ClassVar = ScopedManager(account="account")

    class Meta:
        db_table = "applied_file"
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("account", "number"), name="applied_file_number"),)

    def __str__(self) -> str:
        return self.name or f"{self.number}"

    def ids(self, section: str) -> dict[tuple[str, ...], int]:
        """The ids of a section's things when the file was applied, by their keys then; empty if what it left is no longer stored."""
        return {tuple(key): id for id, key, _name, _document in (self.state or {}).get(section, ())}
