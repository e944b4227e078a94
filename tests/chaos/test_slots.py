"""Workers start and stop under load with a fast receiver: each has its share of the slots within 10 seconds, and nothing is lost
(docs/design/queue.md, section 3)."""

from __future__ import annotations

import random
from pathlib import Path

from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.waiting import until

from heliograph.stage.command_processes import ServiceProcess
from heliograph.stage.ground import Ground
from heliograph.stage.receiver import Receiver
from heliograph.store.queue.lane_reads import unsettled
from heliograph.verify import slot_shares
from heliograph.verify.ledger import Ledger
from heliograph.verify.trial_account import TrialTarget, document, make_trial_account
from heliograph.verify.trial_load import Load
from heliograph.verify.trial_targets import TrialTargets

TARGETS = {"record": True, "message": False, "other-record": True, "other-message": False}


def test_D1_slots_are_shared_while_workers_come_and_go(database: DatabaseFacts, heliograph: Starter, tmp_path: Path) -> None:
    if database.vendor == "sqlite":  # one owner has them all, and no second worker may run
        process = heliograph.run("worker")
        assert process.returncode == 1
        assert "needs PostgreSQL" in process.output
        return
    ledger = Ledger(TARGETS)
    ground = Ground(tmp_path, database.url, {"key": database.key, "allowed_networks": "127.0.0.1/32"})
    ground.logs.mkdir()
    db = database.open()
    parts = [ServiceProcess(ground, "web", "web"), *(ServiceProcess(ground, "worker", f"worker-{n}") for n in range(3))]
    try:
        with Receiver(TrialTargets(ledger, frozenset(), random.Random(1), slow=False).take) as receiver:
            targets = [TrialTarget(name, receiver.url(f"/{name}"), updates) for name, updates in TARGETS.items()]
            token = make_trial_account(targets, apart=16)
            for part in parts[:2]:
                part.start()
            for part in parts[:2]:
                part.until_ready()
            load = Load(ledger, [parts[0].pages], token, lambda v: document(v.code, v.number), clients=4)
            load.start()
            steps = slot_shares.up_and_down(db, parts[1], parts[2:])
            assert load.stop(60.0)
            until(lambda: not unsettled(db), timeout=60)
        counts = ledger.count()
        assert all(seconds < slot_shares.LONGEST for seconds in steps.values()), steps  # how soon is what `heliograph verify` measures
        assert (counts.lost, counts.reordered, counts.renamed, counts.duplicated, load.unexpected) == (0, 0, 0, 0, []), counts
        assert counts.delivered == counts.owed > 100
    finally:
        for part in parts:
            part.end()
        db.close()
