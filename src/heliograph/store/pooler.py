"""Whether a pooler such as PgBouncer stands in front of PostgreSQL, and whether it leaves a client its session (O20).

Heliograph needs sessions: settings that end a stalled transaction before a lease runs out, locks that live as long as their process, LISTEN. In
PgBouncer's session mode a client has one as long as it is connected. In its transaction and statement modes each transaction runs in whichever session is
free: locks would be released by, and settings applied to, somebody else.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg

from heliograph.domain.errors import HeliographError
from heliograph.store.postgres_connection import connection_string

ROUNDS: Final = 3
"""Comparisons with a second connection: other clients of the pooler may take the session in between, so that one comparison alone could miss it."""


class SessionsAreShared(HeliographError):
    """The pooler in front of PostgreSQL does not leave a client its session (PgBouncer's transaction or statement mode): locks, settings and LISTEN would be
    lost. Set pool_mode = session for this database, or connect to PostgreSQL itself."""


def keeps_sessions(dsn: str) -> bool:
    """Whether a pooler stands in front, which leaves each client its session. False: the server answers itself. Raises SessionsAreShared, psycopg.Error."""
    with _connected(dsn) as session:
        if session.info.backend_pid == _server_process(session):  # a pooler makes up the number that it tells when a client connects
            return False
        with _connected(dsn) as other:
            for _ in range(ROUNDS):
                _compare(session, other)
        return True


def _compare(session: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> None:
    """Raises SessionsAreShared if the second connection's transaction gets the first one's server process, or drives it to another one."""
    before = _server_process(session)
    try:
        other.execute("BEGIN")
    except psycopg.Error as error:
        if "statement pooling" in str(error):
            raise SessionsAreShared from error
        raise
    if _server_process(other) == before or _server_process(session) != before:
        raise SessionsAreShared
    other.execute("ROLLBACK")


def _connected(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(connection_string(dsn), autocommit=True, application_name="heliograph check")


def _server_process(session: psycopg.Connection[Any]) -> int:
    row = session.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    assert row is not None  # a SELECT without FROM has one row
    return int(row[0])
