"""A PostgreSQL server for the tests: the newest installed version, in its own temporary folder, on a Unix socket.

A socket's path works across network namespaces, and nothing else can take its port.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

OLDEST = 15
USER = "heliograph"


def binaries() -> Path | None:
    """The folder with the newest server's programs; None if there is no version 15 or later."""
    folders = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if folder.parent.name.isdigit()]
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = {version: folder for folder in folders if (version := _version(folder)) >= OLDEST}
    return found[max(found)] if found else None


def _version(folder: Path) -> int:
    try:
        said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(said.split()[-1].split(".")[0]) if "(Debian" not in said else int(said.split("(PostgreSQL) ")[1].split(".")[0])


def url(folder: Path, name: str) -> str:
    """The URL of a database of the server whose socket is in `folder`."""
    return f"postgresql://{USER}@/{name}?host={folder}"


class Server:
    """A running server. fsync: as in production, or off if only speed matters and no test simulates a power cut."""

    def __init__(self, folder: Path | None = None, *, fsync: bool = True) -> None:
        # The path of a Unix socket is limited to about 100 characters, so the folder is directly in /tmp.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="hg-postgres-", dir="/tmp"))
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self._owner = _server_owner()
        if self._owner:
            shutil.chown(self.folder, *self._owner)
        found = binaries()
        if found is None:
            raise RuntimeError(f"no PostgreSQL {OLDEST} or later found; on Debian: apt-get install postgresql")
        self._bin = found
        self._run("initdb", "-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if fsync else "off",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            "lc_messages": "C",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._command = [self._bin / "postgres", "-D", self.folder / "data", *arguments]
        self.start()

    def url(self, name: str) -> str:
        return url(self.folder, name)

    def start(self) -> None:
        """Starts it, also again after `halt`, and waits until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, **self._as_owner())
        self._wait()

    def stop(self) -> None:
        """Fast shutdown; deletes the folder too."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def halt(self) -> None:
        """Fast shutdown: every session ends."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _as_owner(self) -> dict[str, Any]:
        owner = {"user": self._owner[0], "group": self._owner[1], "extra_groups": []} if self._owner else {}
        return {**owner, "cwd": self.folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}}

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([self._bin / program, *arguments], capture_output=True, text=True, check=False, **self._as_owner())
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()}") from None
                time.sleep(0.05)
            else:
                return


def _server_owner() -> tuple[int, int] | None:
    """The user and group for the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise RuntimeError("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
