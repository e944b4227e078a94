"""Figures count runs whose decision raised an exception apart from runs that wait for a tag (X2).

So far both were one measure. One statement in one transaction with the note that it ran: such runs are very few.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

UNTAGGED, UNDECIDED, ENDED = 5, 6, 7
"""Numbers of the measures, as they were when this was written."""

APPEND = """
INSERT INTO figure_delta (account_id, minute, mode, integration, flow_id, connection_id, category, measure, n, serials)
SELECT j.account_id, r.at / 60000000, r.mode, 1, r.flow_id, 0, 0, m.measure, m.sign * count(*), NULL
FROM stuck_run j JOIN run r ON r.id = j.run_id
JOIN (SELECT {old} AS measure, -1 AS sign, 0 AS failed UNION ALL SELECT {new}, 1, 0 UNION ALL SELECT {ended}, 1, 1) m
ON m.failed = CASE WHEN j.queue = 3 THEN 1 ELSE 0 END
WHERE j.cause = 'exception' AND j.queue IN (1, 2, 3)
GROUP BY j.account_id, r.at / 60000000, r.mode, r.flow_id, m.measure, m.sign
"""


def count_apart(apps: Any, schema_editor: Any) -> None:
    """Moves the runs that are tried again to their own measure, and counts those that were given up."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(APPEND.format(old=UNTAGGED, new=UNDECIDED, ended=ENDED))


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0003_saved_cure")]
    operations: ClassVar = [migrations.RunPython(count_apart, migrations.RunPython.noop)]
