"""Tests of connections (C3): the limit on how many, and the last result. Stored in `connection_state`, so without versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from heliograph.store.database import Database

WINDOW: Final = 60_000_000
OF_CONNECTION: Final = 6
OF_ACCOUNT: Final = 20
"""Tests per window: enough for a person who fixes a connection, too few to generate traffic."""


def may_test(db: Database, account: int, connection: int) -> bool:
    """Counts a test that is about to begin, in the caller's transaction. False if there were too many; then it is not counted."""
    now = db.now()
    params = {"connection": connection, "account": account, "now": now, "old": now - WINDOW, "most": OF_CONNECTION}
    ((of_account,),) = db.all(
        "SELECT coalesce(sum(tests), 0) FROM connection_state WHERE account_id = :account AND tests_since > :old",
        {"account": account, "old": now - WINDOW},
    )
    if int(of_account) >= OF_ACCOUNT:
        return False
    counted = db.all(
        "INSERT INTO connection_state (connection_id, account_id, tests_since, tests) VALUES (:connection, :account, :now, 1)"
        " ON CONFLICT (connection_id) DO UPDATE SET"
        " tests = CASE WHEN connection_state.tests_since > :old THEN connection_state.tests + 1 ELSE 1 END,"
        " tests_since = CASE WHEN connection_state.tests_since > :old THEN connection_state.tests_since ELSE :now END"
        " WHERE connection_state.account_id = :account"
        " AND (connection_state.tests_since IS NULL OR connection_state.tests_since <= :old OR connection_state.tests < :most)"
        " RETURNING tests",
        params,
    )
    return bool(counted)


def keep(db: Database, account: int, connection: int, report: Mapping[str, object]) -> None:
    """Stores the result of a test, in the caller's transaction."""
    db.run(
        "UPDATE connection_state SET tested_at = :now, test_result = :report WHERE connection_id = :connection AND account_id = :account",
        {"now": db.now(), "report": json.dumps(report, ensure_ascii=False), "connection": connection, "account": account},
    )


def last(db: Database, account: int) -> dict[int, tuple[int, dict[str, Any]]]:
    """Each connection's last test, by id: (when, in microseconds, and the report)."""
    rows = db.all(
        "SELECT connection_id, tested_at, test_result FROM connection_state WHERE account_id = :account AND tested_at IS NOT NULL"
        " AND test_result <> ''",
        {"account": account},
    )
    return {int(connection): (int(at), json.loads(report)) for connection, at, report in rows}
