"""The folder of one source on disk (S7).

    <HELIOGRAPH_FOLDERS>/source-12/          people drop files here
                                   done/     imported, each with its report
                                   failed/   not imported, each with its report

Each access goes through the descriptor of the opened folder and follows no symbolic link, and only regular files with one name are read. So
nothing outside of the folder can be read or written, whatever someone with access to it puts there.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Self

from django.conf import settings

from heliograph.domain.errors import HeliographError
from heliograph.domain.source.watched_folder import FileFacts, Subfolder

MOST_FILES: Final = 10_000
"""Entries of a folder that one look reads."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE: Final = 0o770
_FILE_MODE: Final = 0o660


class FolderUnusable(HeliographError):
    """The folder of a source cannot be used; the message says what to do."""


class FileChanged(HeliographError):
    """The file is gone, or is another one now."""


def folder_name(source: int) -> str:
    """The name of a source's folder."""
    return f"source-{source}"


def base_folder() -> Path | None:
    """The folder below which each source has its own; None if the operator has set none."""
    base: Path = settings.HELIOGRAPH.folders
    return None if base == Path() else base


class FolderPlace:
    """The opened folder of one source."""

    def __init__(self, folders: dict[str, int]) -> None:
        self._folders = folders  # descriptors of the folder (""), done and failed

    @classmethod
    @contextlib.contextmanager
    def existing(cls, base: Path, source: int) -> Iterator[Self | None]:
        """The folder, closed afterwards; None if the source has none yet. Raises FolderUnusable."""
        if base.is_dir() and not os.path.lexists(base / folder_name(source)):
            yield None
            return
        place = cls.open(base, source)
        try:
            yield place
        finally:
            place.close()

    @classmethod
    def open(cls, base: Path, source: int) -> Self:
        """Opens the folder, and creates it and its subfolders. The base itself must be there. Raises FolderUnusable."""
        name = folder_name(source)
        place = cls({})
        at = None
        try:
            at = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            place._folders[""] = _subfolder(at, name)
            for subfolder in Subfolder:
                place._folders[subfolder] = _subfolder(place._folders[""], subfolder)
        except OSError as error:
            place.close()
            raise FolderUnusable(
                "The folder %(name)s cannot be used: %(reason)s. Whoever runs Heliograph can put this right: the folder that"
                " HELIOGRAPH_FOLDERS names must be there, and Heliograph must be allowed to write to it.",
                name=name,
                reason=str(error.strerror),
            ) from None
        finally:
            if at is not None:
                os.close(at)
        return place

    def close(self) -> None:
        """Closes the folder."""
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()

    def files(self) -> dict[str, FileFacts]:
        """The regular files of the folder itself, by name. A file that also has another name is left out: it may lie elsewhere, too."""
        files = {}
        with os.scandir(self._folders[""]) as entries:
            for _number, entry in zip(range(MOST_FILES), entries, strict=False):
                with contextlib.suppress(FileNotFoundError):
                    facts = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
                        files[entry.name] = _facts(facts)
        return files

    def ended_files(self, subfolder: Subfolder) -> list[str]:
        """The names of the regular files of a subfolder that have no other name, sorted."""
        names = []
        with os.scandir(self._folders[subfolder]) as entries:
            for _number, entry in zip(range(MOST_FILES), entries, strict=False):
                with contextlib.suppress(FileNotFoundError):
                    facts = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
                        names.append(entry.name)
        return sorted(names)

    @contextlib.contextmanager
    def opened_ended(self, subfolder: Subfolder, name: str) -> Iterator[BinaryIO]:
        """A file of a subfolder, to be read. Raises OSError."""
        with os.fdopen(os.open(name, _FILE, dir_fd=self._folders[subfolder]), "rb") as file:
            yield file

    def remove(self, subfolder: Subfolder, name: str) -> None:
        """Deletes a file of a subfolder; one that is gone is no error. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folders[subfolder])

    @contextlib.contextmanager
    def opened(self, name: str, facts: FileFacts) -> Iterator[BinaryIO]:
        """The file, to be read. Raises FileChanged if it is not the one with these facts, also at the end; PermissionError."""
        with self._checked(name, facts) as descriptor, open(descriptor, "rb", closefd=False) as file:
            yield file
            if _facts(os.fstat(descriptor)) != facts:
                raise FileChanged("It was written to while it was read.")

    @contextlib.contextmanager
    def _checked(self, name: str, facts: FileFacts) -> Iterator[int]:
        try:
            descriptor = os.open(name, _FILE, dir_fd=self._folders[""])
        except PermissionError:
            raise
        except OSError:
            raise FileChanged("It is gone.") from None
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1 or _facts(state) != facts:
                raise FileChanged("It is another file now.")
            yield descriptor
        finally:
            os.close(descriptor)

    def move(self, name: str, facts: FileFacts, subfolder: Subfolder, target: str) -> bool:
        """Moves the file to a subfolder. False if it is gone or was written to: then it stays, and counts as another file."""
        try:
            state = os.stat(name, dir_fd=self._folders[""], follow_symlinks=False)
            if _facts(state) != facts or not stat.S_ISREG(state.st_mode):
                return False
            os.rename(name, target, src_dir_fd=self._folders[""], dst_dir_fd=self._folders[subfolder])
        except FileNotFoundError:
            return False
        return True

    def put_back(self, name: str) -> bool:
        """Moves a file from the subfolder that has it into the folder, to be imported. False if none has it, or the folder has one of this name.
        Raises OSError."""
        for subfolder in Subfolder:
            try:
                state = os.stat(name, dir_fd=self._folders[subfolder], follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(state.st_mode) and state.st_nlink == 1 and not self._has(name):
                os.rename(name, name, src_dir_fd=self._folders[subfolder], dst_dir_fd=self._folders[""])
                return True
        return False

    def _has(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._folders[""], follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def write(self, subfolder: Subfolder, name: str, content: bytes) -> None:
        """Writes a file of a subfolder; one of this name is replaced. Another process may write the same one."""
        folder, part = self._folders[subfolder], f".{name}.part"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)  # of a process that was killed
        with contextlib.suppress(FileNotFoundError, FileExistsError):  # the other process was first
            with os.fdopen(os.open(part, _NEW_FILE, _FILE_MODE, dir_fd=folder), "wb") as file:
                file.write(content)
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def _subfolder(parent: int, name: str) -> int:
    """The descriptor of a subfolder, which is created if it is not there. A symbolic link is an error."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, _FOLDER_MODE, dir_fd=parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _facts(state: os.stat_result) -> FileFacts:
    return FileFacts(state.st_size, state.st_mtime_ns, state.st_ino)
