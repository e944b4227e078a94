"""An upgrade under load, and the way back (O3): processes of two releases on one installation, senders that never pause, and a ledger outside of it."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from heliograph.engine.worker import inflight_journal
from heliograph.stage.command_processes import ServiceProcess
from heliograph.stage.ground import LOOPBACK, Ground
from heliograph.stage.receiver import Receiver, ReceiverConnection, header_of
from heliograph.store.queue.lane_reads import unsettled
from heliograph.verify.ledger import Ledger, LedgerCounts
from heliograph.verify.trial_account import EVENT, STATUS, document
from heliograph.verify.trial_load import Load
from heliograph.verify.trial_targets import TrialTargets
from tests.databases import DatabaseFacts
from tests.processes import STARTING, Process
from tests.releases import Release
from tests.waiting import until

TARGETS: Final = {"steady-record": True, "failing-record": True, "steady-message": False, "failing-message": False}
"""Name of a target -> True if a request updates a record there (D2)."""
APART: Final = 16
"""Unused connections between two targets, so that each worker's share of the 64 slots has some of the targets."""
PROGRESS: Final = 300.0
"""Seconds in which a loaded machine accepts or delivers what a phase waits for."""
RETRIES: Final = [0.01, 0.02, 0.03]
"""Minutes until a failed delivery is tried again: short, because a trial waits for the last one."""


@dataclass(frozen=True, slots=True)
class UpgradeSize:
    """The numbers of a trial."""

    clients: int
    pace: float
    """The longest time between two requests of a client, in seconds."""
    versions: int
    """Versions that are accepted, and requests that are delivered, in each phase."""
    webs: int = 1
    """Processes `web`, on PostgreSQL."""
    workers: int = 1
    """Processes `worker`, on PostgreSQL."""


class UpgradeTrial:
    """One installation with its senders and targets, from `with` on."""

    def __init__(self, facts: DatabaseFacts, folder: Path, size: UpgradeSize) -> None:
        on_sqlite = facts.vendor == "sqlite"
        settings = {"key": facts.key, "allowed_networks": LOOPBACK, "log_format": "json", "request_timeout": "5"}
        self.ground = Ground(folder, "" if on_sqlite else facts.url, settings)
        self.ground.logs.mkdir(parents=True)
        self.facts, self.size = replace(facts, data=self.ground.data()), size
        self.ledger = Ledger(TARGETS)
        self.requests: Counter[str] = Counter()
        """Requests to the targets by User-Agent, which names the release of the worker."""
        self.in_flight = 0
        """Lanes in the journals of workers that have ended: what they may have sent without recording the outcome."""
        self._phases: list[tuple[str, float]] = []
        """What begins, and its monotonic time."""
        self._targets = TrialTargets(self.ledger, frozenset(name for name in TARGETS if name.startswith("failing")), random.Random(1))
        self.receiver = Receiver(self._take)
        if on_sqlite:
            self.webs = self.workers = [ServiceProcess(self.ground, "serve", "data")]
        else:
            self.webs = [ServiceProcess(self.ground, "web", f"web-{n + 1}") for n in range(size.webs)]
            self.workers = [ServiceProcess(self.ground, "worker", f"worker-{n + 1}") for n in range(size.workers)]

    def __enter__(self) -> Self:
        self.receiver.start()
        return self

    def __exit__(self, *_: object) -> None:
        for part in self.parts:
            part.end()
        self.receiver.__exit__()

    @property
    def parts(self) -> Sequence[ServiceProcess]:
        """All processes; `serve` is both web and worker."""
        return self.webs if self.webs is self.workers else [*self.webs, *self.workers]

    # --- commands and processes of a release

    def begin(self, release: Release, *arguments: str) -> Process:
        """Starts a command."""
        return Process(
            arguments, self.ground.environment(), self.ground.logs / f"{arguments[0]}-{release.version}.log", program=release.program
        )

    def run(self, release: Release, *arguments: str) -> str:
        """Runs a command to its end. Returns its output."""
        process = self.begin(release, *arguments)
        assert process.wait(STARTING) == 0, process.output
        return process.output

    def fill(self, release: Release) -> None:
        """Sets up an account, as an operator does: an Administrator, one event that is on, and a flow to all targets."""
        self.run(release, "migrate")
        self.run(release, "createaccount", "TRIAL")
        self.run(release, "createuser", "ada@example.org", "--account", "TRIAL", "--role", "administrator", "--generate")
        file = self.ground.folder / "configuration.json"
        file.write_text(json.dumps(self._configuration()), "utf-8")
        self.run(release, "apply", str(file), "--account", "TRIAL", "--allow-wider")
        self.token = json.loads(self.run(release, "createtoken", "TRIAL", "--name", "trial", "--json"))["token"]

    def start(self, parts: Sequence[ServiceProcess], release: Release) -> None:
        """Starts processes of a release. Returns when they serve."""
        for part in parts:
            part.start(release.program)
        for part in parts:
            part.until_ready(STARTING)
            assert f'heliograph_build_info{{version="{release.version}"}}' in part.metrics()

    def swap(self, parts: Sequence[ServiceProcess], release: Release) -> None:
        """Replaces processes by those of another release, one after another."""
        for part in parts:
            part.running.ask_to_stop()
            assert part.running.wait(STARTING) == 0, part.running.output
            self.in_flight += sum(inflight_journal.noted(part.flight).values())
            self.start([part], release)

    # --- the load

    def send(self) -> None:
        """Begins to send registrations, to every door, until `count`."""
        doors = [door for part in self.webs for door in (part.door, part.pages)]
        self.load = Load(
            self.ledger,
            doors,
            self.token,
            lambda version: document(version.code, version.number, profile={"first_name": version.code}),
            clients=self.size.clients,
            pace=self.size.pace,
        )
        self.phase("before")
        self.load.start()

    def phase(self, what: str) -> None:
        """Notes what begins now."""
        self._phases.append((what, time.monotonic()))

    def deliver(self, release: Release) -> None:
        """Waits until more has been accepted, and workers of this release have sent more."""
        agent = f"Heliograph/{release.version}"
        accepted, requests = self.ledger.accepted, self.requests[agent]
        until(lambda: self.ledger.accepted >= accepted + self.size.versions, PROGRESS)
        until(lambda: self.requests[agent] >= requests + self.size.versions, PROGRESS)

    def count(self) -> LedgerCounts:
        """Ends the load, waits until nothing is left to send, and counts."""
        self.phase("drain")
        assert self.load.stop(PROGRESS)
        with closing(self.facts.open(read_only=True)) as db:
            until(lambda: not unsettled(db), PROGRESS)
        for part in self.parts:
            assert part.running.terminate(STARTING) == 0, part.running.output
        return self.ledger.count()

    def longest_waits(self) -> dict[str, dict[str, float]]:
        """By the phase in which they ended: the longest wait of a sender, in seconds, from its first request to the acceptance of a version; and from there to
        the first request with it at a steady target."""
        file = self.ground.folder / "ledger.jsonl"
        self.ledger.write(file)
        asked: dict[tuple[str, int], float] = {}
        accepted: dict[tuple[str, int], float] = {}
        waits = {what: {"accepted after": 0.0, "sent after": 0.0} for what, _ in self._phases}
        for at, what, detail in map(json.loads, file.read_text("utf-8").splitlines()):
            match what, detail:
                case "asked", [code, number]:
                    asked[code, number] = at
                case "accepted", [code, number]:
                    accepted[code, number] = at
                    self._note(waits, "accepted after", asked[code, number], at)
                case "came", ["steady-message", code, number, *_]:
                    self._note(waits, "sent after", accepted.pop((code, number), at), at)
        return waits

    def _note(self, waits: dict[str, dict[str, float]], kind: str, since: float, at: float) -> None:
        phase = next(what for what, began in reversed(self._phases) if began <= at)
        waits[phase][kind] = round(max(waits[phase][kind], at - since), 2)

    # --- what it consists of

    def _take(self, connection: ReceiverConnection, head: bytes, body: bytes) -> None:
        self.requests[header_of(head, "user-agent")] += 1
        self._targets.take(connection, head, body)

    def _configuration(self) -> dict[str, Any]:
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        connections = []
        for name in TARGETS:
            url = self.receiver.url(f"/{name}")
            connections.append({"name": name, "auth": "Open / No Auth", "url": url})
            connections += [{"name": f"{name} {n}", "auth": "Open / No Auth", "url": url} for n in range(APART * (len(self.workers) > 1))]
        sources = {"code": "registration.code", "version": "registration.order_code", "first_name": "profile.first_name"}
        rows = [{"target": name, "parts": [{"kind": "field", "field": source}]} for name, source in sources.items()]
        destinations = [
            {"name": name, "connection": name, "payload_mapping": "Trial", "does": "updates" if updates else "adds"}
            for name, updates in TARGETS.items()
        ]
        return {
            "heliograph": 1,
            "tags": [{"name": "Chosen", "kinds": ["registration_status"]}],
            "registration_statuses": [{"name": STATUS, "tags": ["Chosen"]}],
            "events": [
                {
                    "code": EVENT,
                    "name": "Trial",
                    "status": "Live",
                    "start": start.isoformat(),
                    "end": (start + timedelta(days=1)).isoformat(),
                    "timezone": "UTC",
                }
            ],
            "retry_intervals": dict.fromkeys(("system", "connection", "source_api", "general", "config"), RETRIES),
            "connections": connections,
            "mappings": [{"name": "Trial", "rows": rows}],
            "flows": [
                {
                    "name": "Trial",
                    "mode": "Live",
                    "watch": "Registration Create Update",
                    "statuses": ["Chosen"],
                    "destinations": destinations,
                }
            ],
        }
