"""The ledger of a list of 100,000 registrations: what each of its statements takes is printed, and nothing is counted wrongly (S9)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tests.builders.filled_tables import fill
from tests.builders.stored_account import stored_account
from tests.builders.stored_source import stored_source
from tests.databases import DatabaseFacts

from heliograph.domain.source.call_mapping import CallMapping
from heliograph.store import ledger_reads

pytestmark = pytest.mark.trial
SIZE = 100_000


def test_the_ledger_of_a_large_list(database: DatabaseFacts, record_property: Callable[[str, object], None]) -> None:
    db = database.open()
    setup = stored_account(db)
    source = stored_source(setup, CallMapping())
    with db.transaction():
        fill(db, setup.account, setup.event, SIZE)
        db.run(
            "INSERT INTO source_item (account_id, source_id, key, digest, documents, sent_modified)"
            " SELECT account_id, :source, code, :digest, :begin || code || :end, sent_modified FROM registration",
            {"source": source.id, "digest": b"d", "begin": f'[["{setup.event_code}", "', "end": '"]]'},
        )
        db.run("UPDATE registration SET code = 'was ' || code WHERE code IN ('Z5', 'Z500')")
    db.run("ANALYZE")

    def taken[Result](name: str, read: Callable[[], Result]) -> Result:
        began = time.monotonic()
        result = read()
        record_property(name, f"{(time.monotonic() - began) * 1_000:.0f} ms")
        print(f"{db.vendor}: {name}: {(time.monotonic() - began) * 1_000:.0f} ms")  # noqa: T201 -- the trial's figures
        return result

    (count,) = taken("counts of a list", lambda: ledger_reads.listed_counts(db, [source.id]))
    assert (count.there, count.missing, count.older, count.only_here) == (SIZE, 2, 0, 0)
    gaps = taken("gaps of a list", lambda: ledger_reads.listed_gaps(db, [source.id], 2_000))
    assert {gap.code for gap in gaps} == {"Z5", "Z500"}
    messages = taken("messages", lambda: ledger_reads.message_counts(db, setup.account, 0))
    assert sum(count for *_, count in messages) == SIZE
    decisions = taken("decisions", lambda: ledger_reads.decision_counts(db, setup.account, 0))
    assert sum(counts.waiting for counts in decisions.values()) == SIZE // 50
    assert sum(counts.looked_at for counts in decisions.values()) == sum(ledger_reads.change_counts(db, setup.account, 0).values()) == SIZE
    assert taken("undelivered", lambda: ledger_reads.undelivered_rows(db, setup.account, 0, setup.event, 2_000))
    db.close()
