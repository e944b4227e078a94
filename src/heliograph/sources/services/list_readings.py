"""What people decide about the reading of a list: its description, reading now, and what is to become of keys that are missing (S1, S3)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from heliograph.accounts.audit import Deed
from heliograph.domain.source.rest_list import RestList
from heliograph.domain.source.source_progress import SourceProgress
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.models import Source
from heliograph.store import source_reads
from heliograph.store.instants import from_micros

KIND = "source"


def save_list(transaction: SetupTransaction, id: int, description: RestList) -> Source:
    """Saves the description of a source's list. If its items may be others now, everything is read once more. Raises NotThere."""
    row = _locked(id)
    settings = _object(row.settings)
    before = settings.get("list")
    body = description.to_body()
    if before == body:
        return row
    now: Any = from_micros(transaction.db.now())
    row.settings = json.dumps(settings | {"list": body}, ensure_ascii=False)
    row.version += 1
    row.changed = row.due_at = now
    if _items_may_differ(before, body):
        row.cursor = "{}"
        source_reads.forget_items(transaction.db, row.pk)
    row.save()
    transaction.note(Deed.CHANGED, KIND, row, {"list": before}, {"list": body})
    return row


def read_now(transaction: SetupTransaction, id: int) -> Source:
    """Has a source read as soon as its reader is free. Raises NotThere, Invalid."""
    row = _locked(id)
    if "list" not in _object(row.settings):
        raise Invalid({"source": ["It is not read, it is called."]})
    row.due_at = from_micros(transaction.db.now())
    row.save(update_fields=["due_at"])
    return row


def answer_missing(transaction: SetupTransaction, id: int, *, set_inactive: bool) -> Source:
    """Answers what becomes of keys that more than a tenth of a sweep missed: they are set inactive, or the next sweeps decide anew.

    Raises NotThere, Invalid.
    """
    row = _locked(id)
    progress = SourceProgress.from_body(_object(row.cursor))
    if not progress.missing:
        raise Invalid({"source": ["It asks nothing now."]})
    if not set_inactive:
        source_reads.forgive_missing(transaction.db, row.pk)
    missing = progress.missing
    progress = replace(progress, missing=0, known=0, is_removing=progress.is_removing or set_inactive)
    row.cursor = json.dumps(progress.to_body())
    row.due_at = from_micros(transaction.db.now())
    row.save(update_fields=["cursor", "due_at"])
    transaction.note(Deed.CHANGED, KIND, row, {"missing": missing}, {"set_inactive": set_inactive})
    return row


def _items_may_differ(before: object, body: dict[str, Any]) -> bool:
    names = ("address", "query", "items", "key")
    return isinstance(before, dict) and any(before.get(name) != body[name] for name in names)


def _locked(id: int) -> Source:
    row: Source | None = Source.objects.select_for_update().filter(pk=id, deleted_at=None).first()
    if row is None:
        raise NotThere(f"There is no source {id} here.")
    return row


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text or "{}")
    return value if isinstance(value, dict) else {}
