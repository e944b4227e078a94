"""What people decide about the reading of a list: its description, reading now, and what is to become of keys that are missing (S1, S3)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.accounts.save_order import SavedSince
from heliograph.connections.models import Connection
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.source.list_page import UnreadablePage, read_page
from heliograph.domain.source.platforms import has_described_list
from heliograph.domain.source.pretix import PRETIX
from heliograph.domain.source.rest_list import Place, RestList
from heliograph.domain.source.source_progress import SourceProgress
from heliograph.domain.source.source_states import SourceState
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.list_request import ListRequester, ReadFailure, description_of
from heliograph.sources.models import Source
from heliograph.sources.services.sources import KIND, ask_for_reading, lock_source
from heliograph.store import source_reads
from heliograph.store.instants import from_micros


def save_list(transaction: SetupTransaction, id: int, description: RestList) -> Source:
    """Saves the description of a source's list. If its items may be others now, everything is read once more. Raises NotThere, Invalid."""
    row = lock_source(id)
    if not has_described_list(row.platform):
        raise NotThere("This source is called, it does not read a list.")
    if description.connection is not None and not Connection.objects.filter(pk=description.connection, deleted_at=None).exists():
        raise Invalid({"connection": [_("There is no connection %(id)s here.") % {"id": description.connection}]})
    settings = _object(row.settings)
    before = settings.get("list")
    body = description.to_body()
    if before == body:
        return row
    now: Any = from_micros(transaction.db.now())
    row.settings = json.dumps(settings | {"list": body}, ensure_ascii=False)
    row.version += 1
    row.changed = now
    ask_for_reading(transaction, row)
    if items_may_differ(before, body):
        row.cursor = "{}"
        source_reads.forget_items(transaction.db, row.pk)
    row.save()
    transaction.note(Deed.CHANGED, KIND, row, {"list": before}, {"list": body})
    return row


def read_now(account: int, id: int, *, by: str) -> int | None:
    """Has a source read as soon as its reader is free. Of one that is not switched on it keeps one page, as a sample for its mapping, and returns
    the number of its items. Call it outside of a transaction. Raises NotThere, Invalid."""
    with saving(account, by=by) as transaction:
        row = lock_source(id)
        if not _object(row.settings).keys() & {"list", PRETIX}:
            raise Invalid({"source": [_("Its list is not described yet. Describe it first.")]})
        if row.state != SourceState.DRAFT:
            ask_for_reading(transaction, row)
            row.save(update_fields=["due_at", "asked_at"])
            return None
    try:
        description = description_of(row.settings)
        answer = ListRequester(account, description).get(description.url(None, Place()))
        if isinstance(answer, ReadFailure):
            raise Invalid({"source": [answer.message]})
        page = read_page(description, answer.json, answer.headers, Place())
    except (UnreadablePage, BodyError, NotThere) as error:
        raise Invalid({"source": [error.sentence]}) from None
    body = json.dumps([item.value for item in page.items], ensure_ascii=False).encode("utf-8", "replace")
    with saving(account, by=by) as transaction:
        lock_source(id)
        source_reads.store_sample(transaction.db, account, id, body, transaction.db.now())
    return len(page.items)


def answer_missing(transaction: SetupTransaction, id: int, *, set_inactive: bool, seen: int | None = None) -> Source:
    """Answers what becomes of keys that more than a tenth of a sweep missed: they are set inactive, or the next sweeps decide anew.

    seen: how many keys the question named; None: it is answered for however many there are
    Raises NotThere, Invalid, SavedSince.
    """
    row = lock_source(id)
    progress = SourceProgress.from_body(_object(row.cursor))
    if seen is not None and progress.missing != seen:
        raise SavedSince
    if not progress.missing:
        raise Invalid({"source": [_("It asks nothing now.")]})
    if not set_inactive:
        source_reads.forgive_missing(transaction.db, row.pk)
    missing = progress.missing
    progress = replace(progress, missing=0, known=0, is_removing=progress.is_removing or set_inactive)
    row.cursor = json.dumps(progress.to_body())
    ask_for_reading(transaction, row)
    row.save(update_fields=["cursor", "due_at", "asked_at"])
    transaction.note(Deed.CHANGED, KIND, row, {"missing": missing}, {"set_inactive": set_inactive})
    return row


def items_may_differ(before: object, body: dict[str, Any]) -> bool:
    """Whether a list described like this may have others than as it was described before."""
    names = ("address", "query", "items", "key", "only")
    return isinstance(before, dict) and any(before.get(name, body[name]) != body[name] for name in names)


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text or "{}")
    return value if isinstance(value, dict) else {}
