"""Processes of ours under test: started, awaited, stopped or killed, with all they print kept for the failure's report."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.databases import DatabaseFacts
from tests.waiting import until


def free_port() -> int:
    """A port of the loopback address that nobody listened on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """One command of ours, in a process group of its own, so that nothing of it outlives the test."""

    def __init__(self, arguments: Sequence[str], env: dict[str, str], log: Path) -> None:
        self.arguments = tuple(arguments)
        self.log = log
        self._file = log.open("wb")
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "heliograph", *arguments], env=env, stdout=self._file, stderr=subprocess.STDOUT, start_new_session=True
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text("utf-8", "replace")

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def until_printed(self, text: str, timeout: float = 20.0) -> str:
        """Waits until `text` stands in the output, and returns the output."""

        def printed() -> bool:
            if text in self.output:
                return True
            assert self.returncode is None, f"{self.arguments} ended with {self.returncode} before it printed {text!r}:\n{self.output}"
            return False

        until(printed, timeout)
        return self.output

    def until_answers(self, url: str, timeout: float = 20.0) -> None:
        """Waits until a GET of `url` is answered with a status below 500."""

        def answers() -> bool:
            assert self.returncode is None, f"{self.arguments} ended with {self.returncode}:\n{self.output}"
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return True
            except urllib.error.HTTPError as error:
                error.close()
                return error.code < 500
            except OSError:
                return False

        try:
            until(answers, timeout, every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{url} was not answered\n{self.output}") from error

    def wait(self, timeout: float = 20.0) -> int:
        """Its exit code once it has ended by itself."""
        return self._popen.wait(timeout)

    def terminate(self, timeout: float = 12.0) -> int:
        """SIGTERM, as a service manager does; the exit code."""
        if self.returncode is None:
            self._popen.send_signal(signal.SIGTERM)
        return self._popen.wait(timeout)

    def kill(self) -> None:
        """SIGKILL to all of its group, as a power cut does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self._file.close()


class Starter:
    """Starts processes against one database and ends them all afterwards."""

    def __init__(self, database: DatabaseFacts, folder: Path) -> None:
        self.database = database
        self._folder = folder
        self.started: list[Process] = []

    def __call__(self, *arguments: str, **env: str) -> Process:
        """A running `heliograph <arguments>`; keywords are further variables, such as HELIOGRAPH_BIND."""
        process = Process(arguments, self.database.env(**env), self._folder / f"{len(self.started)}-{arguments[0].strip('-')}.log")
        self.started.append(process)
        return process

    def run(self, *arguments: str, timeout: float = 50.0, **env: str) -> Process:
        """The same, after it has ended."""
        process = self(*arguments, **env)
        process.wait(timeout)
        return process

    def end(self) -> None:
        for process in reversed(self.started):
            process.kill()
