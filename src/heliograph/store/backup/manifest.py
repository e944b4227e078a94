"""What a backup says of itself: the member `manifest.json` (O13)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from heliograph.domain.errors import HeliographError

FORMAT: Final = 1
"""The version of this layout. A release refuses backups of a later one."""
_PRODUCT: Final = "heliograph"
LARGEST: Final = 4 << 20
"""Bytes of a manifest: a hundred tables and migrations take 10 KB."""


class NoManifest(HeliographError):
    """The manifest of the backup cannot be read."""


class WaitingWork(msgspec.Struct, frozen=True):
    """The work that goes on once a restored copy is released."""

    first_attempts: int
    """Actions whose first attempt has not ended: they may have left already."""
    retries: int
    """Actions that wait for a retry."""
    untagged: int
    """Decisions that wait for a tag."""
    jobs: Mapping[str, int]
    """Jobs that have not ended, by kind."""


class SnapshotFacts(msgspec.Struct, frozen=True):
    """What one instant of a database holds."""

    instant: datetime
    """Everything that was accepted before it is in the backup."""
    last_change: datetime | None
    """When the last change in it was accepted; None if there is none."""
    migrations: Sequence[tuple[str, str]]
    """App and name of each applied migration: the schema."""
    counts: Mapping[str, int]
    """Rows by table."""
    waiting: WaitingWork


class Manifest(msgspec.Struct, frozen=True):
    """What is needed to restore a backup, and what it holds."""

    version: str
    """The release that made it."""
    database: Literal["sqlite", "postgresql"]
    server: str
    """The version of SQLite or of the PostgreSQL server."""
    program: str
    """The version of pg_dump; "" for SQLite."""
    keys: Sequence[str]
    """Fingerprints of the keys that its secrets may be sealed with, newest first."""
    with_key: bool
    """True if the keys are in the backup."""
    member: str
    """The name of the database's member."""
    size: int
    """Bytes of that member."""
    sha256: str
    """Of that member."""
    facts: SnapshotFacts
    left_out: Sequence[str] = ("settings", "imports", "exports")
    format: int = FORMAT
    product: str = _PRODUCT

    def to_json(self) -> bytes:
        """The member's content, indented for people."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Raises NoManifest."""
        try:
            head = msgspec.json.decode(content, type=_Head)
        except msgspec.MsgspecError:
            raise NoManifest("This file is not a backup of Heliograph: its manifest cannot be read.") from None
        if head.product != _PRODUCT:
            raise NoManifest("This file is not a backup of Heliograph.")
        if head.format > FORMAT:
            raise NoManifest(
                f"This backup was made by Heliograph {head.version}, in a layout that this release does not know. Update Heliograph, and"
                " restore it then."
            )
        try:
            return msgspec.json.decode(content, type=cls)
        except msgspec.MsgspecError as error:
            raise NoManifest(f"The manifest of this backup is damaged: {error}.") from None


class _Head(msgspec.Struct):
    """The part of a manifest that every layout has."""

    product: str
    format: int
    version: str


def fingerprint(key: str) -> str:
    """Names a key without telling it: 16 hexadecimal digits."""
    return hmac.new(key.encode("ascii"), b"heliograph key fingerprint", hashlib.sha256).hexdigest()[:16]


def fingerprints(keys: Iterable[str]) -> tuple[str, ...]:
    """The fingerprints of keys, in their order."""
    return tuple(fingerprint(key) for key in keys)


def major_of(version: str) -> int:
    """The major version of PostgreSQL, such as 16 of "16.4" or "16beta1"; 0 if there is none."""
    match = re.match(r"\d+", version)
    return int(match[0]) if match else 0
