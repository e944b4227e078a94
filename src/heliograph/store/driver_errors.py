"""The errors of both databases' drivers, grouped by their meaning.

    except driver_errors.all_errors(OSError) as error:

The given types are caught as well. This module does not import psycopg: if nobody else has, none of its errors can be raised.
"""

from __future__ import annotations

import sqlite3
import sys

type Errors = tuple[type[Exception], ...]


def all_errors(*also: type[Exception]) -> Errors:
    """Whatever a driver raises."""
    return (*also, sqlite3.Error, *_of_psycopg("Error"))


def refusals(*also: type[Exception]) -> Errors:
    """The database refuses what it was given; tried again, it does so again."""
    return (*also, sqlite3.DataError, sqlite3.IntegrityError, *_of_psycopg("DataError", "IntegrityError"))


def operational(*also: type[Exception]) -> Errors:
    """The database could not do it now: locked, full, stopping, or out of reach."""
    return (*also, sqlite3.OperationalError, *_of_psycopg("OperationalError"))


def lost_races(*also: type[Exception]) -> Errors:
    """PostgreSQL ended a transaction for the sake of another one."""
    return (*also, *_of_psycopg("SerializationFailure", "DeadlockDetected"))


def lock_timeouts() -> Errors:
    """PostgreSQL: a lock was not given within `lock_timeout`."""
    return _of_psycopg("LockNotAvailable")


def _of_psycopg(*names: str) -> Errors:
    errors = sys.modules.get("psycopg.errors")
    return () if errors is None else tuple(getattr(errors, name) for name in names)
