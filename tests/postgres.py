"""The PostgreSQL server of the tests, which is that of `heliograph verify`."""

from __future__ import annotations

from heliograph.stage.postgres_server import OLDEST, USER, binaries, url
from heliograph.stage.postgres_server import PostgresServer as Server

__all__ = ["OLDEST", "USER", "Server", "binaries", "url"]
