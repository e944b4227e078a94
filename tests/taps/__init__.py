"""Two taps that none of us wrote, each in an environment of its own, because they pin their libraries: <name>.txt is the lock of each.

`make trials` makes the environments before it leaves the network; a plain pytest makes one when it is first asked for.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NAMES: Final = ("tap-jsonl", "tap-rest-api")


def program(name: str) -> Path:
    """The tap's program. Its environment is made if it is not as the lock says. Safe to call from several processes at once."""
    lock, place = HERE / f"{name}.txt", ROOT / ".tools" / name
    mark = place / "lock"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    with (ROOT / ".tools" / f"{name}.turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not mark.is_file() or mark.read_text() != wanted:
            uv = str(ROOT / ".tools" / "bin" / "uv")
            subprocess.run([uv, "venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, str(place)], check=True)
            python = str(place / "bin" / "python")
            subprocess.run([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)], check=True)
            mark.write_text(wanted)
    return place / "bin" / name
