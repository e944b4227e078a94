"""An attempt stores why it failed: retention removes its content, and its action may end with another cause (C8).

The last attempt over each connection decides its health, so those get their cause here, as long as it is known. Others of older releases have none.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import migrations, models

from heliograph.store.django_database import of_django

MOST_UNTRIED = 1_000
"""The newest attempts over a connection that are searched for one that tried its target."""
VALIDATION, SYSTEM = 12, 1
"""Numbers of a state and a category, as they were when this was written."""

NEXT = "SELECT min(connection_id) FROM attempt WHERE connection_id > :after"
TRIED = f"state <> {VALIDATION} AND NOT (COALESCE(category, 0) = {SYSTEM} AND status IS NULL)"
LAST = f"""
SELECT t.action_id, t.n, x.response, a.cause FROM attempt t
LEFT JOIN attempt_content x ON x.action_id = t.action_id AND x.n = t.n AND x.at = t.at
LEFT JOIN action a ON a.id = t.action_id AND a.sent = t.n
WHERE t.connection_id = :connection AND t.status IS NULL AND t.category IS NOT NULL AND t.at = (
  SELECT max(at) FROM (
    SELECT at, state, category, status FROM attempt WHERE connection_id = :connection ORDER BY at DESC LIMIT {MOST_UNTRIED}
  ) newest WHERE {TRIED})
"""
"""The last attempt over a connection that tried its target, if it failed without an answer."""


def fill(apps: Any, schema_editor: Any) -> None:
    """Fills in the cause of the last attempt over each connection."""
    db, connection = of_django(schema_editor.connection), 0
    while (connection := db.all(NEXT, {"after": connection})[0][0]) is not None:
        for action, n, response, cause in db.all(LAST, {"connection": connection}):
            known = _failure(response) or cause
            if known:
                db.run("UPDATE attempt SET cause = :cause WHERE action_id = :action AND n = :n", {"action": action, "n": n, "cause": known})


def _failure(response: str | None) -> str:
    """Why there was no response, as the content says it; "" if it does not."""
    try:
        stored = json.loads(response or "{}")
    except (ValueError, RecursionError):
        return ""
    failure = stored.get("failure") if isinstance(stored, dict) else None
    return failure if isinstance(failure, str) else ""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0005_untagged_runs_wait")]
    operations: ClassVar = [
        migrations.AddField("Attempt", "cause", models.CharField(max_length=60, null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
