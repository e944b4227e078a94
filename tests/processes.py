"""Our processes under test: started, awaited, stopped or killed, with all their output kept for the report of a failure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from heliograph.stage import command_processes
from heliograph.stage.command_processes import free_port
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE

__all__ = ["PASSWORD", "Process", "Starter", "free_port"]

PASSWORD = "a sentence to remember"
STARTING = 3 * PATIENCE
"""Seconds in which a process may start, end or run a command: on a loaded machine Python alone needs a while to load what it imports."""


class Process(command_processes.Process):
    """A process of ours that has as much time as a loaded machine needs."""

    def until_printed(self, text: str, timeout: float = STARTING) -> str:
        """Waits until it has printed the text. Returns all its output."""
        return super().until_printed(text, timeout)

    def until_answers(self, url: str, timeout: float = STARTING) -> None:
        """Waits until the address answers."""
        super().until_answers(url, timeout)

    def wait(self, timeout: float = STARTING) -> int:
        """Waits until it ends. Returns its exit code."""
        return super().wait(timeout)

    def terminate(self, timeout: float = STARTING) -> int:
        """Asks it to stop, and waits until it has. Returns its exit code."""
        return super().terminate(timeout)


class Starter:
    """Starts processes against one database, and ends them all afterwards."""

    def __init__(self, database: DatabaseFacts, folder: Path, within: Sequence[str] = ()) -> None:
        """within: a command that runs each of them with other rights or another view of the file system"""
        self.database = database
        self._within = within
        self._folder = folder
        self.started: list[Process] = []

    def __call__(self, *arguments: str, **env: str) -> Process:
        """Starts `heliograph <arguments>`; keywords are further variables, such as HELIOGRAPH_BIND."""
        process = Process(
            arguments, self.database.env(**env), self._folder / f"{len(self.started)}-{arguments[0].strip('-')}.log", self._within
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, timeout: float = STARTING, **env: str) -> Process:
        """Runs the command to its end."""
        process = self(*arguments, **env)
        process.wait(timeout)
        return process

    def adds_ada(self, role: str) -> None:
        """Adds Ada to the account ACME, with the operator's command; she signs in as ada@example.org with PASSWORD."""
        file = self.database.data / "password"
        file.write_text(PASSWORD)
        who = ("ada@example.org", "--account", "ACME", "--name", "Ada", "--role", role)
        made = self.run("createuser", *who, "--password-file", str(file))
        assert made.returncode == 0, made.output

    def serves(self, **env: str) -> str:
        """Runs `heliograph serve` on its own ports, permitted to send to this machine. Returns the URL of its pages, once they answer."""
        address = f"http://127.0.0.1:{free_port()}"
        serve = self(
            "serve",
            HELIOGRAPH_BIND=address.removeprefix("http://"),
            HELIOGRAPH_BASE_URL=address,
            HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}",
            HELIOGRAPH_ALLOWED_NETWORKS="127.0.0.0/8",
            **env,
        )
        serve.until_answers(f"{address}/accounts/sign-in/")
        return address

    def end(self) -> None:
        for process in reversed(self.started):
            process.kill()
