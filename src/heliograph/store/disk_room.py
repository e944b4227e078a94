"""Whether a folder takes another file of some size, by trying it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

SMALL: Final = 1024 * 1024
"""Bytes without which a database soon cannot commit."""


def check_room(folder: Path, size: int = SMALL) -> None:
    """Reserves `size` bytes in the folder for a moment. Raises OSError: the disk is full, the folder is read-only, belongs to another user …"""
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.write(bytes(size))
            file.flush()
