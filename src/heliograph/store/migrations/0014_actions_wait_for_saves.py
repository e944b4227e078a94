"""Actions that could not begin wait for the save that lets them begin (D5).

So far such an action was looked at three times, and was then *Failed* without an attempt of its own: switching its flow on did not send it. One
whose content is still there waits in the Retry Queue again, and is looked at once, because its flow may be on by now: then it is sent, unless
newer data was. One that a person has sent again by a new action stays as it is.

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
"""Rows in one transaction, in which nobody else writes to SQLite."""
QUEUED, FAILED, OF_REPLAYS = 12, 21, 100
"""Numbers of measures, as they were when this was written."""

CHOOSE = """
SELECT a.id, a.lane_id, a.created / 60000000, a.mode, a.origin, a.flow_id, a.account_id,
  COALESCE(a.connection_id, (SELECT t.connection_id FROM attempt t WHERE t.action_id = a.id AND t.n = a.sent), l.connection_id)
FROM action a JOIN lane l ON l.id = a.lane_id
WHERE a.id > :after AND a.state = 11 AND a.queue = 3
  AND a.cause IN ('flow_inactive', 'flow_incomplete', 'flow_mode', 'flow_watch', 'connection_gone', 'mapping_gone')
  AND EXISTS (SELECT 1 FROM change c JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE c.id = a.change_id)
  AND NOT EXISTS (SELECT 1 FROM action r WHERE r.change_id = a.change_id AND r.repeated_id = a.id)
ORDER BY a.id LIMIT :most
"""
WAITS_AGAIN = """
UPDATE action SET state = 2, queue = CASE WHEN sent = 0 THEN 1 ELSE 2 END, due_at = :now, looks = 0, ended = NULL WHERE {}
"""
LANE_IS_READY = """
UPDATE lane SET state = 1, due_at = NULL, rank = (SELECT min(a.rank) FROM action a WHERE a.lane_id = lane.id AND a.state < 10) WHERE {}
"""


def wait_again(apps: Any, schema_editor: Any) -> None:
    """Puts the actions right, chunk by chunk, and logs how many of each account."""
    connection, after = schema_editor.connection, 0
    waiting: Counter[int] = Counter()
    while True:
        with transaction.atomic(using=connection.alias):
            db = of_django(connection)
            locked = " FOR UPDATE OF l, a" if db.vendor == "postgresql" else ""
            rows = db.all(CHOOSE + locked, {"after": after, "most": CHUNK})
            if not rows:
                break
            after = rows[-1][0]
            deltas: Counter[tuple[int, int, int, int, int, int]] = Counter()
            for _id, _lane, minute, mode, origin, flow, account, place in rows:
                replayed = OF_REPLAYS if origin == 2 else 0
                waiting[account] += 1
                deltas[account, minute, mode, flow, place, FAILED + replayed] -= 1
                deltas[account, minute, mode, flow, place, QUEUED + replayed] += 1
            member = db.member("id", "ids")
            db.run(WAITS_AGAIN.format(member), {"ids": [row[0] for row in rows], "now": db.now()})
            db.run(LANE_IS_READY.format(member), {"ids": sorted({row[1] for row in rows})})
            db.many(
                "INSERT INTO figure_delta (account_id, minute, mode, integration, flow_id, connection_id, category, measure, n, serials)"
                " VALUES (:account, :minute, :mode, 1, :flow, :place, 0, :measure, :n, NULL)",
                [
                    {"account": account, "minute": minute, "mode": mode, "flow": flow, "place": place, "measure": measure, "n": n}
                    for (account, minute, mode, flow, place, measure), n in sorted(deltas.items())
                ],
            )
    for account in sorted(waiting):
        log.info("actions_wait_again", account=account, wait_again=waiting[account])


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("store", "0013_action_connection")]
    operations: ClassVar = [migrations.RunPython(wait_again, migrations.RunPython.noop, atomic=False)]
