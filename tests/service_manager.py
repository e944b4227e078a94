"""A service manager for the tests: a real datagram socket, which collects what a service reports (sd_notify(3))."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Self

from tests.processes import STARTING
from tests.waiting import until


class ReportSocket:
    """Listens inside `with`. `reports` holds every line that came, in order."""

    def __init__(self, folder: Path, *, abstract: bool = False) -> None:
        self.address = f"@heliograph-test-{folder.name}" if abstract else str(folder / "notify")
        self.reports: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._socket.bind(self.address.replace("@", "\0", 1) if self.address.startswith("@") else self.address)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def until(self, report: str, times: int = 1) -> None:
        """Waits until this line has come so many times."""
        until(lambda: self.reports.count(report) >= times, STARTING)

    def _read(self) -> None:
        while datagram := self._socket.recv(4096):
            self.reports += datagram.decode().splitlines()
