"""Columns that most models of the set-up have."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from heliograph.accounts.models import Account
from heliograph.setup.names import CODE_LENGTH, NAME_LENGTH, object_code, storable


def account_column() -> Any:
    return models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")


def code_column(length: int = CODE_LENGTH) -> Any:
    return models.CharField(_("code"), max_length=length, validators=[object_code])


def name_column() -> Any:
    return models.CharField(_("name"), max_length=NAME_LENGTH, validators=[storable])


def position_column() -> Any:
    return models.PositiveIntegerField(_("position"), default=0, editable=False)
