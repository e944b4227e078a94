"""Runs our own commands as processes: starts them with their own ports and logs, waits for them, asks them to stop, kills them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.stage.ground import Ground

OWN_PROGRAM: Final = (sys.executable, "-P", "-m", "heliograph")
"""The command line of this release, before its arguments."""


class NotReady(HeliographError):
    """A process was not ready in time."""


def free_port() -> int:
    """A port of the loopback address on which nothing listens, for a process that binds it seconds later.

    It lies below the range from which the system takes ports for connections and for listeners without a wish: none of these can take it
    meanwhile. This process is given each port once. Raises NotReady.
    """
    first = _first_port_of_the_system()
    for port in random.sample(range(first - _PORTS, first), _PORTS):  # not in turn: others choose here too
        with socket.socket() as probe, contextlib.suppress(OSError):
            if port not in _given_ports:
                probe.bind(("127.0.0.1", port))
                _given_ports.add(port)
                return port
    raise NotReady(f"no port of 127.0.0.1 is free between {first - _PORTS} and {first}")


_PORTS: Final = 10_000
_given_ports: set[int] = set()


def _first_port_of_the_system() -> int:
    """The first port that the system gives to whoever names none: 32768 on Linux unless set otherwise, 49152 elsewhere."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    except OSError:
        first = 49_152
    return max(first, 3 * _PORTS)


def wait_until[T](condition: Callable[[], T], timeout: float, every: float = 0.02) -> T | None:
    """The first truthy value of `condition`, evaluated every `every` seconds; None after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() >= deadline:
            return None
        time.sleep(every)


def children(pid: int) -> dict[str, int]:
    """The child processes of a supervisor by name: {"engine": 71, "pages": 72}."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout  # noqa: S607
    children = {}
    for line in listed.splitlines():
        child, parent, arguments = line.split(None, 2) if line.count(" ") else ("0", "0", "")
        if int(parent) == pid and " process " in arguments:
            children[arguments.rpartition(" process ")[2].strip()] = int(child)
    return children


def is_alive(pid: int) -> bool:
    """True if the process exists; a zombie does not count."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout  # noqa: S603, S607
    return bool(listed.strip()) and not listed.strip().startswith("Z")


class Process:
    """One of our commands in its own process group, with all its output in `log`."""

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        within: Sequence[str] = (),
        program: Sequence[str] = OWN_PROGRAM,
    ) -> None:
        """within: a command that runs it with other rights or another view of the file system, such as nsenter and its arguments
        program: the command line of the release to start, before its arguments
        """
        self.arguments = tuple(arguments)
        self.log = log
        with log.open("ab") as file:
            self._from = file.tell()
            self._popen = subprocess.Popen(  # noqa: S603 -- our own command
                [*within, *program, *arguments],
                env=dict(env),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> str:
        """Its output so far."""
        with self.log.open("rb") as file:
            file.seek(self._from)
            return file.read().decode("utf-8", "replace")

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        return self._popen.poll()

    def children(self) -> dict[str, int]:
        """Its child processes, by name."""
        return children(self.pid)

    def until_printed(self, text: str, timeout: float = 60.0) -> str:
        """Waits until the output contains `text`, and returns the output. Raises NotReady."""
        self._until(lambda: text in self.output, timeout, f"print {text!r}")
        return self.output

    def until_answers(self, url: str, timeout: float = 60.0) -> None:
        """Waits until a GET of `url` is answered with a status below 500. Raises NotReady."""
        self._until(lambda: _answers(url), timeout, f"answer at {url}")

    def _until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        if wait_until(lambda: condition() or self.returncode is not None, timeout) and (self.returncode is None or condition()):
            return
        ended = "" if self.returncode is None else f"; it ended with exit code {self.returncode}"
        raise NotReady(f"heliograph {' '.join(self.arguments)} did not {what} within {timeout:.0f} s{ended}:\n{self.output[-4000:]}")

    def wait(self, timeout: float = 60.0) -> int:
        """Waits until it ends by itself. Returns the exit code."""
        return self._popen.wait(timeout)

    def ask_to_stop(self) -> None:
        """Sends SIGTERM, as a service manager does; call `wait` for the end."""
        if self.returncode is None:
            self._popen.send_signal(signal.SIGTERM)

    def terminate(self, timeout: float = 12.0) -> int:
        """Asks it to stop and waits. Returns the exit code."""
        self.ask_to_stop()
        return self._popen.wait(timeout)

    def kill(self) -> None:
        """Sends SIGKILL to its group. For a supervisor that is only itself: its children have their own groups and end by themselves."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def kill_all(self) -> None:
        """Sends SIGKILL to it and its children, as a power cut does."""
        children = self.children().values() if self.returncode is None else ()
        self.kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                os.kill(pid, signal.SIGCONT)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 -- an address of ours on loopback
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


class ServiceProcess:
    """One of `serve`, `web` and `worker`, which can be started repeatedly as a service manager does: with the same ports, data folder and
    log."""

    def __init__(self, ground: Ground, command: str, name: str = "", **settings: str) -> None:
        """name: the name of a process among several; each then has its own data folder, as on its own machine
        settings: as in Ground.environment
        """
        self.name = name or command
        self.machine = name
        self.command = command
        self.data = ground.data(name)
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.pages = f"http://127.0.0.1:{free_port()}"
        """Address of the pages, which serve /ingest too."""
        self.door = f"http://127.0.0.1:{free_port()}"
        """Address of the fast door for /ingest."""
        self.log = ground.logs / f"{self.name}.log"
        addresses = {
            "bind": _place(self.pages),
            "base_url": self.pages,
            "ingest_bind": _place(self.door),
            "operations_bind": f"127.0.0.1:{free_port()}",
        }
        self.operations = f"http://{addresses['operations_bind']}"
        """Address of its operations port."""
        self._env = ground.environment(name, **(addresses | settings))
        self.process: Process | None = None

    def start(self, program: Sequence[str] = OWN_PROGRAM) -> Process:
        """Starts the command; `until_ready` waits for it.

        program: the command line of the release to start
        """
        self.process = Process([self.command], self._env, self.log, program=program)
        return self.process

    def until_ready(self, timeout: float = 60.0) -> None:
        """Waits until all its processes have started. Raises NotReady."""
        self.running.until_printed("Heliograph serves" if self.command != "worker" else "Heliograph delivers", timeout)

    def run(self, *arguments: str, timeout: float = 120.0) -> str:
        """Runs another command with the same settings to its end. Returns its output. Raises NotReady if it ends with another code than 0."""
        process = Process(arguments, self._env, self.log.with_name(f"{self.name}-{arguments[0]}.log"))
        if process.wait(timeout):
            raise NotReady(f"heliograph {' '.join(arguments)} ended with exit code {process.returncode}:\n{process.output[-4000:]}")
        return process.output

    def states(self) -> dict[str, str]:
        """The state of each of its processes, as its supervisor knows it: "running" once it serves. Empty if the supervisor does not answer."""
        try:
            with urllib.request.urlopen(f"{self.operations}/health/ready", timeout=5) as answer:  # noqa: S310 -- an address of ours on loopback
                body = answer.read()
        except urllib.error.HTTPError as error:  # not ready, and why
            with error:
                body = error.read()
        except OSError:
            return {}
        states: dict[str, str] = json.loads(body)["processes"]
        return states

    def metrics(self) -> str:
        """Its metrics, in Prometheus's text format."""
        with urllib.request.urlopen(f"{self.operations}/metrics", timeout=10) as answer:  # noqa: S310 -- an address of ours on loopback
            body: bytes = answer.read()
        return body.decode()

    @property
    def running(self) -> Process:
        """The process that was started last."""
        assert self.process is not None, f"{self.name} was not started"
        return self.process

    def pids(self) -> dict[str, int]:
        """All its running processes: the supervisor under the command's name, and its children under theirs."""
        if self.process is None or self.process.returncode is not None:
            return {}
        return {self.command: self.process.pid, **self.process.children()}

    @property
    def flight(self) -> Path:
        """The folder of its worker's in-flight journal."""
        return self.data / "flight"

    def end(self) -> None:
        """Ends all its processes, in any state."""
        if self.process is not None:
            self.process.kill_all()


def _place(url: str) -> str:
    return url.removeprefix("http://")
