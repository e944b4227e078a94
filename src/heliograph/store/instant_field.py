"""The models' field for instants (`store.instants`)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models

from heliograph.store.instants import from_micros, to_micros

if TYPE_CHECKING:
    _BigInteger = models.BigIntegerField[Any, Any]
else:
    _BigInteger = models.BigIntegerField  # not subscriptable at runtime


class MicrosField(_BigInteger):
    """A BIGINT column that the ORM reads and compares as an aware datetime."""

    def from_db_value(self, value: int | None, expression: object, connection: object) -> datetime | None:
        return None if value is None else from_micros(value)

    @property
    def validators(self) -> list[Any]:
        """None: bounds of integers do not apply to an instant."""
        return []

    def to_python(self, value: Any) -> Any:
        return value if value is None or isinstance(value, datetime) else from_micros(int(value))

    def get_prep_value(self, value: Any) -> Any:
        return to_micros(value) if isinstance(value, datetime) else super().get_prep_value(value)
