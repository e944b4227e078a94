"""The account of a seeded history: Northwind Events with connections that lead nowhere, and two versions of its configuration.

The older version is in force during most of the history. With the newer one, the flow for the partners' portal is off and the badge
printer is paused, as both are afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from heliograph.accounts.models import Account
from heliograph.connections.models import Connection
from heliograph.connections.services.connections import save_rule
from heliograph.connections.services.pause import pause
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.flows.models import Flow as FlowRow
from heliograph.flows.services.flows import save_flow, set_active
from heliograph.setup.services.account_creation import AccountFacts
from heliograph.setup.services.setup_save import saving
from heliograph.stage.account import make_account
from heliograph.stage.northwind import BY, northwind
from heliograph.stage.northwind_flows import BADGES, CRM, SLACK, connect, make_flows
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database

URLS: Final = {
    SLACK: "https://chat.northwind.invalid/services/T0SEED/B0SEED/no-secret-at-all",
    CRM: "https://crm.northwind.invalid/api/leads",
    BADGES: "https://badges.northwind.invalid/print",
}
"""Names below .invalid never resolve (RFC 2606), so actions that still wait after a seed reach nobody."""
LEADS: Final = "Registrants to the CRM"
TRIAL: Final = "CRM trial"
RETIRED: Final = "Partner portal"
_RULE: Final = [
    {"if": [{"in": "json", "name": "created", "is": ["true"]}], "then": "delivered", "lead": "created"},
    {"if": [{"in": "json", "name": "created", "is": ["false"]}], "then": "delivered", "lead": "updated"},
]


class NotSeeded(HeliographError):
    """This account cannot be given an invented history."""


@dataclass(frozen=True, slots=True)
class SeededAccount:
    """The account of a history."""

    id: int
    before: AccountConfig
    """Its configuration until the flow of the partners' portal was switched off."""
    since: AccountConfig
    """Its configuration from then on."""
    events: tuple[EventConfig, ...]
    retired: int
    """The id of the flow of the partners' portal."""
    paused: int
    """The id of the badge printer's connection."""


def prepare(db: Database, code: str, *, add: bool) -> SeededAccount:
    """Creates the account, or takes the one that an earlier seed created.

    Raises NotSeeded if the account was not created by a seed, or if it has a history and `add` is not set.
    """
    known = Account.objects.filter(code=code).first()
    if known is None:
        account = _make(code)
    else:
        account = int(known.pk)
        if not db.all("SELECT 1 FROM flow WHERE account_id = :account AND name = :name", {"account": account, "name": RETIRED}):
            raise NotSeeded(f"{code} is not an account that `heliograph seed` has made. Choose another code with --account.")
        if not add and db.all("SELECT 1 FROM registration WHERE account_id = :account LIMIT 1", {"account": account}):
            raise NotSeeded(f"{code} has a history already. --add gives it another one, of other registrations.")
    return _read(db, account)


def _make(code: str) -> int:
    facts = AccountFacts(code=code, name=f"Northwind Events ({code})", timezone="Europe/Berlin")
    account = make_account(northwind(facts), BY).id
    connect(account, URLS)
    make_flows(account)
    with saving(account, by=BY, whole_account=True) as transaction:
        crm = Connection.objects.get(name=CRM).pk
        save_rule(transaction, crm, _RULE)
        leads = FlowRow.objects.get(name=LEADS)
        flow = Flow.from_body(leads.pk, leads.number, leads.body)
        for name, mode in ((TRIAL, Mode.TEST), (RETIRED, Mode.LIVE)):
            to = tuple(replace(each, id=0, name=name) for each in flow.destinations)
            save_flow(transaction, replace(flow, id=0, name=name, mode=mode, destinations=to), confirmed=True)
    with saving(account, by=BY, whole_account=True) as transaction:
        set_active(transaction, FlowRow.objects.get(name=RETIRED).pk, active=False)
        pause(transaction, Connection.objects.get(name=BADGES).pk, "No paper until tomorrow")
    return account


def _read(db: Database, account: int) -> SeededAccount:
    provider = Committed(db)
    ((retired,),) = db.all("SELECT id FROM flow WHERE account_id = :account AND name = :name", {"account": account, "name": RETIRED})
    ((since,),) = db.all(
        "SELECT MAX(since) FROM config_history WHERE account_id = :account AND kind = 'flow' AND entity_id = :flow",
        {"account": account, "flow": retired},
    )
    config = provider.account(account)
    events = tuple(
        provider.event(id) for (id,) in db.all("SELECT id FROM event WHERE account_id = :account ORDER BY id", {"account": account})
    )
    paused = next(id for id, connection in config.connections.items() if connection.name == BADGES)
    return SeededAccount(account, provider.account(account, since - 1), config, events, retired, paused)
