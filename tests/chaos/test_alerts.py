"""A real Prometheus with our rules watches a real Heliograph, whose faults are provoked one by one: the rule for each fires, and resolves (O8, O13).

Times are short: `for`, ranges, offsets and thresholds are seconds where they are minutes, hours and days. While a fault lasts, registrations go on
coming in and being delivered, and no rule fires but those that the fault is for, and those of its consequences.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.chaos import alert_faults
from tests.chaos.alert_faults import Fault
from tests.chaos.watched_site import RUNNING, fetched, watched
from tests.databases import DatabaseFacts
from tests.receiver import Receiver
from tests.story import Story
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("prometheus"), pytest.mark.trial]
OF_POSTGRESQL = {"HeliographDatabaseDown", "HeliographSlotsWithoutOwner"}
"""On SQLite one worker owns all, and no server can be gone."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A fault, the rule for it, and rules that may fire with it: a process that stops does not serve, what waits for it is late."""

    alert: str
    fault: Fault
    consequences: frozenset[str] = frozenset()


LATE = frozenset({"HeliographDeliveriesLate", "HeliographRetriesLate"})
TRIALS = (
    Trial("HeliographBackupOld", alert_faults.old_backup),
    Trial("HeliographNoBackup", alert_faults.no_backup),
    Trial("HeliographDocumentsRefused", alert_faults.refused_documents),
    Trial("HeliographTokensRefused", alert_faults.refused_tokens),
    Trial("HeliographOverloaded", alert_faults.overload),
    Trial("HeliographSignInsFail", alert_faults.failing_sign_ins),
    Trial("HeliographConnectionDead", alert_faults.dead_connection),
    Trial("HeliographDeliveriesFail", alert_faults.many_failures, frozenset({"HeliographConnectionDead"})),
    Trial("HeliographConnectionsRest", alert_faults.resting, frozenset({"HeliographConnectionDead"})),
    Trial("HeliographConnectionsPaused", alert_faults.paused),
    Trial("HeliographDeliveriesLate", alert_faults.late_delivery),
    Trial("HeliographRetriesLate", alert_faults.late_retry, frozenset({"HeliographConnectionsPaused", "HeliographConnectionDead"})),
    Trial("HeliographItemsFailed", alert_faults.failed_items, frozenset({"HeliographConnectionDead"})),
    Trial("HeliographItemsWaitForTag", alert_faults.untagged),
    Trial("HeliographJobFailed", alert_faults.failed_job),
    Trial("HeliographDiskFills", alert_faults.filling_disk),
    Trial("HeliographDiskNearlyFull", alert_faults.full_disk, frozenset({"HeliographDiskFills"})),
    Trial("HeliographNoChanges", alert_faults.silence),
    Trial("HeliographLedgerGaps", alert_faults.gaps),
    Trial("HeliographCopyNotReleased", alert_faults.unreleased, LATE),
    Trial("HeliographNoWorker", alert_faults.hanging_worker, LATE | {"HeliographProcessDown"}),
    Trial("HeliographSlotsWithoutOwner", alert_faults.shares_without_owner, LATE | {"HeliographProcessDown", "HeliographNoWorker"}),
    Trial("HeliographProcessDown", alert_faults.dead_process),
    Trial(
        "HeliographOwnFaults", alert_faults.own_fault, LATE | {"HeliographProcessDown", "HeliographNoWorker", "HeliographConnectionDead"}
    ),
    Trial(
        "HeliographServerErrors",
        alert_faults.server_errors,
        LATE | {"HeliographNoChanges", "HeliographNoWorker", "HeliographConnectionDead"},
    ),
    Trial(
        "HeliographDatabaseDown",
        alert_faults.database_gone,
        LATE | {"HeliographServerErrors", "HeliographProcessDown", "HeliographNoChanges"},
    ),
    Trial("HeliographAbsent", alert_faults.no_target),
    Trial("HeliographDown", alert_faults.stopped, frozenset({"HeliographNoChanges", "HeliographProcessDown"})),
)


def test_O8_O13_each_alert_fires_for_its_fault_and_resolves(
    forgetful_story: Story, database: DatabaseFacts, receiver: Receiver, tmp_path: Path
) -> None:
    story = forgetful_story
    story.adds_ada()
    story.retries(3600, 3600, 3600)
    story.flow("Well", [story.to(story.connection("Well", "/well"))], statuses=["Attended"])
    probed = story.connection("Probe", "/probe")
    story.flow("Probe", [story.to(probed)], statuses=["Cancelled"])
    trials = [trial for trial in TRIALS if trial.alert not in OF_POSTGRESQL or database.vendor == "postgresql"]
    rules = re.findall(r"alert: (\w+)", (RUNNING / "heliograph-alerts.yml").read_text("utf-8"))
    assert {trial.alert for trial in TRIALS} == set(rules)
    with watched(story, database, tmp_path, probed) as site:
        site.backs_up()
        until(lambda: not site.firing() and site.sent > 20, 3 * PATIENCE)
        for trial in trials:
            seen: set[str] = set()

            def fires(trial: Trial = trial, seen: set[str] = seen) -> bool:
                seen |= site.firing()
                return trial.alert in seen

            def resolves(seen: set[str] = seen) -> bool:
                seen |= site.firing()
                return site.is_quiet()

            until(site.is_quiet, 2 * PATIENCE, every=0.3)
            began = time.monotonic()
            try:
                with trial.fault(site):
                    until(fires, 4 * PATIENCE, every=0.3)
                fired = time.monotonic()
                until(resolves, 4 * PATIENCE, every=0.3)
            except AssertionError as error:
                error.add_note(
                    f"{trial.alert}: {sorted(seen)}\n{fetched(f'http://127.0.0.1:{site.operations}/metrics')}\n{site.serve and site.serve.output[-5000:]}"
                )
                raise
            beside = ", ".join(sorted(seen - {trial.alert})) or "nothing else"
            print(f"{trial.alert}: fired after {fired - began:.0f} s, resolved after {time.monotonic() - fired:.0f} s; beside it {beside}")  # noqa: T201
            assert seen <= trial.consequences | {trial.alert}, trial.alert
