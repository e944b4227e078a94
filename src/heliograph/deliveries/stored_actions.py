"""One action by its id or by its webhook-id, with its attempts and what they sent (D1, D8, X5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.exchanges import Exchange, exchanges
from heliograph.deliveries.prospects import Prospect, connection_holds, prospect_of
from heliograph.deliveries.removed_content import removed_content
from heliograph.domain.delivery.webhook_id import created_of
from heliograph.domain.errors import NotInAccount
from heliograph.domain.ids import read_id
from heliograph.store.queue.action_rows import ACTION_WITH_LANE, StoredAction, StoredAttempt, action_columns, action_of, attempts_of
from heliograph.store.where import Where


@dataclass(frozen=True, slots=True)
class ActionAttempts:
    """The attempts of an action."""

    attempts: Sequence[StoredAttempt]
    exchanges: Mapping[int, Exchange]
    """The requests and answers that are stored, by the number of the attempt."""
    removed: str
    """When they were removed, in a sentence; "" if they were not (X6)."""


def find_action(reader: AccountReader, name: str) -> StoredAction:
    """An action of the account. name: its id or its webhook-id. Raises NotInAccount."""
    created, id = created_of(name.lower()), read_id(name)
    if created is not None:
        where = Where("a.account_id = :account", "a.created = :created", "a.uid = :uid", created=created, uid=name.lower())
    else:
        where = Where("a.id = :id", "+a.account_id = :account", id=id or 0)
    where &= Where(account=reader.account)
    rows = reader.db.all(f"SELECT {action_columns()} FROM {ACTION_WITH_LANE} WHERE {where.sql}", where.params)
    if not rows:
        raise NotInAccount(f"There is no action {name}.")
    return action_of(rows[0])


def prospect(reader: AccountReader, action: StoredAction) -> Prospect:
    """What would happen to an action if it were due now."""
    return prospect_of(reader.config, action, connection_holds(reader))


def attempts(reader: AccountReader, action: StoredAction) -> ActionAttempts:
    """The attempts of an action, in order, with what they sent and got."""
    of_action = attempts_of(reader.db, reader.account, [action.id]).get(action.id, [])
    stored = {number: each for (_action, number), each in exchanges(reader.db, reader.account, [action.id]).items()}
    removed = ""
    if of_action and not stored:
        removed = removed_content(reader, action.created, action.ended or 0) or _("Its content is no longer stored.")
    return ActionAttempts(of_action, stored, removed)
