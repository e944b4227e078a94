"""What serve, web and worker report to the service manager that started them: when they serve, that they live, and that they stop (O17)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.databases import DatabaseFacts
from tests.processes import Process, Starter, free_port
from tests.service_manager import ReportSocket

from heliograph.engine.supervisor.service_manager import ServiceManager

WATCHDOG = {"WATCHDOG_USEC": "2000000"}
COMMANDS = {"sqlite": ("serve",), "postgresql": ("web", "worker")}


def started(heliograph: Starter, command: str, manager: ReportSocket, **more: str) -> Process:
    """The process of a service, reporting to this manager."""
    binds = {f"HELIOGRAPH_{name}": f"127.0.0.1:{free_port()}" for name in ("BIND", "OPERATIONS_BIND")}
    return heliograph(command, NOTIFY_SOCKET=manager.address, **binds, **more)


def test_O17_every_service_says_that_it_serves_lives_and_stops(
    heliograph: Starter, fresh_database: DatabaseFacts, vendor: str, tmp_path: Path
) -> None:
    for number, command in enumerate(COMMANDS[vendor]):
        folder = tmp_path / str(number)
        folder.mkdir()
        with ReportSocket(folder) as manager:
            process = started(heliograph, command, manager, **WATCHDOG)
            manager.until("READY=1")
            manager.until("WATCHDOG=1", times=3)
            names = sorted(process.children())
            assert f"STATUS={', '.join(f'{name} running' for name in names)}" in [
                f"STATUS={', '.join(sorted(each.removeprefix('STATUS=').split(', ')))}" for each in manager.reports
            ]
            assert process.terminate() == 0
            manager.until("STOPPING=1")
        assert manager.reports.count("READY=1") == 1
        assert manager.reports.index("READY=1") < manager.reports.index("STOPPING=1")
        assert manager.reports[-1] == "STATUS=finishing what is in flight"


def test_O17_only_the_supervisor_reports(heliograph: Starter, fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    """A process that inherits the socket could say of the service that it is ready, or lives. If one dies, the service stays active, since the
    supervisor starts it again; `systemctl status` says which one."""
    with ReportSocket(tmp_path) as manager:
        process = started(heliograph, "serve", manager)
        manager.until("READY=1")
        children = process.children()
        for pid in children.values():
            names = {line.partition(b"=")[0] for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}
            assert names.isdisjoint({b"NOTIFY_SOCKET", b"WATCHDOG_USEC", b"WATCHDOG_PID"})
        os.kill(children["engine"], signal.SIGKILL)
        manager.until("STATUS=engine resting, pages running")
        manager.until("STATUS=engine running, pages running")
    assert "WATCHDOG=1" not in manager.reports, "nobody has asked for it"


@pytest.mark.once
def test_O17_the_name_of_the_socket_may_be_abstract(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    with ReportSocket(tmp_path, abstract=True) as socket:
        manager = ServiceManager({"NOTIFY_SOCKET": socket.address})
        manager.mark_ready()
        socket.until("READY=1")


@pytest.mark.once
def test_O17_without_a_manager_nothing_is_sent(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    """Nor does a manager that is gone stop the service; and a watchdog that is meant for another process is left alone."""
    with ReportSocket(tmp_path) as socket:
        watchdog_of_another = {"NOTIFY_SOCKET": socket.address, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
        for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}, watchdog_of_another):
            manager = ServiceManager(environ)
            manager.mark_alive({"engine": "running"})
            assert not environ
        socket.until("STATUS=engine running")
    assert socket.reports == ["STATUS=engine running"]
