"""One trial, from its set-up to its counts. Imported only after Django is set up."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

from heliograph.options import Options
from heliograph.stage.command_processes import ServiceProcess
from heliograph.stage.ground import Ground
from heliograph.stage.receiver import Receiver
from heliograph.store.queue.lane_reads import unsettled
from heliograph.verify import slot_shares
from heliograph.verify.fault_course import STANDSTILL, FaultCourse, Standstill
from heliograph.verify.faults import Fault, course
from heliograph.verify.ledger import Ledger
from heliograph.verify.machines import Machines
from heliograph.verify.strikes import Striker
from heliograph.verify.surroundings import LASTS, Surroundings
from heliograph.verify.trial_account import ACCOUNT, TrialTarget, document, make_trial_account
from heliograph.verify.trial_load import Load
from heliograph.verify.trial_manager import Manager
from heliograph.verify.trial_report import VerifyReport
from heliograph.verify.trial_targets import Mood, TrialTargets
from heliograph.wiring import open_database

TARGETS: Final = {"steady-record": True, "failing-record": True, "steady-message": False, "failing-message": False}
"""Name of a target -> True if a request updates a record there (D2)."""
APART: Final = 16
"""Unused connections between two targets, so that each worker's share of the 64 slots has some of the targets."""
COMING_AND_GOING: Final = 3
STARTS_WITHIN: Final = 240.0
"""Seconds in which a process must start; on a busy machine Python needs a while to load what it imports."""
SUBMISSIONS: Final = 5
"""How often what has failed is submitted from the Retry Queue at the end."""


@dataclass(frozen=True, slots=True)
class Size:
    """The numbers of a trial."""

    kills: int
    faults: Collection[Fault]
    """The faults to provoke beside the kills."""
    times: int
    """How often each of them is provoked, and each failpoint is reached."""
    webs: int
    """Processes `web`, on PostgreSQL."""
    workers: int
    """Processes `worker`, on PostgreSQL."""
    clients: int
    slots: bool
    """True if workers start and stop before the faults."""


def run(made: Ground, machines: Machines, size: Size, seed: int, past_lease: float, say: Callable[[str], None]) -> VerifyReport:
    """Runs a trial: set-up, load, faults, drain, counts.

    past_lease: seconds for which a process is suspended
    say: called with the progress
    """
    began = time.monotonic()
    chances = [random.Random(seed * 10 + n) for n in range(4)]  # noqa: S311 -- a trial, not a secret
    ledger = Ledger(TARGETS)
    targets = TrialTargets(ledger, frozenset(name for name in TARGETS if name.startswith("failing")), chances[0])
    report = VerifyReport(targets=len(TARGETS), kills=size.kills, database="sqlite" if made.on_sqlite else "postgresql")
    with ExitStack() as stack:
        # The account, its targets and the processes
        say("setting up …")
        receiver = stack.enter_context(Receiver(targets.take))
        trial_targets = [TrialTarget(name, receiver.url(f"/{name}"), updates) for name, updates in TARGETS.items()]
        token = make_trial_account(trial_targets, apart=0 if made.on_sqlite else APART)
        parts, more = _services(made, size)
        for part in (*parts, *more):
            stack.callback(part.end)
        manager = Manager(parts, chances[1])
        stack.callback(manager.stop)
        manager.start()
        for part in parts:
            part.until_ready(STARTS_WITHIN)

        # The load, and workers that come and go
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
            _let_workers_come_and_go(parts[-1], more, report)
        for part in more[: size.workers - 1]:
            manager.keep(part)
            part.until_ready(STARTS_WITHIN)

        # The faults
        striker = Striker(manager, ledger, chances[2], past_lease, machines.failpoints)
        faults = _fault_course(machines, striker, targets, load, chances[3], [*parts, *more])
        order = course(size.kills, size.faults, size.times, chances[3])
        faults.say = lambda what: say(f"{faults.done} of {len(order)} faults · {_progress(ledger)} · {what}")
        try:
            faults.run(order)
        except Standstill as error:
            report.problems.append(str(error))

        # The drain
        say(f"draining · {_progress(ledger)}")
        if not load.stop(STANDSTILL):
            report.problems.append(f"Senders were not answered within {STANDSTILL:.0f} s after the last fault.")
        _drain(ledger, report)
        _submit_failed(parts[0], ledger, report)
        report.faults = faults.reports()
        report.in_flight = faults.in_flight(striker.journals)
    ledger.write(made.folder / "ledger.jsonl")
    report.counts = ledger.count()
    report.strikes, report.answers = dict(striker.strikes), dict(load.answers)
    report.problems += faults.problems + load.unexpected[:10]
    report.seconds = time.monotonic() - began
    return report


def _fault_course(
    machines: Machines, striker: Striker, targets: TrialTargets, load: Load, chance: random.Random, parts: Sequence[ServiceProcess]
) -> FaultCourse:
    """The course, with the function that provokes each fault."""
    surroundings = Surroundings(machines, striker, chance, lambda: load.refused)
    provoke = {
        Fault.KILL: striker.kill,
        Fault.STOP: striker.stop,
        Fault.TWO_SIGNALS: striker.two_signals,
        Fault.SILENT_TARGET: lambda: _misbehave(targets, Mood.HANGS, chance),
        Fault.HALF_ANSWERS: lambda: _misbehave(targets, Mood.HALF_ANSWERS, chance),
        Fault.FULL_DISK: surroundings.full_disk,
        Fault.CLOCK_JUMP: surroundings.clock_jump,
        Fault.DATABASE_RESTART: surroundings.database_restart,
        Fault.DATABASE_STALL: surroundings.database_stall,
    }
    return FaultCourse(striker.ledger, chance, parts, provoke, striker.failpoint, lambda: load.refused)


def _services(made: Ground, size: Size) -> tuple[list[ServiceProcess], list[ServiceProcess]]:
    """The services that run from the start, and the workers that join them."""
    if made.on_sqlite:
        return [ServiceProcess(made, "serve")], []
    first, *more = [ServiceProcess(made, "worker", f"worker-{n + 1}") for n in range(max(size.workers, COMING_AND_GOING))]
    return [*(ServiceProcess(made, "web", f"web-{n + 1}") for n in range(size.webs)), first], more


def _let_workers_come_and_go(first: ServiceProcess, more: list[ServiceProcess], report: VerifyReport) -> None:
    with closing(open_database(Options.load(), read_only=True)) as db:
        report.slots = slot_shares.up_and_down(db, first, more)
    late = {step: seconds for step, seconds in report.slots.items() if seconds > slot_shares.WITHIN}
    report.problems += [f"Workers {step}: it took {took:.1f} s until each owned its share of the slots." for step, took in late.items()]


def _misbehave(targets: TrialTargets, mood: Mood, chance: random.Random) -> str:
    with targets.period(mood) as names:
        time.sleep(chance.uniform(*LASTS))
    return f"{names}: {mood.value}"


def _progress(ledger: Ledger) -> str:
    return f"accepted {ledger.accepted:,} · delivered {ledger.delivered:,} of {ledger.accepted * len(ledger.targets):,}"


def _drain(ledger: Ledger, report: VerifyReport) -> None:
    """Waits until nothing is left to send: every lane is idle. This only ends the wait; nothing is counted by it."""
    with closing(open_database(Options.load(), read_only=True)) as db:
        seen, since = -1, time.monotonic()
        while busy := unsettled(db):
            if ledger.arrivals != seen:
                seen, since = ledger.arrivals, time.monotonic()
            if time.monotonic() - since > STANDSTILL:
                report.problems.append(f"{busy} lanes were still waiting {STANDSTILL:.0f} s after the last request arrived.")
                return
            time.sleep(0.2)


def _submit_failed(service: ServiceProcess, ledger: Ledger, report: VerifyReport) -> None:
    """Submits what has failed in the Retry Queue, as a person does whose target answers again, and waits until it is sent.

    On a busy machine a target may not read a request in time, once more often than there are retries.
    """
    of_trial = ("--account", ACCOUNT, "--status", "Failed")
    for _ in range(SUBMISSIONS):
        items = json.loads(service.run("retry", "list", *of_trial, "--limit", "1000", "--json").splitlines()[-1])
        if not items:
            return
        report.submitted += len(items)
        service.run("retry", "submit", "--all", *of_trial)
        _drain(ledger, report)
