"""Changes whose figures are worth counting, and their folding."""

from __future__ import annotations

import random
from dataclasses import replace

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.flow import Flow, Mode, Watch
from heliograph.recording.batches import record_batch
from heliograph.store.database import Database
from heliograph.store.queue import figure_deltas
from tests.builders.stored_account import StoredAccount


def busy(s: StoredAccount, batches: int = 6, seed: int = 1) -> None:
    """Live and test changes, triggered, not selected and stuck, of few registrations."""
    random_ = random.Random(seed)
    s.save({("statuses", s.account): s.statuses_body(untagged=("Invited",))})
    flow = s.provider.account(s.account).flows[s.flows["All"]]
    s.save_flow(replace(flow, statuses=(s.tags["New"], s.tags["Attended"])))
    s.save_flow(Flow(s.id(902), 1, "T", Mode.TEST, True, Watch.STATUS, statuses=(s.tags["New"],), properties=(s.tags["VIP"],)))
    for _ in range(batches):
        items = [
            s.item(
                f"R{random_.randrange(8)}",
                status=random_.choice(("New", "Attended", "Invited", "Cancelled")),
                properties={"Test": random_.random() < 0.4, "VIP guest": True},
                sessions=[{"code": "KEYNOTE", "status": random_.choice(("Registered", "Attended"))}],
                quiet=False,
            )
            for _ in range(12)
        ]
        record_batch(s.db, items, s.provider)


def fold_all(db: Database, account: int, limit: int = 7) -> int:
    taken = 0
    while True:
        with db.transaction():
            n = figure_deltas.fold(db, account, limit)
        if not n:
            return taken
        taken += n


def move(setup: StoredAccount, minutes: int, before: dict[str, int]) -> None:
    """Moves all that was recorded since into the past, rows and figures alike."""
    db = setup.db
    with db.transaction():
        for table, moments in (
            ("change", ("at",)),
            ("change_content", ("at",)),
            ("run", ("at",)),
            ("action", ("created",)),
            ("stuck_run", ("created",)),
        ):
            key = "change_id" if table == "change_content" else "id"
            sets = ", ".join(f"{name} = {name} - {minutes * MINUTE}" for name in moments)
            db.run(f"UPDATE {table} SET {sets} WHERE {key} > {before['change' if key == 'change_id' else table]}")
        db.run(f"UPDATE figure_delta SET minute = minute - {minutes} WHERE id > {before['figure_delta']}")


def newest(setup: StoredAccount) -> dict[str, int]:
    tables = ("change", "run", "action", "stuck_run", "figure_delta")
    return {table: int(setup.db.all(f"SELECT COALESCE(MAX(id), 0) FROM {table}")[0][0]) for table in tables}
