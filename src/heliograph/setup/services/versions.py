"""Versions of flows, mappings and connections (F10), and what a new one does to running flows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.setup.errors import NotThere
from heliograph.setup.models.configured import Configured
from heliograph.setup.save_questions import AsksFirst, Stops
from heliograph.setup.services import dependents
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.store import configuration
from heliograph.store.configuration import ACCOUNT
from heliograph.store.database import Database
from heliograph.store.moments import from_micros


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an entity. since: the version of the account's set-up that introduced it."""

    number: int
    at: datetime
    by: str
    body: Mapping[str, object]
    since: int = 0


def write(s: SetupTransaction, row: Configured) -> None:
    """Stores the row's body as its newest version, and the version number in the row. Saves the row."""
    kind = row.configured_as
    body = None if row.deleted_at else row.body
    configuration.save(s.db, s.account, ACCOUNT, s.account, {(kind, row.pk): body}, by=s.by)
    ((row.number,),) = s.db.all(
        "SELECT coalesce(max(number), 0) FROM config_history WHERE scope = :scope AND scope_id = :account AND kind = :kind AND entity_id = :id",
        {"scope": ACCOUNT, "account": s.account, "kind": kind, "id": row.pk},
    )
    row.changed_by = s.by[:60]
    row.save()


def history(db: Database, account: int, kind: str, id: int) -> list[Version]:
    """All versions of a flow, mapping or connection, the newest first."""
    rows = db.all(
        "SELECT number, at, by, body, since FROM config_history WHERE account_id = :account AND scope = :scope AND scope_id = :account"
        " AND kind = :kind AND entity_id = :id ORDER BY number DESC",
        {"account": account, "scope": ACCOUNT, "kind": kind, "id": id},
    )
    return [Version(number, from_micros(at), by, json.loads(body), since) for number, at, by, body, since in rows]


def version(db: Database, account: int, kind: str, id: int, number: int) -> Version:
    """One version. Raises NotThere."""
    found = next((v for v in history(db, account, kind, id) if v.number == number), None)
    if found is None:
        raise NotThere(f"There is no version {number} of this {kind}.")
    return found


@contextmanager
def watching_flows(s: SetupTransaction, *, confirmed: bool) -> Iterator[AccountConfig]:
    """Encloses saves that may make running flows incomplete: then it asks first (F2). Afterwards the rows say which flows are complete.

    Yields the configuration before the save. Raises AsksFirst, which rolls everything back, unless confirmed.
    """
    s.needs_account()
    s.write_account()  # what this transaction created before: a tag that the flow names
    before = s.source.account(s.account)
    yield before
    after = s.source.account(s.account)
    running = {flow.id for flow in before.flows.values() if flow.active and not missing(flow, before)}
    lacks = {flow.id: missing(flow, after) for flow in after.flows.values()}
    stops = [Stops(id, after.flows[id].name, lacks[id]) for id in sorted(running) if lacks.get(id) and after.flows[id].active]
    if stops and not confirmed:
        raise AsksFirst(stops)
    for each in dependents.everyone():
        each.flows_completed({id: not lack for id, lack in lacks.items()})
