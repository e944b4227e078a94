"""The account of a trial: a flow that triggers for a status, with its targets, and flows that do not trigger.

In `order_code` a trial counts the versions of a registration.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from heliograph.accounts.api_tokens import create_token
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import Mapping, MappingRow, SourceValue
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import save_flow
from heliograph.mappings.services import save_mapping
from heliograph.setup.services.account_creation import AccountFacts
from heliograph.setup.services.setup_save import saving
from heliograph.stage.account import BY, AccountPlan, EventPlan, connect, make_account

ACCOUNT: Final = "TRIAL"
EVENT: Final = "TRIAL-1"
STATUS: Final = "Attended"
"""The status that triggers."""
RETRY_INTERVALS: Final[Map[str, list[float]]] = {
    "System": [0.5, 1.0, 2.0],
    "Connection": [0.5, 1.0, 2.0],
    "Source API": [0.5, 1.0, 2.0],
    "General": [1.0, 2.0, 3.0],
    "Config": [1.0, 2.0, 3.0],
}
"""Seconds, short enough for a trial (D5: three per category, shorter for more serious ones)."""
_SOURCES: Final = {
    "code": "registration.code",
    "version": "registration.order_code",
    "event": "event.code",
    "status": "registration.status",
    "first_name": "profile.first_name",
    "last_name": "profile.last_name",
    "email": "profile.email",
    "organization": "profile.organization",
}


@dataclass(frozen=True, slots=True)
class TrialTarget:
    """A destination with its own connection."""

    name: str
    url: str
    updates: bool
    """True if a request updates a record there (D2)."""


def make_trial_account(targets: list[TrialTarget], *, apart: int = 0) -> str:
    """Makes the account. Returns its token for /ingest.

    apart: number of unused connections between the targets' connections, so that the targets belong to slots of different workers
    """
    start = datetime.now(UTC).replace(microsecond=0, tzinfo=None) + timedelta(days=30)
    account = make_account(
        AccountPlan(
            AccountFacts(ACCOUNT, "Trial"),
            tags={"Chosen": (TagKind.REGISTRATION_STATUS,), "Other": (TagKind.REGISTRATION_STATUS,)},
            events=[EventPlan(EVENT, EVENT.title(), start.isoformat(), (start + timedelta(days=1)).isoformat())],
            status_tag=lambda name: "Chosen" if name == STATUS else "Other",
            retry_intervals=RETRY_INTERVALS,
        )
    )
    chosen, other = account.tags["Chosen"], account.tags["Other"]
    with saving(account.id, by=BY, whole_account=True) as transaction:
        rows = tuple(MappingRow(name, (SourceValue(key),)) for name, key in _SOURCES.items())
        mapping = save_mapping(transaction, Mapping("Trial", rows=rows)).pk
        destinations = []
        for target in targets:
            connection = connect(transaction, target.name, target.url)
            does = Does.UPDATES if target.updates else Does.ADDS
            destinations.append(Destination(0, target.name, connection=connection, payload_mapping=mapping, does=does))
            for number in range(apart):
                connect(transaction, f"Unused {len(destinations)}.{number + 1}", target.url)
        idle = (Destination(0, "Never", connection=destinations[0].connection, payload_mapping=mapping),)
        flow = Flow(0, name="Trial 1", mode=Mode.LIVE, watch=Watch.REGISTRATION, statuses=(chosen,), destinations=tuple(destinations))
        save_flow(transaction, flow, confirmed=True)
        for number in (1, 2):  # a filter stops these: nothing is stored for them
            filters = (FilterRow("event.code", Op.IS_ANY_OF, (f"NO-{number}",)),)
            filtered = replace(flow, name=f"Filtered {number}", filters=filters, destinations=idle)
            save_flow(transaction, filtered, confirmed=True)
        # This one watches another tag: each change is stored as "not triggered" for it.
        save_flow(transaction, replace(flow, name="Unselected 1", statuses=(other,), destinations=idle), confirmed=True)
    return create_token(account.id, "trial", by=BY).secret


def document(code: str, version: int, **more: Any) -> dict[str, Any]:
    """A registration document (I2) that triggers.

    version: counted by the sender; the receiver reads it as "version"
    """
    return {"event": EVENT, "code": code, "status": STATUS, "order_code": str(version), **more}
