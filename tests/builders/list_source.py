"""An account's source that reads a REST list of `tests.rest_stub`, and what became of its items."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from typing import Any

from django_scopes import scopes_disabled

from heliograph.accounts.models import Account
from heliograph.domain.mapping.row import FixedText
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_progress import SourceProgress
from heliograph.domain.source.source_states import SourceState
from heliograph.jobs.models import Job
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.recording.contents import read_state
from heliograph.recording.source_calls import process
from heliograph.setup.services.setup_save import saving
from heliograph.sources.models import Source
from heliograph.sources.read_job import kind
from heliograph.sources.read_schedule import queue_due_sources
from heliograph.sources.services import list_readings
from heliograph.sources.services.sources import add_source
from heliograph.store import source_reads
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from tests.builders.account import BY
from tests.builders.call_mapping import call_row
from tests.rest_platform import Platform, description_of

EVENT = "SUMMIT-26"


def list_mapping() -> CallMapping:
    """One registration for each item of a page."""
    rows = (
        call_row("event", FixedText(EVENT)),
        call_row("code", "id"),
        call_row("modified", "changed"),
        call_row("active", FixedText("true")),
        call_row("profile.organization", "state"),
        call_row("profile.position", "number"),
    )
    return CallMapping("[]", rows=rows)


@dataclass
class ListSource:
    """A source that is on, and its platform."""

    db: Database
    account: int
    id: int
    platform: Platform

    @property
    def row(self) -> Source:
        with scopes_disabled():
            row: Source = Source.objects.get(pk=self.id)
        return row

    @property
    def progress(self) -> SourceProgress:
        return SourceProgress.from_body(json.loads(self.row.cursor))

    def save_progress(self, **fields: Any) -> None:
        """Changes where reading stands, as time does."""
        with self.db.transaction():
            cursor = json.dumps(replace(self.progress, **fields).to_body())
            self.db.run("UPDATE source SET cursor = :cursor WHERE id = :source", {"cursor": cursor, "source": self.id})

    def due_now(self) -> None:
        with self.db.transaction():
            source_reads.postpone(self.db, self.id, self.db.now())

    def read(self) -> Job:
        """One run of its job, as the schedule and a runner do it, and the recording of what it brought."""
        self.due_now()
        queue_due_sources()
        job = self.run_job()
        self.record()
        return job

    def run_job(self) -> Job:
        """One run of its job."""
        with scopes_disabled():
            job = Job.objects.get(pk=self.row.reader_job)
        return Runner(JobKinds([kind()])).run_one(job.pk, stop=threading.Event())

    def record(self) -> None:
        while process(self.db, Committed(self.db), self.id).halt is None:
            pass

    def sweep(self) -> None:
        """A sweep, and what follows it."""
        self.save_progress(swept_at=1)
        self.read()
        for _ in range(5):
            if self.progress.is_removing:
                self.read()

    def sweep_now(self) -> None:
        """A sweep follows the next reading, which is due."""
        self.save_progress(swept_at=1)
        self.due_now()

    def state(self) -> dict[str, tuple[str, str]]:
        """The active registrations: state and number of each item, by key."""
        rows = self.db.all(
            "SELECT r.code, r.state FROM registration r JOIN event e ON e.id = r.event_id WHERE r.account_id = :account AND e.code = :event"
            " ORDER BY r.code",
            {"account": self.account, "event": EVENT},
        )
        states = {code: read_state(state) for code, state in rows}
        return {
            code: (str(state.profile.get("organization")), str(state.profile.get("position")))
            for code, state in states.items()
            if state.active and code.startswith("k")
        }

    def expected(self) -> dict[str, tuple[str, str]]:
        """The same of the platform."""
        return {key: (str(item["state"]), str(item["number"])) for key, item in self.platform.state().items()}


def list_source(db: Database, account: int, platform: Platform, origin: str, **more: object) -> ListSource:
    """Adds a source that reads the platform, and switches it on. The account may reach this machine."""
    Account.objects.filter(pk=account).update(allowed_networks=["127.0.0.0/8"])
    with saving(account, by=BY) as transaction:
        source = add_source(transaction, "rest", f"List {origin[-5:]}")
        list_readings.save_list(transaction, source.pk, description_of(platform.manners, origin, **more))
        row = Source.objects.get(pk=source.pk)
        row.mapping, row.state = json.dumps(list_mapping().to_body()), SourceState.ON
        row.save()
    return ListSource(db, account, source.pk, platform)
