"""A disk that a trial can fill: a tmpfs in a mount namespace of this process, which the processes that it starts share. Nothing else sees it.

It is full without using memory for that: its limit is set to what is used. A commit costs less on it than on a real disk.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError

_REMOUNT, _RECURSIVE, _PRIVATE, _DETACH = 32, 16384, 1 << 18, 2  # mount(2), umount2(2)
LARGEST: Final = 4 << 30
"""Bytes that the disk may take while it is not full."""


class NoNamespace(HeliographError):
    """This system or user may not have a mount namespace."""


def enter_namespace() -> None:
    """Moves this process to a mount namespace of its own. Call it while the process has one thread. Raises NoNamespace."""
    if sys.platform != "linux":
        raise NoNamespace("a disk that can be filled needs Linux")
    uid, gid = os.geteuid(), os.getegid()
    try:
        if uid == 0:
            os.unshare(os.CLONE_NEWNS)
        else:
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        _mount("none", "/", "", _RECURSIVE | _PRIVATE)
    except OSError as error:
        raise NoNamespace(f"a disk that can be filled needs the rights of root, or user namespaces: {error.strerror}") from None


class SmallDisk:
    """A disk at a folder, after `enter_namespace`. Use it on the thread that made it."""

    def __init__(self, folder: Path, owner: tuple[int, int] | None = None) -> None:
        """owner: user and group of its root folder; None for this process's"""
        self.folder = folder
        uid, gid = owner or (os.geteuid(), os.getegid())
        folder.mkdir(mode=0o700, exist_ok=True)
        _mount("tmpfs", str(folder), f"size={LARGEST},uid={uid},gid={gid}")
        folder.chmod(0o700)

    def fill(self) -> None:
        """Leaves no free block."""
        while True:
            usage = os.statvfs(self.folder)
            try:
                self._limit((usage.f_blocks - usage.f_bfree) * usage.f_frsize)
            except OSError:  # somebody has just written more
                continue
            return

    def free(self) -> None:
        """Makes room again."""
        self._limit(LARGEST)

    def close(self, *, keep: bool = False) -> None:
        """Takes the disk away, when nothing uses it any more.

        keep: leaves a copy of its files in the folder
        """
        copy = self.folder.with_name(f"{self.folder.name}-copy")
        if keep:
            shutil.copytree(self.folder, copy)
        if _libc().umount2(os.fsencode(self.folder), _DETACH):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if keep:
            self.folder.rmdir()
            copy.rename(self.folder)

    def _limit(self, size: int) -> None:
        _mount("tmpfs", str(self.folder), f"size={max(size, 4096)}", _REMOUNT)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(kind: str, target: str, options: str, flags: int = 0) -> None:
    """mount(2): the command of this name would lose the rights that a user has in a namespace of its own."""
    if _libc().mount(b"none", os.fsencode(target), kind.encode(), flags, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
