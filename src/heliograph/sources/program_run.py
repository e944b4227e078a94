"""One run of an operator's program: a process group of its own, no shell, an emptied environment, and bounds (S6)."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.outbound.masks import masks_of
from heliograph.sources.commands_file import Command
from heliograph.sources.program_launcher import MEGABYTE

PIECE: Final = 64 * 1024
"""Bytes that are read at a time."""
LONGEST_STDERR: Final = 64 * 1024
"""Bytes of what it logged that are kept: the last ones."""
PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class ProgramFailed(HeliographError):
    """The program did not end well; the message is a sentence without secrets."""


class ProgramRun:
    """A running program. Use it on one thread: the program is killed when the thread that started it ends.

    state: what it gets by `--state`; None for nothing
    number: of the source; its files are below the data folder by this number
    Raises ProgramFailed if it cannot be started.
    """

    def __init__(self, command: Command, state: Mapping[str, Any] | None, number: int) -> None:
        self.command = command
        secrets = _secrets_in(command)
        self._masks = masks_of([*secrets, *(line for text in secrets for line in text.splitlines())])
        self._folder = Path(settings.HELIOGRAPH.data) / "commands" / f"source-{number}"
        self._printed = 0
        self._stderr, self._is_cut = b"", False
        self._deadline = time.monotonic() + command.timeout
        argv = [*command.argv, *(["--config", command.config] if command.config else [])]
        argv += ["--catalog", command.catalog] if command.catalog else []
        try:
            shutil.rmtree(self._folder, ignore_errors=True)  # a run that was killed left it
            if state is not None:
                argv += ["--state", str(self._write_state(state))]
            self._process = self._start(argv)
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ProgramFailed("%(name)s could not be started: %(reason)s.", name=command.label, reason=str(error.strerror)) from None
        self._streams = selectors.DefaultSelector()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            self._streams.register(stream, selectors.EVENT_READ)

    def _start(self, argv: list[str]) -> subprocess.Popen[bytes]:
        command = self.command
        environment = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": command.folder, **command.environment}
        bounds = {"parent": os.getpid(), "argv": argv, "environment": environment, "folder": command.folder}
        bounds |= {"memory": command.memory, "timeout": command.timeout, "output": command.output}
        with tempfile.TemporaryFile() as handed:  # arguments can be seen by every user of the machine
            handed.write(json.dumps(bounds).encode())
            handed.seek(0)
            return subprocess.Popen(  # noqa: S603 -- the operator's program, without a shell
                [sys.executable, "-I", str(Path(__file__).with_name("program_launcher.py")), str(handed.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PATH": PATH, "LANG": "C.UTF-8"},
                pass_fds=(handed.fileno(),),
                start_new_session=True,
            )

    def _write_state(self, state: Mapping[str, Any]) -> Path:
        self._folder.mkdir(mode=0o700, parents=True)
        path = self._folder / "state.json"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(state, file)
        return path

    def read(self, seconds: float) -> Iterator[bytes]:
        """What it prints within that time, piece by piece. Raises ProgramFailed if it exceeds a bound."""
        until = time.monotonic() + seconds
        while not self.is_over and (left := until - time.monotonic()) > 0:
            if time.monotonic() > self._deadline:
                template = gettext_noop("%(name)s was stopped: it ran longer than %(seconds)s seconds.")
                raise ProgramFailed(template, name=self.command.label, seconds=self.command.timeout)
            wait = min(left, max(0.0, self._deadline - time.monotonic()))
            if not self._streams.get_map():  # it has closed both, and still runs
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(wait)
                continue
            for key, _events in self._streams.select(wait):
                piece = os.read(key.fd, PIECE)
                if not piece:
                    self._streams.unregister(key.fileobj)
                elif key.fileobj is self._process.stderr:
                    self._stderr, self._is_cut = (self._stderr + piece)[-LONGEST_STDERR:], self._is_cut or self._is_full(piece)
                else:
                    self._printed += len(piece)
                    if self._printed > self.command.output * MEGABYTE:
                        template = gettext_noop("%(name)s was stopped: it printed more than %(n)s MB.")
                        raise ProgramFailed(template, name=self.command.label, n=self.command.output)
                    yield piece

    def _is_full(self, piece: bytes) -> bool:
        return len(self._stderr) + len(piece) > LONGEST_STDERR

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and everything that it printed is read."""
        return not self._streams.get_map() and self._process.poll() is not None

    def check_end(self) -> None:
        """Raises ProgramFailed unless it ended with 0. Call it when it is over."""
        status = self._process.wait()
        if status == 0:
            return
        template = gettext_noop("%(name)s ended by %(end)s.") if status < 0 else gettext_noop("%(name)s ended with %(end)s.")
        ended = Sentence(template, name=self.command.label, end=signal.Signals(-status).name if status < 0 else str(status))
        last = self.log.strip().rpartition("\n")[2][:500]
        if last:
            raise ProgramFailed("%(sentence)s The last line that it logged: %(line)s", sentence=ended, line=last)
        raise ProgramFailed(ended)

    @property
    def log(self) -> str:
        """The last that it logged (standard error), without the secrets of its configuration."""
        text = self._stderr.partition(b"\n")[2] if self._is_cut else self._stderr  # half a line may be half a secret
        lines = text.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}").split("\n")
        return "\n".join(map(self._masks.blotted, lines))  # each alone: a text that is full of secrets is blotted as a whole

    def close(self) -> None:
        """Kills whatever of it still runs, and removes its files."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._streams.close()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _secrets_in(command: Command) -> list[str]:
    """The texts in its configuration file and its variables: each may be a secret."""
    texts = list(command.environment.values())
    if command.config:
        try:
            _collect(json.loads(Path(command.config).read_bytes()), texts)
        except (OSError, ValueError, RecursionError):
            raise ProgramFailed(
                "The configuration of %(name)s is not there, or is no JSON. Whoever runs Heliograph can put this right.", name=command.label
            ) from None
    return texts


def _collect(value: object, texts: list[str]) -> None:
    if isinstance(value, str):
        texts.append(value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _collect(inner, texts)
