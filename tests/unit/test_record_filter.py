"""How a job stores the filter of a list of records."""

from __future__ import annotations

import json

from heliograph.insights.record_kinds import RecordFilter, RecordKind


def test_a_stored_filter_keeps_the_names_of_its_fields() -> None:
    """Exports that were begun by an earlier version go on."""
    record_filter = RecordFilter(RecordKind.CHANGES, 1, 2, left_kind=RecordKind.QUEUED, left_since=3)
    stored = json.loads(json.dumps(record_filter.as_json()))
    assert (stored["was"], stored["seen"]) == (RecordKind.QUEUED.value, 3)
    assert RecordFilter.from_json(stored) == record_filter
