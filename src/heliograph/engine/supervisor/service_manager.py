"""Reports of the supervisor to the service manager that started it (O17): systemd's protocol, sd_notify(3).

A report is a datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names. Without that variable nothing is sent. The protocol is
stable and takes a dozen lines, so no library does it here: `sdnotify` has had no release since 2017, and systemd's own needs its C headers.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, MutableMapping
from typing import Final

SEND_WITHIN: Final = 1.0
"""Seconds for which a report may wait where the manager's queue is full."""
PINGS_PER_LIMIT: Final = 4
"""Pings within the time after which systemd calls a silent service hung: late ones, and one that is lost, do no harm."""


class ServiceManager:
    """The service manager of this start. Its variables are removed from the environment, so that child processes do not report, too."""

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.pop("NOTIFY_SOCKET", "")
        limit = environ.pop("WATCHDOG_USEC", "")
        watched_process = environ.pop("WATCHDOG_PID", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address  # a leading @: a name without a file
        is_watched = limit.isdigit() and watched_process in ("", str(os.getpid()))
        self._ping_every = int(limit) / 1e6 / PINGS_PER_LIMIT if is_watched else 0.0
        self._next_ping = 0.0 if is_watched else float("inf")
        self._status = ""

    def mark_ready(self) -> None:
        """Reports that every process serves: units that wait for this one are started now."""
        self._send("READY=1")

    def mark_alive(self, states: Mapping[str, str]) -> None:
        """Reports that the supervisor looks after its processes; called in each of its rounds. systemd kills and restarts a service that stops to report.

        states: the state of each process, which `systemctl status` shows
        """
        status = ", ".join(f"{name} {state}" for name, state in states.items())
        if status != self._status:
            self._status = status
            self._send(f"STATUS={status}")
        if time.monotonic() >= self._next_ping:
            self._next_ping = time.monotonic() + self._ping_every
            self._send("WATCHDOG=1")

    def mark_stopping(self) -> None:
        """Reports that the processes finish what is in flight."""
        self._send("STOPPING=1\nSTATUS=finishing what is in flight")

    def _send(self, report: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(SEND_WITHIN)
            try:
                sender.sendto(report.encode(), self._address)
            except OSError:
                return  # a manager that is restarted; the next report may reach it
