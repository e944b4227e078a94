"""The PostgreSQL database of a trial: one that is empty, or was left by an earlier trial; never one in use."""

from __future__ import annotations

import contextlib
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from heliograph.stage.ground_error import GroundError

MARK: Final = "heliograph_trial"
"""A table that marks everything in this database as made by a trial, so it may be deleted."""
LOCK: Final = (4, 2)
"""The advisory lock of the running trial; (4, 1) is that of migrations."""
_KINDS: Final = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE"}


class TrialDatabase:
    """A database reserved for one trial, by a session of its own."""

    def __init__(self, url: str) -> None:
        """Empties it if an earlier trial left something. Raises GroundError."""
        self._url = url
        self._session = self._reserve()
        try:
            self._check_is_ours()
            self.empty()
            self._session.execute(sql.SQL("CREATE TABLE {} (made timestamptz NOT NULL DEFAULT now())").format(sql.Identifier(MARK)))
        except BaseException:
            self._session.close()
            raise

    def _reserve(self) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            session = psycopg.connect(self._url, autocommit=True, application_name="heliograph trial")
        except psycopg.OperationalError as error:
            raise GroundError(f"The database cannot be reached: {str(error).strip()}") from None
        ((free,),) = session.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchall()
        if not free:
            session.close()
            raise GroundError("Another trial is running on this database. Wait for it to end, or use another database.")
        return session

    def clear(self) -> None:
        """Empties it at the end of a trial, which may have restarted the server."""
        try:
            self._session.execute("SELECT 1")
        except psycopg.OperationalError:
            self._session.close()
            self._session = self._reserve()
        self.empty()

    def close(self) -> None:
        """Ends the reservation and its session. The server may notice the end of a session only after the next trial has asked."""
        with contextlib.suppress(psycopg.Error):  # the session is gone already, and its locks with it
            self._session.execute("SELECT pg_advisory_unlock_all()")
        self._session.close()

    def _check_is_ours(self) -> None:
        relations = self._relations("n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'")
        if relations and MARK not in {name for name, _ in relations}:
            ((name,),) = self._session.execute("SELECT current_database()").fetchall()
            raise GroundError(
                f"The database {name} is in use: it has {len(relations)} tables that no trial made. A trial deletes what it finds; give it an empty"
                f" database: CREATE DATABASE heliograph_trial."
            )

    def empty(self) -> None:
        """Drops everything in the current schema: it was empty before the first trial, so all of it is a trial's."""
        relations = self._relations("n.nspname = current_schema()")
        if not relations:
            return
        self._session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
        )
        self._session.execute("SET lock_timeout = '20s'")
        # sequences after the tables that own them, the mark last
        for name, kind in sorted(relations, key=lambda each: (each[0] == MARK, each[1] == "S")):
            self._session.execute(sql.SQL("DROP {} IF EXISTS {} CASCADE").format(sql.SQL(_KINDS[kind]), sql.Identifier(name)))
        for (signature,) in self._session.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = current_schema()"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
        ).fetchall():
            self._session.execute(f"DROP ROUTINE IF EXISTS {signature} CASCADE".encode())

    def _relations(self, where: LiteralString) -> list[tuple[str, str]]:
        """(name, kind) of tables, views and sequences, without those of extensions."""
        rows = self._session.execute(
            "SELECT c.relname, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"  # noqa: S608 -- `where` is a literal
            " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') AND " + where
        )
        return [(name, kind) for name, kind in rows]
