"""Which files of a watched folder are complete, and where the import of one stands (S7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, unquote

from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.sentence_template import with_sentence

UNFINISHED: Final = (".part", ".tmp", ".filepart", ".partial", ".crdownload", ".uploading", "~")
"""Ends of the names under which programs write a file before it is complete."""
_STAMP: Final = re.compile(r"(\d{8}-\d{6})-\d{3}_")
_MOST: Final = 2**63 - 1
_LONGEST_NAME: Final = 4_000
_LONGEST_WORDS: Final = 8_000
_LONGEST_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What tells one state of a file from another."""

    size: int
    """Bytes."""
    modified: int
    """Nanoseconds since 1970."""
    inode: int


def is_finished_name(name: str) -> bool:
    """Whether a file of this name may be imported: it is not hidden, and no program's name for a file that it still writes."""
    return not name.startswith(".") and not name.casefold().endswith(UNFINISHED)


def complete_files(now: Mapping[str, FileFacts], before: Mapping[str, FileFacts]) -> list[str]:
    """The files that nobody writes any more, the oldest first.

    now, before: the files of the folder in this look and in the last one, by name; `before` is empty at the first look

    A file is complete if size and time were the same in two looks: who still writes changes one of them. A file that stood there before under a
    name for unfinished files is complete at once, because its program renames it after the last byte. An empty file is never complete: many
    programs create it first and write later.
    """
    renamed = {facts.inode for name, facts in before.items() if not is_finished_name(name)}
    complete = [
        name
        for name, facts in now.items()
        if is_finished_name(name) and facts.size and (before.get(name) == facts or (name not in before and facts.inode in renamed))
    ]
    return sorted(complete, key=lambda name: (now[name].modified, name))


def shown_name(name: str) -> str:
    """The name as pages and reports show it: without signs that no line of text has."""
    return "".join(sign for sign in name if sign.isprintable())[:_LONGEST_SHOWN] or "file"


class Subfolder(StrEnum):
    """The subfolder in which a file ends after its import."""

    DONE = "done"
    FAILED = "failed"


def taken_at(name: str) -> datetime | None:
    """When the file was taken that has this name in its subfolder; None for a file that something else put there."""
    stamp = _STAMP.match(name)
    try:
        return datetime.strptime(stamp[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC) if stamp else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file whose import is under way, or has ended and is to be moved."""

    name: str
    """As the folder has it."""
    facts: FileFacts
    """As it was when it was copied."""
    stamp: str
    """The beginning of its name in the subfolder: UTC time down to milliseconds, "20261129-221003-417"."""
    job: int | None = None
    """Its import; None if it could not begin."""
    subfolder: Subfolder | None = None
    """The subfolder to which it is moved; None while the import is under way."""
    words: str = ""
    """Why it was not imported."""


@dataclass(frozen=True, slots=True)
class FailedFile:
    """The newest file that was not imported, until another one is."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class FolderProgress:
    """What the column cursor of a watched folder holds."""

    file: TakenFile | None = None
    failed: FailedFile | None = None
    count: int = 0
    """The files that were taken so far. So no two states of a folder are alike, and a process that stood still notices what others did."""

    def taken(self, file: TakenFile) -> FolderProgress:
        """The progress with another file."""
        return replace(self, file=file, count=self.count + 1)

    def moved(self) -> FolderProgress:
        """The progress once the file stands in its subfolder."""
        assert self.file is not None
        if self.file.subfolder is Subfolder.FAILED:
            return FolderProgress(failed=FailedFile(shown_name(self.file.name), self.file.words), count=self.count)
        return FolderProgress(count=self.count)

    def ended(self, subfolder: Subfolder, words: str = "") -> FolderProgress:
        """The progress once the import of the file has ended."""
        assert self.file is not None
        return replace(self, file=replace(self.file, subfolder=subfolder, words=words))

    def to_body(self) -> dict[str, Any]:
        """The progress as JSON."""
        file, failed = self.file, self.failed
        taken = None
        if file is not None:  # a name may be no text of UTF-8, and then no JSON of a database
            taken = asdict(file.facts) | {"name": quote(file.name, errors="surrogateescape"), "stamp": file.stamp, "job": file.job}
            taken |= {"subfolder": file.subfolder, **with_sentence("words", file.words)}
        return {
            "file": taken,
            "failed": None if failed is None else {"name": failed.name, **with_sentence("words", failed.words)},
            "count": self.count,
        }

    @classmethod
    def from_body(cls, value: object) -> FolderProgress:
        """Reads a saved progress. One that cannot be read begins anew: a file that is imported twice changes nothing."""
        try:
            body = Body(value)
            file = _taken(body.nested("file")) if body.has("file") else None
            failed = None
            if body.has("failed"):
                nested = body.nested("failed")
                failed = FailedFile(nested.text("name"), nested.sentence("words", longest=_LONGEST_WORDS))
            return cls(file, failed, body.number("count", least=0, most=_MOST) or 0)
        except BodyError:
            return cls()


def _taken(body: Body) -> TakenFile:
    size, modified, inode = (body.number(name, least=-_MOST, most=_MOST) or 0 for name in ("size", "modified", "inode"))
    return TakenFile(
        name=unquote(body.text("name", longest=_LONGEST_NAME), errors="surrogateescape"),
        facts=FileFacts(size, modified, inode),
        stamp=body.text("stamp", longest=40),
        job=body.number("job", least=1, most=_MOST),
        subfolder=body.choice("subfolder", Subfolder) if body.has("subfolder") else None,
        words=body.sentence("words", longest=_LONGEST_WORDS),
    )
