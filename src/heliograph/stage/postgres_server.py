"""A PostgreSQL server of a trial's own: the newest installed version, in its own temporary folder, on a Unix socket.

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
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from heliograph.stage.ground_error import GroundError
from heliograph.stage.small_disk import SmallDisk

OLDEST: Final = 15
USER: Final = "heliograph"
STARTS_WITHIN: Final = 60.0
"""Seconds; after a crash the server first repeats what its log holds."""


def binaries() -> Path | None:
    """The folder with the newest server's programs; None if there is no version 15 or later."""
    folders = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if folder.parent.name.isdigit()]
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    by_version = {version: folder for folder in folders if (version := _version(folder)) >= OLDEST}
    return by_version[max(by_version)] if by_version else None


def _version(folder: Path) -> int:
    try:
        line = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 -- our own path
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(line.partition("(PostgreSQL) ")[2].partition(".")[0])


def url(folder: Path, name: str) -> str:
    """The URL of a database of the server whose socket is in `folder`."""
    return f"postgresql://{USER}@/{name}?host={folder}"


class PostgresServer:
    """A running server."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        fsync: bool = True,
        small_disk: bool = False,
        variables: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """folder: None for a new one in /tmp
        fsync: as in production, or off if only speed matters and no test simulates a power cut
        small_disk: True if its data directory is a disk that can be filled (`small_disk.enter_namespace` was called)
        variables: more environment variables of the server
        settings: more settings, in place of those below

        Raises GroundError.
        """
        programs = binaries()
        if programs is None:
            raise GroundError(f"PostgreSQL {OLDEST} or later is not installed on this machine. On Debian: apt-get install postgresql.")
        self._bin = programs
        # The path of a Unix socket is limited to about 100 characters, so the folder is directly in /tmp.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="hg-postgres-", dir="/tmp"))
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self._variables = dict(variables or {})
        self._owner = server_owner()
        if self._owner:
            shutil.chown(self.folder, *self._owner)
        self.disk = SmallDisk(self.folder / "data", self._owner) if small_disk else None
        self._make_data()
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if fsync else "off",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            "lc_messages": "C",
            **(settings or {}),
        }
        self.port = int(settings["port"])
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._command: list[str | Path] = [self._bin / "postgres", "-D", self.folder / "data", *arguments]
        self.start()

    def _make_data(self) -> None:
        """Makes the folder `data`. Raises GroundError."""
        self._run("initdb", "-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def url(self, name: str) -> str:
        return f"{url(self.folder, name)}&port={self.port}"

    def create(self, name: str) -> str:
        """Creates a database. Returns its URL."""
        import psycopg  # noqa: PLC0415 -- a command on SQLite does without

        with psycopg.connect(self.url("postgres"), autocommit=True) as session:
            session.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def start(self) -> None:
        """Starts it, also again after `halt`, and waits until it answers. Raises GroundError."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, **self._as_owner())  # noqa: S603 -- our own command
        self._wait()

    def stop(self) -> None:
        """Fast shutdown; deletes the folder too."""
        self.halt()
        if self.disk is not None:
            self.disk.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends every session and the server.

        how: SIGINT for a fast shutdown; SIGQUIT for an immediate one, after which it has to repeat its log
        """
        if self.is_running:
            self._process.send_signal(how)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def stall(self) -> None:
        """Suspends it with all its sessions (SIGSTOP), as a machine that stands still."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on after `stall`."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        postmaster = self._process.pid
        os.kill(postmaster, number)  # first, so that no session joins in between
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(postmaster)], capture_output=True, text=True, check=False).stdout  # noqa: S603, S607
        for pid in map(int, listed.split()):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _as_owner(self) -> dict[str, Any]:
        owner = {"user": self._owner[0], "group": self._owner[1], "extra_groups": []} if self._owner else {}
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder), **self._variables}
        return {**owner, "cwd": self.folder, "env": environment}

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([self._bin / program, *arguments], capture_output=True, text=True, check=False, **self._as_owner())  # noqa: S603
        if done.returncode:
            raise GroundError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _wait(self) -> None:
        import psycopg  # noqa: PLC0415 -- see above

        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                if not self.is_running or time.monotonic() > deadline:
                    raise GroundError(f"PostgreSQL did not start:\n{self.log.read_text()[-4000:]}") from None
                time.sleep(0.05)
            else:
                return


def server_owner() -> tuple[int, int] | None:
    """The user and group for the server: PostgreSQL refuses to run as root. None: this process's. Raises GroundError."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise GroundError("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody.")
