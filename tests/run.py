"""`make test`: finds or installs what the tests need, disables the network, runs pytest on both databases and in the browser, in parts that
share the machine, and sums up.

The last line is `N passed, N failed`. A skipped test counts as a failure: nothing here may be left out silently. What needs a program that this
release does not have (tests/needed.py) is listed before it as not run, with the reason, and what failed by its name and error. A test waits as
long as a loaded machine needs (tests/waiting.py). Nothing is tried twice: a test that fails now and then is mended.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from tests import canaille, needed, postgres, pretix, releases, taps, turns

_REASONS = "HELIOGRAPH_TEST_WITHOUT_REASONS"
"""The variable that says, as JSON, why each thing of needed.WITHOUT is not here."""
PARTS = {"postgres": 3, "sqlite": 6}
"""Parts that share the test files of a database."""
ROOM, LONG, SHORT = 12, 3, 2
"""Tests wait for processes and browsers, so two cores have room for four long parts at the same time; and for six short ones, which wait more. These run
last and all at once, so that all end at about the same time."""


def main() -> int:
    """Returns the exit code: 0 only if every test of every run passed."""
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="unit, property and architecture tests only")
    parser.add_argument("--trials", action="store_true", help="the long tests only")
    parser.add_argument("--database", choices=("sqlite", "postgres"), help="one database only")
    parser.add_argument("--fsync", choices=("on", "off"), help="fsync of the test PostgreSQL (default: on for trials)")
    options, rest = parser.parse_known_args()
    if options.fast:
        rest = ["tests/unit", "tests/property", "tests/architecture", *rest]
        options.database = "sqlite"
    if options.trials:
        rest = ["-m", "trial", "-o", "timeout=1800", *rest]

    # A container often sets this to stay small; here hundreds of processes would each compile the same modules anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if not options.fast:
        _provide()
        canaille.environment()
        if options.trials:
            for name in taps.NAMES:
                taps.program(name)
        if _takes_pretix(rest):
            pretix.environment()
        if "git" not in needed.said_without():
            releases.previous_release()
    if not options.database and not options.trials:
        return _side_by_side([f"--fsync={options.fsync}"] if options.fsync else [], rest)
    _leave_the_network()

    wanted = [options.database] if options.database else ["sqlite", "postgres"]
    runs = [vendor for vendor in wanted if vendor != "postgres" or "postgresql" not in needed.said_without()]
    left_out = {f"all tests on {vendor}": "postgresql" for vendor in wanted if vendor not in runs}
    fsync = options.fsync or ("on" if options.trials else "off")
    results = []
    with contextlib.ExitStack() as stack:
        # A process that a test left behind may still write there.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hg-run-", ignore_cleanup_errors=True)))
        environment = {**os.environ, "HELIOGRAPH_TEST_FSYNC": fsync}
        if options.trials:
            environment.setdefault("HELIOGRAPH_TEST_HYPOTHESIS", "trial")
        if "postgres" in runs:
            server = postgres.Server(fsync=fsync == "on")
            stack.callback(server.stop)
            environment["HELIOGRAPH_TEST_POSTGRES"] = str(server.folder)
        for vendor in runs:
            print(f"\n=== {vendor} ===", flush=True)
            counts = folder / f"{vendor}.json"
            environment |= {"HELIOGRAPH_TEST_DATABASE": vendor, "HELIOGRAPH_TEST_COUNTS": str(counts)}
            # The folder of tests that pytest chooses is cleared by each run, also under another one: that ends a run now and then.
            command = [sys.executable, "-m", "pytest", f"--basetemp={folder / vendor}", *rest]
            code = subprocess.run(command, env=environment, check=False).returncode
            results.append(Result.read(counts, code))
    result = sum(results, Result(collections.Counter(), not_run=left_out))
    if keep := os.environ.get("HELIOGRAPH_TEST_RESULT"):
        result.write(Path(keep))
    return _said(result)


def _takes_pretix(chosen: Sequence[str]) -> bool:
    """Whether a test with a real pretix is among the chosen ones: its environment takes minutes to make."""
    paths = [Path(each) for each in chosen if each.startswith("tests")]
    return not paths or any("pretix" in path.name or any(path.rglob("test_pretix_[fr]*.py")) for path in paths)


def _provide() -> None:
    """Installs what is not here. What this release lacks is left to pytest to leave out, by the environment."""
    lacking = needed.provided(needed.missing())
    if lacking:
        reasons = json.loads(os.environ.get(_REASONS, "{}")) | lacking
        os.environ |= {needed.WITHOUT: ",".join(sorted(needed.said_without() | lacking.keys())), _REASONS: json.dumps(reasons)}
        for name, reason in lacking.items():
            print(f"without {name}: {reason}", flush=True)


@dataclass(frozen=True)
class Result:
    """What came of one run or several.

    failed: node ids of tests, each with the first line of its error; broken: a run ended otherwise than with tests that passed or failed;
    not_run: by node id, what they need that is not here.
    """

    counts: collections.Counter[str]
    failed: tuple[str, ...] = ()
    broken: bool = False
    not_run: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, code: int) -> Self:
        """Reads a run that ended with this code. Pytest's 5: nothing was selected in this run, e.g. only unit tests were requested."""
        if not file.exists():
            return cls(collections.Counter({"error": 1}), broken=True)
        found = json.loads(file.read_text())
        broken = found.get("broken", False) or code not in (0, 1, 5)
        return cls(collections.Counter(found["counts"]), tuple(found["failed"]), broken, found.get("not_run", {}))

    def write(self, file: Path) -> None:
        found = {"counts": self.counts, "failed": self.failed, "broken": self.broken, "not_run": dict(self.not_run)}
        file.write_text(json.dumps(found))

    def __add__(self, other: Result) -> Result:
        not_run = {**self.not_run, **other.not_run}
        return Result(self.counts + other.counts, self.failed + other.failed, self.broken or other.broken, not_run)

    @property
    def wrong(self) -> int:
        return self.counts["failed"] + self.counts["error"] + self.counts["skipped"]


def _said(result: Result) -> int:
    skipped = result.counts["skipped"]
    reasons = json.loads(os.environ.get(_REASONS, "{}"))
    for test, lacking in sorted(result.not_run.items()):
        print(f"not run: {test} needs {lacking}: {reasons.get(lacking, f'{needed.WITHOUT} names it')}", flush=True)
    for test in result.failed:
        print(f"failed: {test}", flush=True)
    more = (f" (of these {skipped} skipped)" if skipped else "") + (f", {len(result.not_run)} not run" if result.not_run else "")
    print(f"\n{result.counts['passed']} passed, {result.wrong} failed{more}", flush=True)
    return 1 if result.wrong or result.broken else 0


@dataclass
class Part:
    """A part of all tests: one database and a selection. turns: where it notes which files it takes, if it shares them with others."""

    name: str
    vendor: str
    chosen: Sequence[str]
    folder: Path
    room: int = LONG
    turns: Path | None = None
    result: Result = field(default_factory=lambda: Result(collections.Counter()))

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def run(self, *, seen: bool) -> None:
        """Runs it to its end. seen: shows its output while it runs, otherwise afterwards."""
        began = time.monotonic()
        with self.log.open("wb") as output:
            process = self._start(None if seen else output)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.result = Result.read(self.folder / f"{self.name}.json", process.returncode)
        took, cpu = time.monotonic() - began, usage.ru_utime + usage.ru_stime
        print(f"{self.log.read_text('utf-8', 'replace')}\n{self.name}: {took / 60:.1f} min, {cpu / 60:.1f} min of CPU", flush=True)

    def _start(self, output: IO[bytes] | None) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "HELIOGRAPH_TEST_RESULT": str(self.folder / f"{self.name}.json")}
        command = [sys.executable, "-m", "tests.run", "--database", self.vendor, *self.chosen]
        if self.turns:
            environment[turns.FILE] = str(self.turns)
            command += ["-p", turns.__name__]
        return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT if output else None)


class Room:
    """What the machine has room for, in any unit."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._freed = threading.Condition()

    def within(self, size: int, pool: ThreadPoolExecutor, run: Callable[[], None]) -> Future[None]:
        """Runs it on the pool once there is room for it; waits until then."""
        with self._freed:
            self._freed.wait_for(lambda: self._left >= size)
            self._left -= size
        running = pool.submit(run)
        running.add_done_callback(lambda _: self._free(size))
        return running

    def _free(self, size: int) -> None:
        with self._freed:
            self._left += size
            self._freed.notify()


def _side_by_side(options: Sequence[str], rest: Sequence[str]) -> int:
    """Runs the parts, as many at a time as have room, each in its own network namespace: one after another they would leave a core idle."""
    with tempfile.TemporaryDirectory(prefix="hg-parts-") as made:
        folder = Path(made)
        if rest:
            parts = [Part(vendor, vendor, [*options, *rest], folder) for vendor in ("sqlite", "postgres")]
        else:
            parts = [Part("browser", "sqlite", [*options, "tests/e2e"], folder)]  # the longest first
            for vendor, room, chosen in (("postgres", LONG, ()), ("sqlite", SHORT, ("--ignore=tests/e2e",))):
                taken = folder / f"{vendor}.turns"
                taken.touch()
                parts += [Part(f"{vendor} {n + 1}", vendor, [*options, *chosen], folder, room, taken) for n in range(PARTS[vendor])]
        machine = Room(ROOM)
        with ThreadPoolExecutor(len(parts)) as pool:
            for running in [machine.within(part.room, pool, functools.partial(part.run, seen=part is parts[0])) for part in parts]:
                running.result()
    return _said(sum((part.result for part in parts[1:]), parts[0].result))


def _leave_the_network() -> None:
    """Moves this process and its children to a network namespace with only loopback, so that libcurl and Chromium are confined too."""
    if os.environ.get("HELIOGRAPH_TEST_NAMESPACE") == "off" or not hasattr(os, "unshare"):
        print("no network namespace here: only Python's own sockets are kept on this machine", flush=True)
        return
    uid, gid = os.geteuid(), os.getegid()
    try:
        if uid == 0:
            os.unshare(os.CLONE_NEWNET)
        else:
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        _raise_loopback()
        os.environ["HELIOGRAPH_TEST_NAMESPACE"] = "on"
    except OSError as error:
        print(f"no network namespace here ({error}): only Python's own sockets are kept on this machine", flush=True)


def _raise_loopback() -> None:
    """`ip link set lo up`, without needing ip."""
    import fcntl
    import socket

    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack("16sH", fcntl.ioctl(any_socket, get_flags, name + bytes(16))[:18])[1]
        fcntl.ioctl(any_socket, set_flags, name + struct.pack("H", flags | up) + bytes(14))


if __name__ == "__main__":
    sys.exit(main())
