"""Versions of flows, mappings and connections (F10), and the effect of a new version on running flows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never

from django.utils.translation import gettext as _

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.clashes import Clash, ClashKind, clashes
from heliograph.domain.flow.completeness import missing
from heliograph.setup.models.configured_model import Configured
from heliograph.setup.save_questions import AsksFirst, Stops
from heliograph.setup.services import dependents, queue_effects
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.store.configuration_versions import ACCOUNT
from heliograph.store.database import Database
from heliograph.store.instants import from_micros

RESTORED: Final = "restored"
"""The key in a body for the number of the version that was restored. The domain does not read it."""
_COLUMNS: Final = (
    "SELECT number, at, by, body, since FROM config_history WHERE account_id = :account AND scope = :scope AND scope_id = :account"
)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a flow, mapping or connection."""

    number: int
    at: datetime
    by: str
    body: Mapping[str, object]
    since: int = 0
    """The version of the account's configuration from which on it is in force."""

    @property
    def restored(self) -> int | None:
        """The number of the version that this one restored; None if it restored none."""
        number = self.body.get(RESTORED)
        return number if isinstance(number, int) else None


def write(transaction: SetupTransaction, row: Configured) -> None:
    """Stores the row's body as its newest version, and the version number in the row. Saves the row."""
    kind = row.configured_as
    body = None if row.deleted_at else row.body
    transaction.save_version(ACCOUNT, transaction.account, {(kind, row.pk): body})
    row.number = number_of(transaction.db, transaction.account, kind, row.pk)
    row.changed_by = transaction.by[:60]
    row.save()


def history(
    db: Database, account: int, kind: str, id: int, *, below: int | None = None, above: int | None = None, most: int | None = None
) -> list[Version]:
    """Versions of a flow, mapping or connection, the newest first.

    below, above: only versions with a number below or above this one.
    most: at most so many, counted from the newest down, or with `above` from the oldest up.
    """
    narrows = {"below": " AND number < :below", "above": " AND number > :above"}
    given = {name: value for name, value in (("below", below), ("above", above)) if value is not None}
    rows = db.all(
        f"{_COLUMNS} AND kind = :kind AND entity_id = :id{''.join(narrows[name] for name in given)}"
        f" ORDER BY number {'ASC' if above is not None else 'DESC'}{'' if most is None else f' LIMIT {int(most)}'}",
        {"account": account, "scope": ACCOUNT, "kind": kind, "id": id, **given},
    )
    return sorted((_version(row) for row in rows), key=lambda each: -each.number)


def version(db: Database, account: int, kind: str, id: int, number: int) -> Version:
    """One version. Raises NotThere."""
    rows = db.all(
        f"{_COLUMNS} AND kind = :kind AND entity_id = :id AND number = :number",
        {"account": account, "scope": ACCOUNT, "kind": kind, "id": id, "number": number},
    )
    if not rows:
        raise NotThere(f"There is no version {number} of this {kind}.")
    return _version(rows[0])


def _version(row: Sequence[Any]) -> Version:
    number, at, by, body, since = row
    return Version(number, from_micros(at), by, json.loads(body), since)


def number_of(db: Database, account: int, kind: str, id: int) -> int:
    """The number of the newest version; 0 if there is none."""
    ((number,),) = db.all(
        "SELECT coalesce(max(number), 0) FROM config_history WHERE account_id = :account AND scope = :scope AND scope_id = :account"
        " AND kind = :kind AND entity_id = :id",
        {"account": account, "scope": ACCOUNT, "kind": kind, "id": id},
    )
    return int(number)


@contextmanager
def watching_flows(transaction: SetupTransaction, *, confirmed: bool, at: str = "") -> Iterator[AccountConfig]:
    """Wraps saves that may make running flows incomplete, and stores at the end which flows are complete (F2). Yields the configuration before.

    Raises AsksFirst, unless confirmed, if a running flow would stop.
    Raises Invalid, at the field `at`, if a mapping and a connection would no longer go together.
    Either rolls everything back. Inside `watching_flows_once` all of this happens at its end.
    """
    transaction.needs_signal()
    if transaction.watched is not None:
        yield transaction.watched
        return
    transaction.write_account()  # a flow may name what this transaction has created, such as a tag
    before = transaction.provider.account(transaction.account)
    yield before
    _end_watch(transaction, before, confirmed=confirmed, at=at)


@contextmanager
def watching_flows_once(transaction: SetupTransaction) -> Iterator[None]:
    """Wraps many saves, whose effects on flows somebody has confirmed, and does once at its end what `watching_flows` does for each: compiling
    an account of 500 flows takes as long as saving one of them.

    Raises Invalid like `watching_flows`.
    """
    before = transaction.watched = transaction.provider.account(transaction.account)
    try:
        yield
    finally:
        transaction.watched = None
    transaction.write_account()
    _end_watch(transaction, before, confirmed=True, at="")


def refresh_watch(transaction: SetupTransaction) -> None:
    """Makes what the transaction has saved so far, such as a mapping, known to the saves that follow inside `watching_flows_once`."""
    transaction.write_account()
    transaction.watched = transaction.provider.account(transaction.account)


def _end_watch(transaction: SetupTransaction, before: AccountConfig, *, confirmed: bool, at: str) -> None:
    after = transaction.provider.account(transaction.account)
    if new_clashes := clashes(after) - clashes(before):
        raise Invalid({at: sorted({_sentence(clash) for clash in new_clashes})})
    running = {flow.id for flow in before.flows.values() if flow.active and not missing(flow, before)}
    lacks = {flow.id: missing(flow, after) for flow in after.flows.values()}
    stops = [Stops(id, after.flows[id].name, lacks[id]) for id in sorted(running) if lacks.get(id) and after.flows[id].active]
    if stops and not confirmed:
        raise AsksFirst(stops)
    for each in dependents.everyone():
        each.flows_completed({id: not lack for id, lack in lacks.items()})
    now_running = {id for id, flow in after.flows.items() if flow.active and not lacks[id]}
    queue_effects.flows_run_again(transaction, sorted((now_running - running) & before.flows.keys()))


def _sentence(clash: Clash) -> str:
    """Why a mapping and a connection do not go together."""
    named = {"connection": clash.connection, "mapping": clash.mapping, "row": clash.row}
    match clash.kind:
        case ClashKind.HEADER:
            return (
                _("%(row)s in %(mapping)s is the header that %(connection)s authenticates with. Remove that row: it is sent anyway.")
                % named
            )
        case ClashKind.PARAMETER:
            return (
                _("%(row)s in %(mapping)s is the parameter in which %(connection)s sends its key. Give one of them another name.") % named
            )
        case ClashKind.QUERY:
            return (
                _("What %(mapping)s always sends is longer than a URL may be, and %(connection)s sends it in the query. Use POST.") % named
            )
        case _:
            assert_never(clash.kind)
