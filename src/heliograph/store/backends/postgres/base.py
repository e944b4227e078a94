"""Django's backend for PostgreSQL: its connections can also write our arrays, and take the settings of their session by a statement."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

# Django copies what psycopg can adapt when it opens its first connection: the arrays have to be known by then.
from heliograph.store import pg_arrays as _pg_arrays  # noqa: F401
from heliograph.store.postgres_database import apply_settings

__all__ = ["DatabaseWrapper"]


class DatabaseWrapper(base.DatabaseWrapper):
    """OPTIONS may have `session_settings`: names and values."""

    def get_connection_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        parameters.pop("session_settings", None)
        return parameters

    def init_connection_state(self) -> None:
        super().init_connection_state()
        apply_settings(self.connection, self.settings_dict["OPTIONS"].get("session_settings", {}))
