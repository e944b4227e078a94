"""A `heliograph serve` on this machine with a stream of registrations, and a real Prometheus that watches it by our rules with short times."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.databases import DatabaseFacts
from tests.processes import Process, Starter, free_port
from tests.small_disk import SmallDisk, small_disk
from tests.story import Story
from tests.waiting import PATIENCE, until

from heliograph.domain.delivery.retry_policy import SECOND

RUNNING = Path(__file__).parents[2] / "docs/running"
DISK = 64
"""Megabytes of the disk for backups."""


OF_A_WORKER: Final = {
    "HELIOGRAPH_ALLOWED_NETWORKS": "127.0.0.0/8",
    "HELIOGRAPH_LEASE": "12",
    "HELIOGRAPH_LEASE_RENEWAL": "0.5",
    "HELIOGRAPH_REQUEST_TIMEOUT": "10",
}


def shortened(rules: str) -> str:
    """The rules with seconds for minutes, hours and days, and with thresholds that a few requests reach."""
    for old, new in (
        (r"for: \w+", "for: 2s"),
        (r"\[\d+[mh]\]", "[12s]"),
        (r"offset 1h", "offset 15s"),
        (r"> 86400", "> 15"),
        (r"> 600\b", "> 4"),
        (r"> 50$", "> 2"),
        (r"> (20|100|10)$", "> 4"),
        (r'longer_than="1h"', 'longer_than="0s"'),
        (r"< 2e9", "< 4e6"),
        (r"2 \* 86400\) < 0", "5) < 0"),
    ):
        rules, times = re.subn(old, new, rules, flags=re.MULTILINE)
        assert times, old
    return rules


@dataclass
class Site:
    """A `heliograph serve` with a stream of registrations, and the Prometheus that watches it."""

    story: Story
    heliograph: Starter
    disk: SmallDisk
    folder: Path
    probe: int
    """The connection of which deliveries are made to fail."""
    prometheus: str = ""
    pages: str = field(default_factory=lambda: f"http://127.0.0.1:{free_port()}")
    edge: str = field(default_factory=lambda: f"http://127.0.0.1:{free_port()}")
    operations: int = field(default_factory=free_port)
    token: str = ""
    serve: Process | None = None
    watcher: subprocess.Popen[bytes] | None = None
    sends: threading.Event = field(default_factory=threading.Event)
    ends: threading.Event = field(default_factory=threading.Event)
    sent: int = 0

    def start(self) -> None:
        """Starts Heliograph, or starts it again."""
        self.serve = self.heliograph(
            "serve",
            HELIOGRAPH_BIND=self.pages.removeprefix("http://"),
            HELIOGRAPH_BASE_URL=self.pages,
            HELIOGRAPH_INGEST_BIND=self.edge.removeprefix("http://"),
            HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{self.operations}",
            HELIOGRAPH_BACKUP_FOLDER=str(self.disk.folder),
            HELIOGRAPH_BACKUP_EVERY="8784",
            HELIOGRAPH_API_REQUESTS="30",
            **OF_A_WORKER,
        )
        self.serve.until_printed("Heliograph serves")

    def post(self, code: str, status: str = "Attended", *, token: str = "", door: str = "") -> int:
        """Sends a registration. Returns the status of the answer, 0 for none."""
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        body = json.dumps({"event": "SUMMIT", "code": code, "status": status}).encode()
        return status_of(f"{door or self.edge}/ingest/registrations", body, **headers)

    def stream(self) -> None:
        """Sends a registration every second, while `sends` is set."""
        while not self.ends.wait(0.7):
            if self.sends.is_set():
                self.sent += 1
                self.post(f"T{self.sent}")

    def pid(self, process: str) -> int | None:
        assert self.serve
        return self.serve.children().get(process)

    def firing(self) -> set[str]:
        alerts = json.loads(fetched(f"{self.prometheus}/api/v1/alerts"))["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def is_quiet(self) -> bool:
        """Whether nothing fires, and nothing is about to: rates may still hold the requests of the trial before."""
        return not json.loads(fetched(f"{self.prometheus}/api/v1/alerts"))["data"]["alerts"]

    def sql(self, statement: str, **parameters: object) -> None:
        with self.story.db.transaction():
            self.story.db.run(statement, parameters)

    def slots(self) -> dict[str, int]:
        """How many slots each worker owns."""
        return {
            owner: int(count)
            for owner, count in self.story.db.all("SELECT owner, count(*) FROM slot WHERE owner IS NOT NULL GROUP BY owner")
        }

    def shortest_lease(self) -> float:
        """Seconds until the first slot's lease ends."""
        ((until,),) = self.story.db.all("SELECT min(until) FROM slot WHERE owner IS NOT NULL")
        return (int(until) - self.story.db.now()) / SECOND

    def backs_up(self) -> None:
        assert self.heliograph.run("backup", str(self.folder / f"{time.monotonic_ns()}.zip")).returncode == 0


def status_of(url: str, body: bytes | None = None, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


@contextmanager
def meanwhile(act: Callable[[], object], pause: float = 0.2) -> Iterator[None]:
    """Does it again and again while the block runs."""
    ends = threading.Event()

    def run() -> None:
        while not ends.wait(pause):
            act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


@contextmanager
def watched(story: Story, database: DatabaseFacts, folder: Path, probe: int) -> Iterator[Site]:
    place = folder / "backups"
    place.mkdir()
    with small_disk(place, DISK) as disk:
        site = Site(story, Starter(database, folder, disk.within), disk, folder, probe)
        try:
            made = site.heliograph.run("createtoken", "ACME", "--name", "trial", "--scope", "ingest", "--scope", "read", "--json")
            site.token = json.loads(made.output.splitlines()[-1])["token"]
            site.start()
            threading.Thread(target=site.stream, daemon=True).start()
            site.sends.set()
            with prometheus(site):
                yield site
        finally:
            site.ends.set()
            site.heliograph.end()


@contextmanager
def prometheus(site: Site) -> Iterator[None]:
    rules = shortened((RUNNING / "heliograph-alerts.yml").read_text("utf-8"))
    (site.folder / "heliograph-alerts.yml").write_text(rules, "utf-8")
    config = (RUNNING / "prometheus.yml").read_text("utf-8").replace("127.0.0.1:8701", f"127.0.0.1:{site.operations}")
    times = "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
    (site.folder / "prometheus.yml").write_text(times + config, "utf-8")
    subprocess.run(["promtool", "check", "config", str(site.folder / "prometheus.yml")], check=True, capture_output=True)
    address = f"127.0.0.1:{free_port()}"
    site.prometheus = f"http://{address}"
    program = ["prometheus", f"--config.file={site.folder / 'prometheus.yml'}", f"--storage.tsdb.path={site.folder / 'tsdb'}"]
    with subprocess.Popen(
        [*program, f"--web.listen-address={address}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as site.watcher:
        try:
            until(lambda: status_of(f"{site.prometheus}/-/ready") == 200)
            yield
        finally:
            site.watcher.terminate()
