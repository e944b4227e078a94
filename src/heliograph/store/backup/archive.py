"""The file of a backup: a zip with the members `manifest.json`, the database and, if asked for, `key` (O13).

It is read by the names of its members, and nothing is unpacked by a name that it brings along. Any other member, one that is there twice, and one
whose size is not the manifest's is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from heliograph.domain.errors import HeliographError
from heliograph.store.backup.manifest import LARGEST, Manifest
from heliograph.store.log import to_disk

MANIFEST: Final = "manifest.json"
KEY: Final = "key"
MEMBERS: Final = {"sqlite": "heliograph.db", "postgresql": "heliograph.dump"}
"""The name of the database's member."""
_BLOCK: Final = 1 << 20
_SYNCED_EACH: Final = 8 << 20
"""Bytes of the database after which what was written of the archive is forced to the disk."""
_LEVEL: Final = 1
"""Of compression: level 6 takes three times as long, and saves another tenth."""
_LONGEST_KEY: Final = 4096
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class DamagedBackup(HeliographError):
    """The file is damaged, or is not a backup."""


def digest_of(path: Path) -> tuple[int, str]:
    """The size of a file, and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def write_archive(path: Path, manifest: Manifest, database: Path, keys: tuple[str, ...] = ()) -> None:
    """Writes a new file for its owner alone, and syncs it.

    keys: to be included; empty for none
    """
    unsynced = 0
    with (
        os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive,
    ):
        archive.writestr(_info(MANIFEST), manifest.to_json())
        info = _info(manifest.member)
        if manifest.database == "postgresql":
            info.compress_type = zipfile.ZIP_STORED  # pg_dump has compressed it
        with database.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
            while block := source.read(_BLOCK):
                target.write(block)
                unsynced += len(block)
                if unsynced >= _SYNCED_EACH:  # so that no commit of others waits for gigabytes of the archive
                    to_disk(file.fileno())
                    unsynced = 0
        if keys:
            archive.writestr(_info(KEY), "".join(f"{key}\n" for key in keys))
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


class BackupArchive:
    """A backup that was opened. `with` closes it."""

    def __init__(self, path: Path) -> None:
        """Reads its manifest, and nothing of the database yet. Raises DamagedBackup, NoManifest."""
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise DamagedBackup(f"There is no file {path}.") from None
        except OSError as error:
            raise DamagedBackup(f"The file {path} cannot be read: {error.strerror}.") from None
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            raise DamagedBackup(
                f"{path} is damaged or cut off, or is not a backup of Heliograph. Take another copy of it, or an older backup."
            ) from None
        self._path = path
        try:
            infos = self._zip.infolist()
            self._members = {info.filename: info for info in infos}
            with self._reading():
                self.manifest = Manifest.from_json(self._content(MANIFEST, LARGEST))
            expected = {MANIFEST, MEMBERS[self.manifest.database], *([KEY] if self.manifest.with_key else [])}
            if self.manifest.member != MEMBERS[self.manifest.database] or self._members.keys() != expected or len(infos) != len(expected):
                raise DamagedBackup(f"{path} is not a backup as Heliograph makes it: it has other members. It is not restored.")
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def keys(self) -> tuple[str, ...]:
        """The keys in the backup; empty if it has none. Raises DamagedBackup."""
        if not self.manifest.with_key:
            return ()
        with self._reading():
            text = self._content(KEY, _LONGEST_KEY).decode("ascii")
        return tuple(line.strip() for line in text.splitlines() if line.strip())

    def extract_database(self, target: Path | None = None) -> None:
        """Reads the whole database, compares its size and digest, and writes it into a new file.

        target: None only reads.

        Raises DamagedBackup, and OSError if the target cannot be written.
        """
        manifest = self.manifest
        digest, size = hashlib.sha256(), 0
        with contextlib.ExitStack() as stack:
            output = None
            if target is not None:
                output = stack.enter_context(os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"))
            with self._reading():
                member = stack.enter_context(self._zip.open(self._members[manifest.member]))
            while True:
                with self._reading():
                    block = member.read(_BLOCK)
                if not block:
                    break
                size += len(block)
                if size > manifest.size:
                    break
                digest.update(block)
                if output is not None:
                    output.write(block)
            if output is not None:
                output.flush()
                os.fsync(output.fileno())
        if size != manifest.size or digest.hexdigest() != manifest.sha256:
            raise DamagedBackup(
                f"{self._path} is damaged: its database is not what the manifest says. Take another copy, or an older backup."
            )

    def _content(self, name: str, most: int) -> bytes:
        """A small member. Raises KeyError if it is missing."""
        with self._zip.open(self._members[name]) as member:
            content = member.read(most + 1)
        if len(content) > most:
            raise ValueError
        return content

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Turns whatever a damaged zip raises into DamagedBackup."""
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError, RuntimeError, OSError):
            raise DamagedBackup(
                f"{self._path} is damaged or cut off, or is not a backup of Heliograph. Take another copy of it, or an older backup."
            ) from None
