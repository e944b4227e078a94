"""A small disk of a test's own, which it can fill: a tmpfs in a mount namespace. Nothing outside sees it, and it goes with its process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FILL = "fill"


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """within: the command that runs another one where the disk is mounted; folder: the place of the disk there."""

    within: tuple[str, ...]
    folder: Path

    def fill(self) -> None:
        """Leaves not one free block."""
        done = self._run(f"cat /dev/zero > {self.folder / _FILL}")
        assert "No space left" in done.stderr, done.stderr

    def free(self) -> None:
        """Takes away what filled it."""
        done = self._run(f"rm {self.folder / _FILL}")
        assert not done.returncode, done.stderr

    def make_read_only(self) -> None:
        """Mounts it anew, so that it can only be read."""
        done = self._run(f"mount -o remount,ro {self.folder}")
        assert not done.returncode, done.stderr

    def _run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.within, "sh", "-c", script], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
        )


@contextmanager
def small_disk(folder: Path, megabytes: int = 24) -> Iterator[SmallDisk]:
    """A disk of this size at the folder. It needs the rights of root, or user namespaces."""
    is_root = os.geteuid() == 0
    script = f"mount -t tmpfs -o size={megabytes}m,mode=700 none {folder} && echo mounted && exec cat"
    holder = subprocess.Popen(
        ["unshare", "--mount", *([] if is_root else ["--user", "--map-root-user"]), "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin
    assert holder.stdout
    try:
        assert holder.stdout.readline() == "mounted\n", (
            "a test of a full disk needs root, or user namespaces (kernel.unprivileged_userns_clone)"
        )
        user = () if is_root else ("--user", "--preserve-credentials")
        yield SmallDisk(("nsenter", "--target", str(holder.pid), "--mount", *user, "--"), folder)
    finally:
        holder.stdin.close()
        holder.stdout.close()
        holder.wait()
