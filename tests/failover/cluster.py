"""Two PostgreSQL servers with synchronous replication under Patroni and etcd, each as if it had a machine of its own, on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import psycopg

from heliograph.stage.command_processes import free_port
from tests import postgres
from tests.failover.links import Links
from tests.waiting import until

SCOPE: Final = "heliograph"
STARTING: Final = 180.0
"""Seconds in which a cluster may become whole on a loaded machine."""
DYNAMIC: Final = {
    "ttl": 20,
    "loop_wait": 2,
    "retry_timeout": 5,
    "synchronous_mode": True,
    "primary_start_timeout": 0,
    "primary_stop_timeout": 5,
    "postgresql": {
        "use_pg_rewind": True,
        "use_slots": True,
        "parameters": {"max_connections": 200, "wal_log_hints": "on"},
    },
}
"""Patroni's settings of the whole cluster, as in docs/running/failover.md."""


def _call(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


class Machine:
    """Starts programs as the server's user, in its folder, and ends them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.owner = postgres.server_owner()
        if self.owner:
            shutil.chown(folder, *self.owner)
        self._popen: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> None:
        """Starts the machine's program; its output goes to `log`."""
        owner: dict[str, Any] = {"user": self.owner[0], "group": self.owner[1], "extra_groups": []} if self.owner else {}
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}
        with (self.folder / "log").open("ab") as log:
            self._popen = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **owner
            )

    def kill_program(self) -> None:
        if self._popen is not None:
            _kill([self._popen.pid])
            self._popen.wait()


class Etcd(Machine):
    """One etcd. Production wants three (docs/running/failover.md)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        url, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{free_port()}"
        self.run(
            *("etcd", "--name=etcd", f"--data-dir={folder / 'data'}", f"--listen-client-urls={url}", f"--advertise-client-urls={url}"),
            *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=etcd={peer}", "--log-level=warn"),
        )
        until(self._answers, STARTING)

    def _answers(self) -> bool:
        try:
            return _call(f"http://127.0.0.1:{self.port}/health")["health"] == "true"
        except OSError:
            return False


class Node(Machine):
    """A PostgreSQL with its Patroni. Clients reach it at `port`; etcd and the other node only by links."""

    def __init__(self, name: str, folder: Path, links: Links, etcd: Etcd) -> None:
        super().__init__(folder)
        self.name, self.port, self.rest = name, free_port(), free_port()
        self.links = [links.to(port) for port in (etcd.port, self.port, self.rest)]
        etcd_link, postgres_link, rest_link = self.links
        bin_dir = postgres.binaries()
        assert bin_dir is not None
        users = {role: {"username": role if role != "superuser" else "postgres"} for role in ("superuser", "replication", "rewind")}
        self.config = folder / "patroni.yml"
        settings = {
            "scope": SCOPE,
            "name": name,
            "restapi": {"listen": f"127.0.0.1:{self.rest}", "connect_address": f"127.0.0.1:{rest_link.port}"},
            "etcd3": {"hosts": [f"127.0.0.1:{etcd_link.port}"], "use_proxies": True},
            "bootstrap": {"dcs": DYNAMIC, "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"]},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{postgres_link.port}",
                "data_dir": str(folder / "data"),
                "bin_dir": str(bin_dir),
                "pgpass": str(folder / "pgpass"),
                "authentication": users,
                "parameters": {"unix_socket_directories": str(folder), "lc_messages": "C"},
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
            },
        }
        self.config.write_text(json.dumps(settings))  # JSON is YAML
        self.config.chmod(0o644)
        self.start()

    def start(self) -> None:
        """Starts the machine, as after its power is back."""
        self.run("patroni", str(self.config))

    def kill_postgres(self) -> None:
        """SIGKILL for PostgreSQL and all its processes; Patroni runs on."""
        with contextlib.suppress(FileNotFoundError):
            _kill(_with_children(int((self.folder / "data" / "postmaster.pid").read_text().split()[0])))

    def kill(self) -> None:
        """SIGKILL for everything on the machine."""
        self.kill_program()
        self.kill_postgres()

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


class Cluster:
    """etcd and two nodes."""

    def __init__(self, folder: Path, links: Links) -> None:
        self.etcd = Etcd(folder / "etcd")
        self.nodes = [Node(name, folder / name, links, self.etcd) for name in ("one", "two")]
        try:
            self.until_whole()
            with psycopg.connect(self.primary().url("postgres"), autocommit=True) as session:
                session.execute("CREATE ROLE heliograph LOGIN")
                session.execute("CREATE DATABASE heliograph OWNER heliograph")
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """HELIOGRAPH_DATABASE_URL."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://heliograph@{hosts}/heliograph?target_session_attrs=read-write"

    def primary(self) -> Node:
        """The node that Patroni calls the leader."""
        roles = self._roles()
        return next(node for node in self.nodes if roles.get(node.name, "").startswith("leader"))

    def until_whole(self) -> None:
        """Waits until there is a primary with a synchronous standby that follows it."""
        until(lambda: sorted(self._roles().values()) == ["leader running", "sync_standby streaming"], STARTING, every=0.2)

    def until_primary(self, node: Node) -> None:
        """Waits until this node says that it is the primary."""
        until(lambda: _roles_by(node).get(node.name) == "leader running", STARTING, every=0.2)

    def other(self, node: Node) -> Node:
        return next(each for each in self.nodes if each is not node)

    def cut_off(self) -> None:
        """Parts the nodes from each other, and the primary from etcd. Clients reach both."""
        primary = self.primary()
        for link in (*primary.links, *self.other(primary).links[1:]):
            link.cut()

    def mend(self) -> None:
        for node in self.nodes:
            for link in node.links:
                link.mend()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        self.etcd.kill_program()

    def _roles(self) -> dict[str, str]:
        return next(filter(None, map(_roles_by, self.nodes)), {})


def _roles_by(node: Node) -> dict[str, str]:
    """Role and state of each node by its name, as this one knows them; empty if it does not answer."""
    try:
        members = _call(f"http://127.0.0.1:{node.rest}/cluster")["members"]
    except (OSError, ValueError):
        return {}
    return {member["name"]: f"{member['role']} {member['state']}" for member in members}


def _with_children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False).stdout
    return [pid, *map(int, listed.split())]


def _kill(pids: Iterable[int]) -> None:
    pids = list(pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(_is_alive, pids)))


def _is_alive(pid: int) -> bool:
    """As command_processes.is_alive, without a `ps` for each of a server's hundred processes: that would take seconds."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
