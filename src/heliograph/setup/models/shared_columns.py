"""Columns that most models of the set-up have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from heliograph.accounts.models import Account
from heliograph.setup.name_fields import CODE_LENGTH, NAME_LENGTH, object_code, storable


def account_column() -> Any:
    return models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")


def code_column(length: int = CODE_LENGTH) -> Any:
    return models.CharField(_("code"), max_length=length, validators=[object_code])


def name_column() -> Any:
    return models.CharField(_("name"), max_length=NAME_LENGTH, validators=[storable])


def position_column() -> Any:
    return models.PositiveIntegerField(_("position"), default=0, editable=False)


def unique_within(
    owner: str, prefix: str, messages: Mapping[str, Any], *, condition: Q | None = None
) -> tuple[models.UniqueConstraint, ...]:
    """The constraints that keep rows of one owner apart.

    owner: the column of the owner
    prefix: begins the names of the constraints
    messages: by column ("code" or "name"), the error for a second row with the same value; values are compared as folded
    """
    return tuple(
        models.UniqueConstraint(
            fields=(owner, f"folded_{column}"), condition=condition, name=f"{prefix}_{column}_unique", violation_error_message=message
        )
        for column, message in messages.items()
    )
