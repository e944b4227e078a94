"""record() in its own transactions, for callers that own their connection (docs/design/recording.md, section 5).

A batch with a bad item is halved, so that the item never fails its neighbours. A batch that another transaction broke (deadlock,
serialisation) is retried whole. Items are not run one by one: 200 fsyncs for one bad item would invite attacks.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from heliograph import failpoints
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.snapshot import ConfigProvider
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import OVERTAKEN_AT_MOST, Overtaken, record
from heliograph.store import driver_errors
from heliograph.store.database import Database

log = structlog.get_logger(__name__)

TRIES = 3
KEY_WAIT_MS = 5_000  # I3: how long a repeated key waits for the first one's answer
LONGEST_MS = 30_000  # limit for a statement, so that a recording transaction is bounded

UNSTORABLE = DocumentProblem("", "cannot be stored as it is.")


def record_batch(
    db: Database, items: Sequence[RecordItem], provider: ConfigProvider, *, endpoint: str = "", key_wait_ms: int = KEY_WAIT_MS
) -> list[ItemResult]:
    """Records in its own transactions; one result per item, in order.

    Raises the driver's error if the database itself fails. Then nothing is acknowledged (O7), though earlier halves may be recorded, as
    after a lost answer.
    """
    if not items:
        return []
    left, overtaken = TRIES - 1, 0
    while True:
        try:
            with db.transaction(together=True):
                db.limit_statements(LONGEST_MS)
                results = record(db, items, provider, endpoint=endpoint, key_wait_ms=key_wait_ms, in_savepoint=False)
                failpoints.reach(failpoints.Instant.CHANGES_WRITTEN)
                return results
        except driver_errors.lock_timeouts():
            locked_keys = _locked_keys(db, items, endpoint)
            if locked_keys:  # their items are answered "running" (I3), and the others are recorded
                others = [item for item in items if (item.account, item.key) not in locked_keys]
                other_results = iter(record_batch(db, others, provider, endpoint=endpoint, key_wait_ms=key_wait_ms))
                return [
                    ItemResult(ItemOutcome.RUNNING) if (item.account, item.key) in locked_keys else next(other_results) for item in items
                ]
            if not left:  # else the other transaction has ended
                raise
            left -= 1
        except Overtaken:  # the other transaction has created the registration, so the next try updates it
            overtaken += 1
            if overtaken == OVERTAKEN_AT_MOST:
                raise
        except driver_errors.lost_races():
            if not left:
                raise
            left -= 1
        except driver_errors.refusals() as error:
            return _halved(db, items, provider, endpoint, key_wait_ms, error, ItemResult(ItemOutcome.REFUSED, problems=(UNSTORABLE,)))
        except driver_errors.all_errors():
            raise
        except Exception as error:  # noqa: BLE001 -- a bug of ours that one item meets: its neighbours, perhaps other accounts', go on
            return _halved(db, items, provider, endpoint, key_wait_ms, error, ItemResult(ItemOutcome.FAILED))


def _halved(
    db: Database,
    items: Sequence[RecordItem],
    provider: ConfigProvider,
    endpoint: str,
    key_wait_ms: int,
    error: Exception,
    alone: ItemResult,
) -> list[ItemResult]:
    if len(items) == 1:
        log.error("item_not_recorded", account=items[0].account, by=items[0].by, error=type(error).__name__, outcome=alone.outcome.value)
        return [alone]
    middle = len(items) // 2
    return [
        *record_batch(db, items[:middle], provider, endpoint=endpoint, key_wait_ms=key_wait_ms),
        *record_batch(db, items[middle:], provider, endpoint=endpoint, key_wait_ms=key_wait_ms),
    ]


def _locked_keys(db: Database, items: Sequence[RecordItem], endpoint: str) -> set[tuple[int, str | None]]:
    """The keys that other transactions have locked. A timeout does not name the key, so each is tried in a savepoint, sorted, with a minimal
    wait; everything is rolled back."""
    from heliograph.store.postgres_database import PostgresDatabase  # noqa: PLC0415 -- with psycopg

    locked_keys: set[tuple[int, str | None]] = set()
    assert isinstance(db, PostgresDatabase)  # no other waits for locks of single keys
    with db.connection.transaction(force_rollback=True):
        db.run("SET LOCAL lock_timeout = 5")
        for account, key in sorted({(item.account, item.key) for item in items if item.key is not None and item.problem is None}):
            try:
                with db.connection.transaction():
                    db.run(
                        "INSERT INTO idempotency (account_id, endpoint, key, request_hash, at) VALUES (:a, :e, :k, '', 0) ON CONFLICT DO NOTHING",
                        {"a": account, "e": endpoint, "k": key},
                    )
            except driver_errors.lock_timeouts():
                locked_keys.add((account, key))
    return locked_keys
