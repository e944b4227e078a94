"""Follows README.md in a fresh clone of the last commit: runs its commands as they are written, and looks for what they promise.

Only the places are others: a folder that is removed afterwards stands for /opt, /var/lib and the home, so that nothing of this machine is touched.
Takes packages from the registry, as whoever reads the README does.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
WITHIN: Final = 600
"""Seconds in which a block of commands shows what it promises. The first installs everything."""


def commands(readme: str, heading: str) -> list[str]:
    """The commands of the first console block under a heading."""
    block = re.search(rf"^## {heading}$.*?^```console\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert block, f"README.md has no commands under '{heading}'"
    return [line.removeprefix("$ ") for line in block[1].splitlines() if line.startswith("$ ")]


@contextlib.contextmanager
def running(lines: list[str], folder: Path, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Runs the commands in one shell, of which the last goes on until the end, and gives the shell and the file of its output. Ctrl-C ends it."""
    log = folder / "output.log"
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield shell, log
        assert shell.poll() is None, f"the last command has ended by itself, with {shell.returncode}"
    except BaseException:
        print(log.read_text("utf-8", "replace")[-8000:], file=sys.stderr)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGINT)
        try:
            shell.wait(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)


def wait_for_text(pattern: str, shell: subprocess.Popen[bytes], log: Path) -> re.Match[str]:
    """Waits until the output matches the pattern; no longer than the shell lives."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if found := re.search(pattern, log.read_text("utf-8", "replace")):
            return found
        assert shell.poll() is None, f"the commands have ended with {shell.returncode}"
        time.sleep(0.2)
    raise AssertionError(f"nothing like {pattern!r} was printed")


def wait_for_page(url: str) -> str:
    """The body of the page once the address answers."""
    deadline = time.monotonic() + WITHIN
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return response.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> int:
    cache = subprocess.run([ROOT / ".tools" / "bin" / "uv", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="heliograph-readme-") as scratch:
        folder = Path(scratch)
        (folder / "home").mkdir()
        pages, operations = (f"127.0.0.1:{free_port()}" for _ in range(2))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HELIOGRAPH_", "XDG_"))}
        environment |= {
            "HOME": str(folder / "home"),
            "UV_CACHE_DIR": cache,
            # `python3` is the Python that Heliograph runs with here; another one may come first on the path.
            "PATH": f"{Path(getattr(sys, '_base_executable', sys.executable)).parent}:{os.environ['PATH']}",
            "HELIOGRAPH_BIND": pages,
            "HELIOGRAPH_OPERATIONS_BIND": operations,
        }
        readme = (ROOT / "README.md").read_text("utf-8")
        places = {"<this repository>": str(ROOT), "/opt/": f"{folder}/opt/", "/var/lib/": f"{folder}/var/"}
        for place, stand_in in places.items():
            readme = readme.replace(place, stand_in)

        with running(commands(readme, "Try it"), folder, environment) as (shell, log):
            address = wait_for_text(r"http://(?:127\.0\.0\.1|localhost):\d+", shell, log)[0]
            assert "<html" in wait_for_page(address)
        print("README, Try it: the demo shows its page.", flush=True)

        with running(commands(readme, "Install it"), folder / "heliograph", environment) as (shell, log):
            link = wait_for_text(r"https://signal\.example\.org(/\S+)", shell, log)[1]
            assert wait_for_page(f"http://{operations}/health/ready")
            print(f"README, Install it: the service is ready and prints a link, {link[:12]}…", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
