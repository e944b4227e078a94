"""What figures and lists of records count: the parameters of an address (guide: Account Insights; X1)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from heliograph.accounts.models import Account
from heliograph.api.documents.shared_forms import Document, Instant
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.flow.flow import Mode
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.integrations import integration_of
from heliograph.insights.period import minutes_of, window_of
from heliograph.insights.record_kinds import RecordKind, has_replays
from heliograph.insights.replay_share import ReplayShare
from heliograph.store.instants import from_micros

type ModeName = Literal["live", "test"]
type PeriodName = Literal["15m", "1h", "4h", "1d", "7d", "30d", "today", "yesterday", "week"]
type IntegrationName = Literal["webhooks"]

Moment = Instant
Since = Annotated[Moment | None, msgspec.Meta(description="The beginning of the period, a whole minute; with `until`.")]
Until = Annotated[Moment | None, msgspec.Meta(description="The end of the period, exclusive.")]
First = Annotated[datetime.date | None, msgspec.Meta(description="The first of a range of days, in the account's time zone; with `to`.")]
Last = Annotated[datetime.date | None, msgspec.Meta(description="The last of the range of days.")]
Days = Annotated[int | None, msgspec.Meta(description="The period is so many days until now, 1 to 400.")]
Period = Annotated[
    PeriodName | None,
    msgspec.Meta(
        description="The period is this until now, in the account's time zone: one day if nothing else is asked for, `week` from Monday on."
    ),
]
OfMode = Annotated[ModeName, msgspec.Meta(description="Whether Live or Test flows are counted.")]
OfIntegration = Annotated[IntegrationName | None, msgspec.Meta(description="Only actions of this integration; by default of all.")]
OfReplays = Annotated[ReplayShare, msgspec.Meta(description="`without`: without actions and attempts of replays; `only`: these alone.")]


class FigureQuery(Document):
    """The parameters of figures."""

    since: Since = None
    until: Until = None
    first: First = msgspec.field(name="from", default=None)
    last: Last = msgspec.field(name="to", default=None)
    days: Days = None
    period: Period = None
    mode: OfMode = "live"
    integration: OfIntegration = None
    replays: Annotated[Literal["", "without"], msgspec.Meta(description="`without`: leave away actions and attempts of replays.")] = ""


def scope_of(reader: AccountReader, account: Account, query: Any, replays: ReplayShare) -> FigureScope:
    """The scope that a query asks for. Raises WrongPeriod."""
    window = window_of(period_of(query), reader.db.now(), ZoneInfo(account.timezone))
    integration = integration_of(query.integration) if query.integration else None
    return FigureScope.read(reader, window, mode_of_name(query.mode), integration, replays)


def period_of(query: Any) -> Mapping[str, str]:
    """The period that a query asks for, as `window_of` reads it; every text is empty if it asks for none."""
    return {
        "since": minutes_of(query.since),
        "until": minutes_of(query.until),
        "from": query.first.isoformat() if query.first else "",
        "to": query.last.isoformat() if query.last else "",
        "days": "" if query.days is None else str(query.days),
        "period": query.period or "",
    }


def mode_of_name(name: ModeName) -> Mode:
    """The mode that a parameter names."""
    return Mode.TEST if name == "test" else Mode.LIVE


def name_of_mode(mode: Mode) -> ModeName:
    """The name of a mode in a parameter."""
    return "test" if mode is Mode.TEST else "live"


def records_address(scope: FigureScope, kind: RecordKind, **narrowed: object) -> str | None:
    """The address of the list of exactly the records that a number counts; None if they are removed (X6).

    narrowed: further parameters
    """
    if scope.window.since < scope.kept_since:
        return None
    query = {
        "since": time_text(scope.window.since),
        "until": time_text(scope.window.until),
        **({"mode": "test"} if scope.mode is Mode.TEST else {}),
        **({"integration": scope.integration.segment} if scope.integration else {}),
        **({"replays": scope.replays.value} if scope.replays is not ReplayShare.ALL and has_replays(kind) else {}),
        **{name: value for name, value in narrowed.items() if value},
    }
    return f"/api/v1/records/{kind.value}?{urlencode(query)}"


def time_text(at: int) -> str:
    """A time as the parameters of a list spell it (RFC 3339, in UTC).

    at: microseconds
    """
    return from_micros(at).strftime("%Y-%m-%dT%H:%M:%SZ")
