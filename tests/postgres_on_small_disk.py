"""A PostgreSQL server whose disk a test can fill. It and its disk live in a mount namespace, which the test's process does not enter: so another
process looks after them, and does what it is told line by line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from heliograph.stage.postgres_server import PostgresServer
from heliograph.stage.small_disk import enter_namespace


@dataclass(frozen=True, slots=True)
class FillablePostgres:
    """url: of its database hg"""

    url: str
    _keeper: subprocess.Popen[str]

    def fill(self) -> None:
        """Leaves no free block. The server's log has its blocks beforehand, so that it goes on, and refuses what needs new ones."""
        self._tell("fill")

    def free(self) -> None:
        """Makes room again."""
        self._tell("free")

    def _tell(self, order: str) -> None:
        assert self._keeper.stdin
        assert self._keeper.stdout
        self._keeper.stdin.write(f"{order}\n")
        self._keeper.stdin.flush()
        assert self._keeper.stdout.readline() == f"{order}\n"


@contextmanager
def postgres_on_small_disk() -> Iterator[FillablePostgres]:
    """It needs the rights of root, or user namespaces."""
    with subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdout
        url = keeper.stdout.readline().strip()
        assert url, "a test of a full disk needs root, or user namespaces (kernel.unprivileged_userns_clone)"
        yield FillablePostgres(url, keeper)


def _keep() -> None:
    enter_namespace()
    server = PostgresServer(small_disk=True)
    try:
        _say(f"{server.create('hg')}\n")
        for order in sys.stdin:
            assert server.disk
            if order == "fill\n":
                _reserve_log(server)
                server.disk.fill()
            else:
                server.disk.free()
            _say(order)
    finally:
        server.stop()


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _reserve_log(server: PostgresServer) -> None:
    """A checkpoint keeps old segments of the log for later use. Without one to go on in, a server ends."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as session:
        for _segment in range(3):
            session.execute("CREATE TABLE IF NOT EXISTS filler ()")
            session.execute("SELECT pg_logical_emit_message(true, 'filler', 'x')")
            session.execute("SELECT pg_switch_wal()")
        session.execute("CHECKPOINT")


if __name__ == "__main__":
    _keep()
