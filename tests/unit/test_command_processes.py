"""The ports of our commands' processes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from heliograph.stage import command_processes
from heliograph.stage.command_processes import NotReady, free_port


def test_a_port_is_given_once_and_the_system_gives_it_to_nobody() -> None:
    system = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(system.read_text().split()[0]) if system.exists() else 49_152
    ports = [free_port() for _ in range(500)]
    assert len(set(ports)) == len(ports)
    assert 1024 < min(ports) < max(ports) < max(first, 30_000)


def test_a_port_on_which_something_listens_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", free_port()))
        listening.listen()
        port = listening.getsockname()[1]
        monkeypatch.setattr(command_processes, "_given_ports", set())
        monkeypatch.setattr(command_processes, "_PORTS", 1)
        monkeypatch.setattr(command_processes, "_first_port_of_the_system", lambda: port + 1)
        with pytest.raises(NotReady, match="no port"):
            free_port()
