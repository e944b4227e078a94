"""Figures count the retries that delivered (X2).

One statement in one transaction with the note that it ran: it reads the retries, which have an index of their own, and no first attempt.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

RETRIED_OK, REPLAYED = 35, 100
"""Numbers of the measures, as they were when this was written."""

APPEND = f"""
INSERT INTO figure_delta (account_id, minute, mode, integration, flow_id, connection_id, category, measure, n, serials)
SELECT t.account_id, t.at / 60000000, a.mode, 1, t.flow_id, t.connection_id, 0,
CASE WHEN a.origin = 2 THEN {RETRIED_OK + REPLAYED} ELSE {RETRIED_OK} END, count(*), NULL
FROM attempt t JOIN action a ON a.id = t.action_id
WHERE t.kind > 1 AND t.state = 10
GROUP BY t.account_id, t.at / 60000000, a.mode, t.flow_id, t.connection_id, CASE WHEN a.origin = 2 THEN {RETRIED_OK + REPLAYED} ELSE {RETRIED_OK} END
"""


def count(apps: Any, schema_editor: Any) -> None:
    """Counts the retries of the past that delivered."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(APPEND)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0011_people_sent")]
    operations: ClassVar = [migrations.RunPython(count, migrations.RunPython.noop)]
