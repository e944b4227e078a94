"""One run of a bench: posts work, waits until everything is delivered and settled, and compares what arrived with what was accepted."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from heliograph.bench.fixture import Fixture
from heliograph.bench.site import BenchReceiver, Helper, Site, until_settled
from heliograph.bench.targets_process import PLACES

WARM_UP: Final = 2_000
"""Registrations of the run that is not counted: it compiles, connects and fills caches."""


@dataclass(frozen=True, slots=True)
class LoadRun:
    """The results of a run. Latencies are sorted milliseconds."""

    deliveries: int
    seconds: float
    lost: int
    duplicated: int
    cpu: Mapping[str, float]
    """CPU seconds by process."""
    latencies: tuple[float, ...] = field(default=(), repr=False)
    """From the moment a registration was accepted to its delivery."""
    accepted: int = 0
    """The number of registrations that were accepted."""
    receipts: tuple[float, ...] = field(default=(), repr=False)
    """From the moment a request was meant to be sent to its response."""
    whole: tuple[float, ...] = field(default=(), repr=False)
    """From the moment a request was meant to be sent to the delivery."""
    threads: Mapping[str, float] = field(default_factory=dict, repr=False)
    """CPU seconds by process and thread."""
    batches: Mapping[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    """The number of batches that were recorded and settled, and the number of their items."""

    @property
    def per_s(self) -> float:
        return self.deliveries / self.seconds if self.seconds else 0.0

    @property
    def thread_us(self) -> dict[str, float]:
        """Microseconds of CPU per delivery, by process and thread."""
        return {name: seconds / max(1, self.deliveries) * 1e6 for name, seconds in self.threads.items()}

    @property
    def cpu_us(self) -> dict[str, float]:
        """Microseconds of CPU per delivery, by process."""
        return {name: seconds / max(1, self.deliveries) * 1e6 for name, seconds in self.cpu.items()}

    def latency(self, share: float) -> float:
        """The latency that this share of deliveries does not exceed."""
        return percentile(self.latencies, share)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of sorted values does not exceed; 0 for none."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def posted(
    site: Site,
    receiver: BenchReceiver,
    made: Fixture,
    *,
    tag: str,
    count: int,
    lines: int = 1,
    rate: float = 0.0,
    small: bool = False,
    position: str = "",
) -> LoadRun:
    """Posts `count` registrations and waits until everything that was accepted is delivered and settled.

    tag, small, position: as in Work
    lines: registrations per request
    rate: registrations per second; 0 for as fast as they are accepted

    For an account without connections, it waits for no delivery.
    """
    receiver.ask("reset")
    with tempfile.TemporaryDirectory() as folder, Helper("load") as load:
        into = Path(folder) / "answers.json"
        job = {"tag": tag, "count": count, "lines": lines, "rate": rate, "small": small, "position": position}
        load.send_line(json.dumps(job | {"port": site.door, "token": made.token, "into": str(into)}))
        load.hear()
        before, threads, batches = site.cpu(), site.threads(), site.batches()
        load.send_line()
        load.hear()
        message = json.loads(into.read_text("utf-8"))
    meant: dict[int, int] = {change: at for change, at, _ in message["accepted"]}
    accepted: dict[int, int] = {change: at for change, _, at in message["accepted"]}
    expected = len(accepted) * len(made.connections)
    receiver.until_received(expected)
    until_settled(made.connections)
    after, threads_after, batches_after = site.cpu(), site.threads(), site.batches()
    cpu = {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}
    cpu |= {"load": message["cpu"], "receiver": receiver.counts()["cpu"]}
    keys, times = receiver.arrivals()
    first: dict[int, int] = {}
    for key, at in zip(keys, times, strict=True):
        first.setdefault(key, at)
    own_first = {key: at for key, at in first.items() if key // PLACES in accepted}
    latencies = sorted(max(0, at - accepted[key // PLACES]) / 1e6 for key, at in own_first.items())
    receipts = sorted((at - meant[change]) / 1e6 for change, at in accepted.items())
    whole = sorted((at - meant[key // PLACES]) / 1e6 for key, at in own_first.items())
    seconds = (max(times, default=message["began"]) - message["began"]) / 1e9
    return LoadRun(
        len(own_first),
        seconds,
        expected - len(own_first),
        len(keys) - len(first),
        cpu,
        tuple(latencies),
        len(accepted),
        tuple(receipts),
        tuple(whole),
        threads={name: value - threads.get(name, 0.0) for name, value in threads_after.items()},
        batches={name: (n - batches[name][0], size - batches[name][1]) for name, (n, size) in batches_after.items()},
    )
