"""Registrations: documents, and their recording."""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.domain.snapshot import ConfigProvider
from heliograph.recording.batches import record_batch
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.store.database import Database


def person(code: str, first: str, last: str, **document: object) -> dict[str, object]:
    """The document of somebody's registration."""
    profile = {"first_name": first, "last_name": last, "email": "somebody@example.org", "organization": "Oakline"}
    return {"code": code, "profile": profile, **document}


def record(db: Database, provider: ConfigProvider, items: Sequence[RecordItem]) -> list[ItemResult]:
    """Records items in one batch. None may be refused."""
    answers = record_batch(db, items, provider)
    assert all(answer.is_recorded for answer in answers), [answer.problems for answer in answers]
    return answers
