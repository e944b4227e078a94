"""Runs that wait for a tag wait until their content is gone (F7).

So far such a run was looked at three times, and was then *Failed*: it had left all numbers of what waits, and counted as "not selected". Now

- one that is Failed waits again, and is judged once, because its tag may have been given meanwhile;
- one whose content retention has removed meanwhile, or whose flow is gone, is Done with the reason, and counts as ended;
- one that waits has no due time any more.

A chunk of rows and their figures are one transaction, and a row that was put right is not chosen again: a run that is killed is continued.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import structlog
from django.db import migrations, transaction

from heliograph.store.django_database import of_django

log = structlog.get_logger(__name__)

CHUNK = 500
"""Rows in one transaction: about 20 ms, in which nobody else writes to SQLite."""
RETRY, ERROR, FAILED, DONE = 1, 2, 3, 4
UNTAGGED, ENDED = 5, 7
"""Numbers of measures, as they were when this was written."""

CHOOSE = """
SELECT j.id, j.queue, j.cause, r.at / 60000000, r.mode, r.flow_id, j.account_id,
  EXISTS (SELECT 1 FROM change c JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE c.id = j.change_id)
FROM stuck_run j JOIN run r ON r.id = j.run_id
WHERE j.id > :after AND ((j.cause = 'untagged' AND (j.queue IN (2, 3) OR (j.queue = 1 AND j.due_at > :now)))
  OR (j.cause IN ('flow_deleted', 'erased') AND j.queue = 3))
ORDER BY j.id LIMIT :most
"""
WAITS_ON = "UPDATE stuck_run SET queue = 1, tries = 0, due_at = NULL WHERE {}"
WAITS_AGAIN = "UPDATE stuck_run SET queue = 1, tries = 0, due_at = :now, ended = NULL, message = '' WHERE {}"
HAS_ENDED = "UPDATE stuck_run SET queue = 4, due_at = NULL, cause = :cause, ended = COALESCE(ended, :now) WHERE {}"
REASON = "UPDATE run SET reason = :reason WHERE {}"


def wait_again(apps: Any, schema_editor: Any) -> None:
    """Puts the items right, chunk by chunk, and logs how many of each account."""
    connection, after = schema_editor.connection, 0
    waiting: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    while True:
        with transaction.atomic(using=connection.alias):
            db = of_django(connection)
            now = db.now()
            locked = " FOR UPDATE OF j" if db.vendor == "postgresql" else ""
            rows = db.all(CHOOSE + locked, {"after": after, "now": now, "most": CHUNK})
            if not rows:
                break
            after = rows[-1][0]
            groups: dict[str, list[int]] = {"waits_on": [], "waits_again": [], "content_removed": [], "flow_deleted": []}
            deltas: Counter[tuple[int, int, int, int, int]] = Counter()
            for id, queue, cause, minute, mode, flow, account, has_content in rows:
                if cause == "untagged" and queue != FAILED:
                    groups["waits_on"].append(id)
                    continue
                waits = cause == "untagged" and has_content
                groups["waits_again" if waits else "flow_deleted" if cause == "flow_deleted" else "content_removed"].append(id)
                (waiting if waits else ended)[account] += 1
                deltas[account, minute, mode, flow, UNTAGGED if waits else ENDED] += 1
            member = db.member("id", "ids")
            for name, statement in (("waits_on", WAITS_ON), ("waits_again", WAITS_AGAIN)):
                if groups[name]:
                    db.run(statement.format(member), {"ids": groups[name], **({"now": now} if name == "waits_again" else {})})
            for name in ("content_removed", "flow_deleted"):
                if groups[name]:
                    db.run(HAS_ENDED.format(member), {"ids": groups[name], "cause": name, "now": now})
                    db.run(REASON.format(member), {"ids": groups[name], "reason": name.replace("_", " ")})
            if deltas:
                db.many(
                    "INSERT INTO figure_delta (account_id, minute, mode, integration, flow_id, connection_id, category, measure, n, serials)"
                    " VALUES (:account, :minute, :mode, 1, :flow, 0, 0, :measure, :n, NULL)",
                    [
                        {"account": account, "minute": minute, "mode": mode, "flow": flow, "measure": measure, "n": n}
                        for (account, minute, mode, flow, measure), n in sorted(deltas.items())
                    ],
                )
    for account in sorted({*waiting, *ended}):
        log.info("untagged_runs_put_right", account=account, wait_again=waiting[account], no_longer_possible=ended[account])


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("store", "0004_count_undecided_runs")]
    operations: ClassVar = [migrations.RunPython(wait_again, migrations.RunPython.noop, atomic=False)]
