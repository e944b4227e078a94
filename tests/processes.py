"""Processes of ours under test: started, awaited, stopped or killed, with all they print kept for the failure's report."""

from __future__ import annotations

from pathlib import Path

from heliograph.commands.stage.processes import Process, free_port
from tests.databases import DatabaseFacts

__all__ = ["Process", "Starter", "free_port"]


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
