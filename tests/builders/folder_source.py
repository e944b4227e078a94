"""An account's watched folder, and what became of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django_scopes import scopes_disabled

from heliograph.domain.source.watched_folder import FolderProgress
from heliograph.recording.contents import read_state
from heliograph.setup.services.setup_save import saving
from heliograph.sources.folder_columns import FolderReading
from heliograph.sources.folder_watch import FolderWatch
from heliograph.sources.models import Source
from heliograph.sources.services import source_mappings, watched_folders
from heliograph.sources.services.source_mappings import KeptCalls
from heliograph.sources.services.sources import add_source
from heliograph.sources.stored_mapping import stored_mapping
from heliograph.store.database import Database
from tests.builders.account import BY
from tests.builders.platform_account import PlatformAccount

EVENT = "SUMMIT-26"
READING = {"event": EVENT, "columns": {"Reg no": "code", "Firm": "profile.organization", "Mail": "profile.email"}}
HEAD = "Reg no,Firm,Mail,Remark"


@dataclass
class FolderSource:
    """A source that is on, and its folder."""

    db: Database
    account: int
    id: int
    base: Path

    @property
    def folder(self) -> Path:
        return self.base / f"source-{self.id}"

    @property
    def row(self) -> Source:
        with scopes_disabled():
            row: Source = Source.objects.get(pk=self.id)
        return row

    @property
    def progress(self) -> FolderProgress:
        return FolderProgress.from_body(json.loads(self.row.cursor))

    def drop(self, name: str, *rows: str, head: str = HEAD) -> Path:
        """Puts a file into the folder."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / name
        path.write_text("\n".join([head, *rows]) + "\n")
        return path

    def names(self, kept: str = "") -> list[str]:
        """The files of the folder or a subfolder, without their stamp."""
        names = sorted(path.name for path in (self.folder / kept).iterdir() if path.is_file())
        return [name.partition("_")[2] for name in names] if kept else names

    def report(self, kept: str, name: str) -> str:
        (path,) = [path for path in (self.folder / kept).iterdir() if path.name.endswith(f"_{name}")]
        return path.read_text("utf-8-sig")

    def firms(self) -> Mapping[str, str]:
        """The organization of each registration, by code."""
        rows = self.db.all(
            "SELECT r.code, r.state FROM registration r JOIN event e ON e.id = r.event_id WHERE r.account_id = :account AND e.code = :event",
            {"account": self.account, "event": EVENT},
        )
        return {code: str(read_state(state).profile.get("organization")) for code, state in rows}

    def calls(self) -> list[tuple[str, int, int, int]]:
        """The files that were noted: their words, rows, changed registrations and refused rows."""
        rows = self.db.all(
            "SELECT headers, documents, changed, refused FROM source_call WHERE source_id = :id ORDER BY id", {"id": self.id}
        )
        return [(json.loads(headers)["words"], *counts) for headers, *counts in rows]


def folder_source(db: Database, account: int, base: Path, name: str = "Drop box") -> FolderSource:
    """Adds a watched folder with a reading, and switches it on."""
    with saving(account, by=BY) as transaction:
        source = add_source(transaction, "folder", name)
        watched_folders.save_reading(transaction, source.pk, FolderReading.from_body(READING))
        source_mappings.switch_on(transaction, source.pk, stored_mapping(source), KeptCalls.LEAVE)
    return FolderSource(db, account, source.pk, base)


def look_twice(watch: FolderWatch) -> None:
    """Two looks: the first one sees new files, the second one finds them unchanged."""
    watch.look()
    watch.look()


def take_files(site: PlatformAccount, watch: FolderWatch) -> None:
    """Two looks, the imports that they began, and a look that moves their files."""
    look_twice(watch)
    site.run_jobs()
    watch.look()
