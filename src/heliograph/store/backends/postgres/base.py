"""Django's backend for PostgreSQL, with connections that can also write our arrays."""

from __future__ import annotations

from django.db.backends.postgresql.base import DatabaseWrapper

# Django copies what psycopg can adapt when it opens its first connection: the arrays have to be known by then.
from heliograph.store import pg_arrays as _pg_arrays  # noqa: F401

__all__ = ["DatabaseWrapper"]
