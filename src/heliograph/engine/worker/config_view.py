"""A worker's view of configuration: version numbers are confirmed often, and each version is compiled once (F2, D7).

Each thread has its own: the reading thread uses the last confirmed version, the settling thread reads under the configuration's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.retry_policy import RetryPolicy
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.snapshot import ConfigProvider
from heliograph.store import configuration_versions
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class UsedVersions:
    """The versions that an attempt used (F10). When a Config failure is settled, they are compared with the versions in force (D7)."""

    account: int
    flow: int
    connection: tuple[int, int]
    payload: tuple[int, int]
    header: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.flow},{self.connection[1]},{self.payload[1]},{self.header[1]}"


class ConfigView:
    """The configuration in force, per account."""

    def __init__(self, provider: ConfigProvider) -> None:
        self._provider = provider
        self._versions: dict[int, int] = {}
        self._reported_versions: dict[int, int] = {}
        self._accounts: dict[int, AccountConfig] = {}
        self._destinations: dict[int, dict[int, tuple[Flow, Destination]]] = {}
        self._caches: dict[int, dict[object, Any]] = {}

    def refresh(self, db: Database) -> list[int]:
        """Reads the version numbers in force. Returns the accounts whose version is new or changed since the last call."""
        versions: dict[int, int] = dict(
            db.all("SELECT scope_id, version FROM config_version WHERE scope = :scope", {"scope": configuration_versions.ACCOUNT})
        )
        changed_accounts = [account for account, version in versions.items() if self._reported_versions.get(account) != version]
        self._versions, self._reported_versions = versions, dict(versions)
        return changed_accounts

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
        config = self._accounts.get(account)
        if config is None or config.version != version:
            config = self._accounts[account] = self._provider.account(account, version)
            self._destinations[account] = {
                destination.id: (flow, destination) for flow in config.flows.values() for destination in flow.destinations
            }
            self._caches[account] = {}
        return config

    def cache(self, account: int) -> dict[object, Any]:
        """A cache that lives as long as this version of the account's configuration."""
        self.account(account)
        return self._caches.setdefault(account, {})

    def destinations(self, account: int) -> Mapping[int, tuple[Flow, Destination]]:
        """The account's destinations by id, with their flows."""
        return self._destinations.get(account, {}) if self.account(account) else {}

    def does(self, account: int, destination: int) -> Does:
        """The effect of the destination's request at the target (F8). UPDATES if the destination was deleted, because that is the careful
        choice."""
        pair = self.destinations(account).get(destination)
        return pair[1].does if pair else Does.UPDATES

    def connection_of(self, account: int, destination: int) -> int | None:
        """The destination's current connection; None if it has none or was deleted."""
        pair = self.destinations(account).get(destination)
        return pair[1].connection if pair else None

    def policy_of(self, account: int, connection: int) -> RetryPolicy:
        """The retry intervals of a connection (D5)."""
        config = self.account(account)
        if config is None:
            return RetryPolicy()
        settings = config.connections.get(connection)
        return config.retry.patient() if settings is not None and settings.patient else config.retry

    def used(self, account: int, flow: int, destination: int) -> UsedVersions | None:
        """The versions that an attempt would use now."""
        config = self.account(account)
        pair = self.destinations(account).get(destination)
        if config is None or pair is None or pair[0].id != flow:
            return None
        return used_of(config, *pair)

    def is_complete(self, config: AccountConfig, flow: Flow) -> bool:
        """True if the flow is complete (F2); computed once per version."""
        cache, key = self.cache(config.id), (is_complete, flow.id)
        if key not in cache:
            cache[key] = is_complete(flow, config)
        return bool(cache[key])


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
    """True if the flow, the connection or a mapping that an attempt used was saved again since.

    of_connection: only the connection counts.
    """
    if then is None or now is None or then.account == now.account:
        return False
    if of_connection:
        return then.connection != now.connection
    return (then.flow, then.connection, then.payload, then.header) != (now.flow, now.connection, now.payload, now.header)
