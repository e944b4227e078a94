"""PgBouncer before a PostgreSQL server of the tests, with the settings of deploy/pgbouncer."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests import needed, postgres
from tests.processes import free_port
from tests.waiting import PATIENCE, until

INI = Path(__file__).resolve().parent.parent / "deploy" / "pgbouncer" / "pgbouncer.ini"
PASSWORD = "a password of the pooler's"


@contextmanager
def pgbouncer(server: postgres.Server, database: str, **changes: str) -> Iterator[str]:
    """Runs it until the end of the block. Yields the URL of the database behind it. changes: of settings, such as pool_mode."""
    folder = Path(tempfile.mkdtemp(prefix="hg-pgbouncer-", dir="/tmp"))
    port = free_port()
    settings = configparser.ConfigParser(comment_prefixes=(";",), interpolation=None)
    settings.read_string(INI.read_text("utf-8"))
    settings["databases"]["heliograph"] = f"host={server.folder} port={server.port} dbname={database}"
    for name in ("logfile", "pidfile", "unix_socket_dir", "auth_file"):
        settings["pgbouncer"][name] = str(folder / Path(settings["pgbouncer"][name]).name) if name != "unix_socket_dir" else str(folder)
    settings["pgbouncer"].update({"listen_port": str(port), **changes})
    Path(settings["pgbouncer"]["auth_file"]).write_text(f'"{postgres.USER}" "{PASSWORD}"\n', "utf-8")
    with (folder / "pgbouncer.ini").open("w", encoding="utf-8") as file:
        settings.write(file)
    owner = postgres.server_owner()
    for path in (folder, *folder.iterdir()) if owner else ():
        shutil.chown(path, *owner)
    program = needed.program("pgbouncer")
    assert program is not None
    as_owner: dict[str, Any] = {"user": owner[0], "group": owner[1], "extra_groups": []} if owner else {}
    process = subprocess.Popen([program, "-q", folder / "pgbouncer.ini"], env={"PATH": os.environ["PATH"]}, cwd=folder, **as_owner)
    url = f"postgresql://{postgres.USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/heliograph"
    try:
        until(lambda: _answers(url) or process.poll() is not None)
        assert process.poll() is None, (folder / "pgbouncer.log").read_text("utf-8")
        yield url
    finally:
        process.send_signal(signal.SIGQUIT)  # at once; at SIGTERM it waits for its clients
        process.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
