"""Trouble of the installation: a disk that is nearly full, and no worker that sends (O5). Operators are told."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from django.conf import settings

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.problem_plan import Observed
from heliograph.store.database import Database
from heliograph.store.disk_room import DiskRoom, disk_rooms

NEARLY_FULL: Final = 0.05
"""The free part of a disk below which it is nearly full."""
LITTLE: Final = 1024**3
"""Bytes: a disk with more free than this is not nearly full, however large it is."""
GONE_FOR: Final = 2 * MINUTE
"""Microseconds without a living worker: a restart takes less."""


def observed(db: Database, now: int, began: int) -> list[Observed]:
    """What is wrong with the installation.

    began: when this process began to watch: a worker that starts with it has as long to appear
    """
    options = settings.HELIOGRAPH
    folders = {"data": Path(options.data)}
    if options.on_sqlite:
        folders["database"] = Path(options.sqlite_file).parent
    troubles = [_full(name, room, now) for name, room in disk_rooms(folders).items() if is_nearly_full(room)]
    ((alive_until,),) = db.all("SELECT max(until) FROM worker")
    last = max(int(alive_until or 0), began)
    if now - last >= GONE_FOR:
        troubles.append(Observed("trouble:worker", Kind.TROUBLE, last, facts={"what": "worker"}))
    return troubles


def is_nearly_full(room: DiskRoom) -> bool:
    """Whether the disk will soon be full."""
    return room.free < LITTLE and room.free < room.size * NEARLY_FULL


def _full(name: str, room: DiskRoom, now: int) -> Observed:
    return Observed(
        f"trouble:disk:{name}", Kind.TROUBLE, now, facts={"what": "disk", "name": name, "free": round(100 * room.free / max(room.size, 1))}
    )
