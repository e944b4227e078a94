"""One trial, from its set-up to its counts. Imported only after Django is set up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

from heliograph.options import Options
from heliograph.stage.command_processes import ServiceProcess
from heliograph.stage.ground import Ground
from heliograph.stage.receiver import Receiver
from heliograph.store.queue.lane_reads import unsettled
from heliograph.verify import slot_shares
from heliograph.verify.ledger import Ledger
from heliograph.verify.strikes import STANDSTILL, Manager, Standstill, Striker
from heliograph.verify.trial_account import TrialTarget, document, make_trial_account
from heliograph.verify.trial_load import Load
from heliograph.verify.trial_report import VerifyReport
from heliograph.verify.trial_targets import TrialTargets
from heliograph.wiring import open_database

TARGETS: Final = {"steady-record": True, "failing-record": True, "steady-message": False, "failing-message": False}
"""Name of a target -> True if a request updates a record there (D2)."""
APART: Final = 16
"""Unused connections between two targets, so that each worker's share of the 64 slots has some of the targets."""
COMING_AND_GOING: Final = 3


@dataclass(frozen=True, slots=True)
class Size:
    """The numbers of a trial."""

    kills: int
    webs: int
    """Processes `web`, on PostgreSQL."""
    workers: int
    """Processes `worker`, on PostgreSQL."""
    clients: int
    slots: bool
    """True if workers start and stop before the kills."""


def run(made: Ground, size: Size, seed: int, past_lease: float, say: Callable[[str], None]) -> VerifyReport:
    """Runs a trial: set-up, load, strikes, drain, counts.

    past_lease: seconds for which a process is suspended
    say: called with the progress
    """
    began = time.monotonic()
    chances = [random.Random(seed * 10 + n) for n in range(3)]  # noqa: S311 -- a trial, not a secret
    ledger = Ledger(TARGETS)
    targets = TrialTargets(ledger, frozenset(name for name in TARGETS if name.startswith("failing")), chances[0])
    report = VerifyReport(targets=len(TARGETS), kills=size.kills, database="sqlite" if made.on_sqlite else "postgresql")
    with ExitStack() as stack:
        say("setting up …")
        receiver = stack.enter_context(Receiver(targets.take))
        trial_targets = [TrialTarget(name, receiver.url(f"/{name}"), updates) for name, updates in TARGETS.items()]
        token = make_trial_account(trial_targets, apart=0 if made.on_sqlite else APART)
        # `parts` run from the start; `more` are workers that join them.
        if made.on_sqlite:
            parts, more = [ServiceProcess(made, "serve")], []
        else:
            first, *more = [ServiceProcess(made, "worker", f"worker-{n + 1}") for n in range(max(size.workers, COMING_AND_GOING))]
            parts = [*(ServiceProcess(made, "web", f"web-{n + 1}") for n in range(size.webs)), first]
        for part in (*parts, *more):
            stack.callback(part.end)
        manager = Manager(parts, chances[1])
        stack.callback(manager.stop)
        manager.start()
        for part in parts:
            part.until_ready()
        doors = [door for part in parts if part.command != "worker" for door in (part.door, part.pages)]
        load = Load(
            ledger,
            doors,
            token,
            lambda version: document(version.code, version.number, profile={"first_name": version.code}),
            clients=size.clients,
            seed=seed,
        )
        load.start()
        if size.slots and more:
            say("workers come and go …")
            with closing(open_database(Options.load(), read_only=True)) as db:
                report.slots = slot_shares.up_and_down(db, parts[-1], more)
            late = {step: seconds for step, seconds in report.slots.items() if seconds > slot_shares.WITHIN}
            report.faults += [
                f"Workers {step}: it took {took:.1f} s until each owned its share of the slots." for step, took in late.items()
            ]
        for part in more[: size.workers - 1]:
            manager.keep(part)
            part.until_ready()
        striker = Striker(manager, ledger, chances[2], past_lease)
        striker.say = lambda what: say(f"{sum(striker.strikes.values())} of {size.kills} kills · {_so_far(ledger, striker)} · {what}")
        try:
            striker.strike(size.kills)
        except Standstill as error:
            report.faults.append(str(error))
        say(f"draining · {_so_far(ledger, striker)}")
        if not load.stop(STANDSTILL):
            report.faults.append(f"Senders were not answered within {STANDSTILL:.0f} s after the last kill.")
        _drain(ledger, report)
    ledger.write(made.folder / "ledger.jsonl")
    report.counts = ledger.count()
    report.in_flight_at_kills, report.strikes, report.answers = striker.in_flight, dict(striker.strikes), dict(load.answers)
    report.faults += load.unexpected[:10]
    report.seconds = time.monotonic() - began
    return report


def _so_far(ledger: Ledger, striker: Striker) -> str:
    owed = ledger.accepted * len(ledger.targets)
    return f"accepted {ledger.accepted:,} · delivered {ledger.delivered:,} of {owed:,} · in flight at kills {striker.in_flight:,}"


def _drain(ledger: Ledger, report: VerifyReport) -> None:
    """Waits until nothing is left to send: every lane is idle. This only ends the wait; nothing is counted by it."""
    with closing(open_database(Options.load(), read_only=True)) as db:
        seen, since = -1, time.monotonic()
        while busy := unsettled(db):
            if ledger.arrivals != seen:
                seen, since = ledger.arrivals, time.monotonic()
            if time.monotonic() - since > STANDSTILL:
                report.faults.append(f"{busy} lanes were still waiting {STANDSTILL:.0f} s after the last request arrived.")
                return
            time.sleep(0.2)
