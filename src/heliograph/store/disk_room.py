"""How much room the disks of folders have, and whether a folder takes another file of some size, by trying it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

SMALL: Final = 1024 * 1024
"""Bytes without which a database soon cannot commit."""


class DiskRoom(NamedTuple):
    """A disk, in bytes."""

    free: int
    """What its users may still write; the system keeps more for itself."""
    size: int


def size_text(size: float) -> str:
    """A size in words, in decimal units and never as 0 of them unless it is 0: 1.2 GB, 35 MB, 4 kB, 12 bytes."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}" if size < 10 * factor or unit == "GB" else f"{size / factor:,.0f} {unit}"
    return f"{size:.0f} bytes"


def disk_rooms(folders: Mapping[str, Path]) -> dict[str, DiskRoom]:
    """The disk of each folder, by the folder's name. A folder on the disk of an earlier one is left out, and so is one that is not there."""
    rooms: dict[str, DiskRoom] = {}
    devices: set[int] = set()
    for name, folder in folders.items():
        try:
            device, usage = folder.stat().st_dev, shutil.disk_usage(folder)
        except OSError:
            continue
        if device not in devices:
            devices.add(device)
            rooms[name] = DiskRoom(usage.free, usage.total)
    return rooms


def check_room(folder: Path, size: int = SMALL) -> None:
    """Reserves `size` bytes in the folder for a moment. Raises OSError: the disk is full, the folder is read-only, belongs to another user …"""
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.write(bytes(size))
            file.flush()
