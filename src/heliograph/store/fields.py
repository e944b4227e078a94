"""Instants in hot tables are whole microseconds since 1970 in UTC: small, alike on both databases, compared without conversion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Microseconds since the epoch; `at` must know its offset."""
    return (at - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The instant, in UTC."""
    return EPOCH + micros * MICROSECOND


if TYPE_CHECKING:
    _BigInteger = models.BigIntegerField[Any, Any]
else:
    _BigInteger = models.BigIntegerField  # not subscriptable at run time


class MicrosField(_BigInteger):
    """A BIGINT column that the ORM reads and compares as an aware datetime."""

    def from_db_value(self, value: int | None, expression: object, connection: object) -> datetime | None:
        return None if value is None else from_micros(value)

    def to_python(self, value: Any) -> Any:
        return value if value is None or isinstance(value, datetime) else from_micros(int(value))

    def get_prep_value(self, value: Any) -> Any:
        return to_micros(value) if isinstance(value, datetime) else super().get_prep_value(value)
