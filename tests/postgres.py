"""The PostgreSQL server of the tests, which is that of `heliograph verify`, and a standby of one."""

from __future__ import annotations

import psycopg

from heliograph.stage.postgres_server import OLDEST, USER, binaries, server_owner, url
from heliograph.stage.postgres_server import PostgresServer as Server

__all__ = ["OLDEST", "USER", "Server", "Standby", "binaries", "server_owner", "url"]


class Standby(Server):
    """A server that follows another one until it is promoted."""

    def __init__(self, primary: Server) -> None:
        self._primary = primary
        super().__init__(fsync=False)

    def _make_data(self) -> None:
        primary = f"host={self._primary.folder} user={USER} dbname=postgres"
        self._run("pg_basebackup", "-D", "data", "-d", primary, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")

    def promote(self) -> None:
        """Makes it the primary, and waits until it is."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as session:
            session.execute("SELECT pg_promote()")
