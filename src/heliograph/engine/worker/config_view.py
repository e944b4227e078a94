"""A worker's view of configuration: version numbers are confirmed often, and each version is compiled once (F2, D7).

Each thread has its own: the reading thread uses the last confirmed version, the settling thread reads under the configuration's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.retry_policy import RetryPolicy
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.snapshot import ConfigSource
from heliograph.store import configuration
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class UsedVersions:
    """The versions that an attempt used (F10). When a Config failure is settled, they are compared with the current ones (D7)."""

    account: int
    flow: int
    connection: tuple[int, int]
    payload: tuple[int, int]
    header: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.flow},{self.connection[1]},{self.payload[1]},{self.header[1]}"


class ConfigView:
    """The configuration in force, per account."""

    def __init__(self, source: ConfigSource) -> None:
        self._source = source
        self._versions: dict[int, int] = {}
        self._told: dict[int, int] = {}
        self._accounts: dict[int, AccountConfig] = {}
        self._destinations: dict[int, dict[int, tuple[Flow, Destination]]] = {}
        self._beside: dict[int, dict[object, Any]] = {}

    def refresh(self, db: Database) -> list[int]:
        """Reads the version numbers in force. Returns the accounts whose version is new or changed since the last call."""
        found: dict[int, int] = dict(
            db.all("SELECT scope_id, version FROM config_version WHERE scope = :scope", {"scope": configuration.ACCOUNT})
        )
        changed = [account for account, version in found.items() if self._told.get(account) != version]
        self._versions, self._told = found, dict(found)
        return changed

    def confirmed(self, account: int, version: int) -> None:
        """Uses this version of the account from now on; the caller has just read it."""
        self._versions[account] = max(version, self._versions.get(account, 0))

    def all_accounts(self, db: Database) -> list[int]:
        """Reads the version numbers in force. Returns every account."""
        self.refresh(db)
        return sorted(self._versions)

    def account(self, account: int) -> AccountConfig | None:
        """The account's configuration as last confirmed."""
        version = self._versions.get(account)
        if version is None:
            return None
        held = self._accounts.get(account)
        if held is None or held.version != version:
            held = self._accounts[account] = self._source.account(account, version)
            self._destinations[account] = {d.id: (flow, d) for flow in held.flows.values() for d in flow.destinations}
            self._beside[account] = {}
        return held

    def beside(self, account: int) -> dict[object, Any]:
        """A cache that lives as long as this version of the account's configuration."""
        self.account(account)
        return self._beside.setdefault(account, {})

    def destinations(self, account: int) -> Mapping[int, tuple[Flow, Destination]]:
        """The account's destinations by id, with their flows."""
        return self._destinations.get(account, {}) if self.account(account) else {}

    def does(self, account: int, destination: int) -> Does:
        found = self.destinations(account).get(destination)
        return found[1].does if found else Does.UPDATES

    def connection_of(self, account: int, destination: int) -> int | None:
        """The destination's current connection; None if it has none or was deleted."""
        found = self.destinations(account).get(destination)
        return found[1].connection if found else None

    def policy_of(self, account: int, connection: int) -> RetryPolicy:
        """The retry intervals of a connection (D5)."""
        config = self.account(account)
        if config is None:
            return RetryPolicy()
        found = config.connections.get(connection)
        return config.retry.patient() if found is not None and found.patient else config.retry

    def used(self, account: int, flow: int, destination: int) -> UsedVersions | None:
        """The versions that an attempt would use now."""
        config = self.account(account)
        found = self.destinations(account).get(destination)
        if config is None or found is None or found[0].id != flow:
            return None
        return used_of(config, *found)

    def is_complete(self, config: AccountConfig, flow: Flow) -> bool:
        """True if the flow is complete (F2); computed once per version."""
        kept, key = self.beside(config.id), (is_complete, flow.id)
        if key not in kept:
            kept[key] = is_complete(flow, config)
        return bool(kept[key])


def used_of(config: AccountConfig, flow: Flow, destination: Destination) -> UsedVersions:
    """The versions of the flow, and of the destination's connection and mappings."""

    connection, payload, header = destination.connection or 0, destination.payload_mapping or 0, destination.header_mapping or 0
    number = config.numbers.get
    return UsedVersions(
        config.version,
        flow.number,
        (connection, number(("connection", connection), 0)),
        (payload, number(("mapping", payload), 0)),
        (header, number(("mapping", header), 0)),
    )


def is_stale(then: UsedVersions | None, now: UsedVersions | None, *, of_connection: bool = False) -> bool:
    """True if something that an attempt used has been saved again since. of_connection: asks for the connection alone."""
    if then is None or now is None or then.account == now.account:
        return False
    if of_connection:
        return then.connection != now.connection
    return (then.flow, then.connection, then.payload, then.header) != (now.flow, now.connection, now.payload, now.header)
