"""Processes that read a platform are killed, and so is the platform; in the end the registrations are what the platform has (S3)."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import dataclass, field

from django_scopes import scope

from heliograph.setup.services.setup_save import saving
from heliograph.sources.services import list_readings
from heliograph.sources.source_ledger import ledger_of
from heliograph.store.stored_calls import CALL_STORED
from tests.builders.list_source import ListSource, list_source
from tests.builders.platform_account import PlatformAccount
from tests.databases import DatabaseFacts
from tests.rest_platform import SECOND, Manners, Platform
from tests.rest_stub import RestStub
from tests.waiting import until

READERS = 2
PATIENCE = 90.0
BATCH = 20
MANNERS = Manners(
    most_late=2 * SECOND, repeats=0.2, edits_between_pages=2, errors=0.02, clock_lies=5 * SECOND, largest_page=10, most_edits=10**9
)


@dataclass
class Readers:
    """Processes that read, each started again after its kill."""

    facts: DatabaseFacts
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kills: int = 0

    def start(self) -> None:
        while len(self.processes) < READERS:
            command = [sys.executable, "-m", "tests.source_reader_process"]
            self.processes.append(subprocess.Popen(command, env=self.facts.env(), stdout=subprocess.DEVNULL))

    def kill(self, number: int) -> None:
        process = self.processes.pop(number)
        process.kill()
        process.wait()
        self.kills += 1
        self.start()

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Result:
    """What a trial came to."""

    edits: int
    kills: int
    stub_kills: int
    requests: int
    missing: int
    stale: int
    resurrected: int
    gaps: int
    """Gaps that the ledger names in the end."""
    jobs: int
    most_at_once: int
    """Requests that the platform was answering at one moment, before the first kill."""


def run(site: PlatformAccount, facts: DatabaseFacts, *, edits: int, kills: int, seed: int) -> Result:
    """Edits a platform while two processes read it, with kills of these processes and of the platform."""
    dice = random.Random(seed)
    with RestStub(Platform(MANNERS, random.Random(seed))) as stub:
        source = list_source(site.store, site.pk, stub.platform, stub.origin, overlap=30)
        stub.edit(BATCH)
        readers = Readers(facts)
        readers.start()
        stub_kills = 0
        try:
            until(lambda: source.row.last_read_at, PATIENCE)
            most_at_once = stub.most_at_once
            batches = max(edits // BATCH, kills)
            kill_at = set(dice.sample(range(batches), kills))
            for number in range(batches):
                if stub.platform.edits < edits:
                    stub.edit(BATCH)
                source.due_now()
                if number in kill_at:
                    _await_requests(source, stub, 2)
                    if dice.random() < 0.7:
                        readers.kill(dice.randrange(READERS))
                    else:
                        stub.kill()
                        stub_kills += 1
                        stub.start()
            _settle(source, stub)
        finally:
            readers.end()
        ours, theirs = source.state(), source.expected()
        jobs = site.store.all("SELECT count(*) FROM jobs_job WHERE kind = 'read source'")[0][0]
        return Result(
            stub.platform.edits,
            readers.kills,
            stub_kills,
            stub.platform.requests,
            missing=len(theirs.keys() - ours.keys()),
            stale=sum(ours[key] != text for key, text in theirs.items() if key in ours),
            resurrected=len(ours.keys() - theirs.keys()),
            gaps=ledger_gaps(source),
            jobs=int(jobs),
            most_at_once=most_at_once,
        )


def ledger_gaps(source: ListSource) -> int:
    """The gaps that the ledger names. Calls that are not recorded yet are waited for."""

    def is_recorded() -> bool:
        stored = f"SELECT 1 FROM source_call WHERE source_id = :source AND {CALL_STORED} LIMIT 1"
        return not source.db.all(stored, {"source": source.id})

    until(is_recorded, PATIENCE, every=0.5)
    with scope(account=source.account):
        ledger = ledger_of(source.db, source.account)
        assert sum(row.balance.gaps for row in ledger.rows) == len(ledger.gaps)
        return len(ledger.gaps)


def _await_requests(source: ListSource, stub: RestStub, count: int) -> None:
    """A reading is under way. One that was over before is asked for again."""
    before = len(stub.urls)

    def is_asked() -> bool:
        if source.row.failures or source.progress.reading is None:
            source.due_now()
        return len(stub.urls) >= before + count

    until(is_asked, PATIENCE)


def _settle(source: ListSource, stub: RestStub) -> None:
    """The platform falls quiet; readings go on until everything is here, and sweeps until nothing else is."""
    with stub.lock:
        stub.platform.commit(everything=True)
        stub.platform.quiet = True

    def has_all() -> bool:
        if source.row.failures or source.progress.reading is None:
            source.due_now()
        return source.expected().items() <= source.state().items()

    until(has_all, PATIENCE, every=0.5)

    def is_equal() -> bool:
        progress = source.progress
        if progress.missing:
            with saving(source.account, by="user:1") as transaction:
                list_readings.answer_missing(transaction, source.id, set_inactive=True)
        elif progress.sweep is None and progress.reading is None and not progress.is_removing:
            source.sweep_now()
        return source.state() == source.expected()

    until(is_equal, PATIENCE, every=0.5)
