"""An account's command source, the operator's file, and what became of the records."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django_scopes import scopes_disabled

from heliograph.domain.mapping.row import FixedText
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_states import SourceState
from heliograph.jobs.models import Job
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.recording.contents import read_state
from heliograph.recording.source_calls import process
from heliograph.setup.services.setup_save import saving
from heliograph.sources.command_job import CommandProgress, CommandSettings, kind
from heliograph.sources.models import Source
from heliograph.sources.read_schedule import queue_due_sources
from heliograph.sources.services import command_runs
from heliograph.sources.services.sources import add_source
from heliograph.store import source_reads
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from tests.builders.account import BY
from tests.builders.call_mapping import call_row

EVENT = "SUMMIT-26"
PROGRAM = Path(__file__).parent.parent / "singer_program.py"
TOKEN = "tok-9f27c1e85b"


def record_mapping() -> CallMapping:
    """One registration for each record."""
    rows = (
        call_row("event", FixedText(EVENT)),
        call_row("code", "key"),
        call_row("profile.organization", "record.firm"),
    )
    return CallMapping("[]", rows=rows)


@dataclass
class Commands:
    """The operator's file with one command, `people`, and the rows that its program prints."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "commands.toml"

    def offer(self, *argv: str, **more: object) -> None:
        """Lists the command. more: of its entry"""
        entry: dict[str, object] = {
            "argv": list(argv) or [sys.executable, str(PROGRAM)],
            "accounts": ["*"],
            "config": str(self.folder / "people.json"),
            "title": "People of the CRM",
            **more,
        }
        text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in entry.items())
        self.file.write_text(f"[commands.people]\n{text}\n")

    def print_rows(self, rows: Mapping[str, str], **config: Any) -> None:
        """What the program prints from now on: id and firm of each row."""
        path = self.folder / "rows.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps([{"id": id, "firm": firm} for id, firm in rows.items()]))
        part.replace(path)
        settings = {"rows": str(path), "every": 3, "token": TOKEN} | config
        (self.folder / "people.json").write_text(json.dumps(settings))


@dataclass
class CommandSource:
    """A source that is on, and its program."""

    db: Database
    account: int
    id: int

    @property
    def row(self) -> Source:
        with scopes_disabled():
            row: Source = Source.objects.get(pk=self.id)
        return row

    @property
    def progress(self) -> CommandProgress:
        return CommandProgress.from_text(self.row.cursor)

    def set_back(self) -> None:
        """Begins without a state."""
        with self.db.transaction():
            self.db.run("UPDATE source SET cursor = '{}' WHERE id = :id", {"id": self.id})

    def run(self) -> Job:
        """One run of its job, as the schedule and a runner do it, and the recording of what it brought."""
        with self.db.transaction():
            source_reads.postpone(self.db, self.id, self.db.now())
        queue_due_sources()
        with scopes_disabled():
            job = Job.objects.get(pk=self.row.reader_job)
        job = Runner(JobKinds([kind()])).run_one(job.pk, stop=threading.Event())
        while process(self.db, Committed(self.db), self.id).halt is None:
            pass
        return job

    def firms(self) -> Mapping[str, str]:
        """The organization of each registration, by code."""
        rows = self.db.all(
            "SELECT r.code, r.state FROM registration r JOIN event e ON e.id = r.event_id WHERE r.account_id = :account AND e.code = :event",
            {"account": self.account, "event": EVENT},
        )
        return {code: str(read_state(state).profile.get("organization")) for code, state in rows}

    def calls(self) -> int:
        ((count,),) = self.db.all("SELECT count(*) FROM source_call WHERE source_id = :id", {"id": self.id})
        return int(count)


def command_source(db: Database, account: int) -> CommandSource:
    """Adds a source that runs `people`, and switches it on."""
    with saving(account, by=BY) as transaction:
        source = add_source(transaction, "command", "Members")
        command_runs.save_command(transaction, source.pk, CommandSettings("people"))
        row = Source.objects.get(pk=source.pk)
        row.mapping, row.state = json.dumps(record_mapping().to_body()), SourceState.ON
        row.save()
    return CommandSource(db, account, source.pk)
