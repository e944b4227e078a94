"""Secrets and certificates that end soon: API tokens of programs, and the certificates of connections (B4)."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

from heliograph.accounts.models import ApiToken
from heliograph.accounts.vault import vault
from heliograph.connections.services.connections import OWNER
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.retry_policy import DAY
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.problem_plan import Observed
from heliograph.outbound.certificates import first_end
from heliograph.store.database import Database
from heliograph.store.instants import from_micros, to_micros
from heliograph.store.secrets import load_secrets

DAYS_BEFORE: Final = (14, 2)
"""Days before the end at which people are told."""


def observed(reader: AccountReader, now: int) -> list[Observed]:
    """Those of the account in scope whose end is near. After it, nobody is told any more: what used them fails, and is told as that."""
    last = from_micros(now + DAYS_BEFORE[0] * DAY)
    tokens = ApiToken.objects.filter(account_id=reader.account, revoked=None, expires__gt=from_micros(now), expires__lte=last)
    endings = [_of(f"ends:token:{row.pk}", row.name, to_micros(row.expires), now, "token") for row in tokens if row.expires is not None]
    for id, ends in _certificates(reader).items():
        if now < to_micros(ends) <= now + DAYS_BEFORE[0] * DAY:
            name = reader.config.connections[id].name
            endings.append(_of(f"ends:certificate:{id}", name, to_micros(ends), now, "certificate", id))
    return endings


def _of(key: str, name: str, ends: int, now: int, scope: str, connection: int | None = None) -> Observed:
    days = min(days for days in DAYS_BEFORE if ends - now <= days * DAY)
    return Observed(f"{key}:{days}", Kind.ENDS, now, 0, connection, facts={"name": name, "scope": scope, "ends": ends, "days": days})


def _certificates(reader: AccountReader) -> dict[int, datetime]:
    """When the first certificate of each connection ends: of its own one, or of the authorities that it trusts."""
    sealed = reader.db.all(
        "SELECT row_id, at FROM secret WHERE account_id = :account AND kind = :kind AND field = :field",
        {"account": reader.account, "kind": OWNER, "field": Secret.CLIENT_CERTIFICATE.value},
    )
    ends = [(id, _end_of_identity(reader.db, reader.account, int(id), int(at))) for id, at in sealed]
    ends += [(id, _end_of(connection.authorities)) for id, connection in reader.config.connections.items() if connection.authorities]
    first: dict[int, datetime] = {}
    for id, end in ends:
        if end is not None and id in reader.config.connections:
            first[id] = min(end, first.get(id, end))
    return first


@lru_cache(maxsize=256)
def _end_of(text: str) -> datetime | None:
    return first_end(text)


_IDENTITIES: Final[dict[tuple[int, int, int], datetime | None]] = {}
"""The end of each client certificate, by account, connection and when it was entered: only dates are remembered, no secret."""


def _end_of_identity(db: Database, account: int, connection: int, entered: int) -> datetime | None:
    key = (account, connection, entered)
    if key not in _IDENTITIES:
        secrets = load_secrets(db, vault(), account, OWNER, [connection]).get(connection, {})
        _IDENTITIES[key] = first_end(secrets.get(Secret.CLIENT_CERTIFICATE, ""))
    return _IDENTITIES[key]
