"""Caches idle handles and the guard's permissions per route. `guard.allow` is pure, so a permission is valid as long as the route."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from heliograph.outbound.exchange import Route
from heliograph.outbound.guard import AddressPermission, allow
from heliograph.outbound.target import Target

MOST_JUDGED: Final = 256


@dataclass(eq=False, slots=True)
class RouteCache[Handle]:
    """The cache of one route, used only on the sender's thread. Handle: a libcurl handle in its owner's form."""

    route: Route
    handles: list[Handle] = field(default_factory=list)
    _permissions: dict[tuple[str, int, bool], AddressPermission] = field(default_factory=dict)
    _entries: dict[tuple[str, str, int, tuple[str, ...]], tuple[str, str]] = field(default_factory=dict)

    def allow(self, address: str, port: int, *, plain: bool) -> AddressPermission:
        """The guard's permission for this route's policy."""
        permission = self._permissions.get((address, port, plain))
        if permission is None:
            if len(self._permissions) >= MOST_JUDGED:
                self._permissions.clear()
            permission = self._permissions[address, port, plain] = allow(address, port, self.route.policy, plain=plain)
        return permission

    def resolve_entry(self, target: Target, literals: tuple[str, ...]) -> tuple[str, str]:
        """libcurl's `host:port:addresses` with the allowed addresses, and ""; or "" and the reason if none is allowed."""
        key = target.scheme, target.host, target.port, literals
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= MOST_JUDGED:
                self._entries.clear()
            permissions = [(literal, self.allow(literal, target.port, plain=target.scheme == "http")) for literal in literals]
            allowed = [f"[{literal}]" if ":" in literal else literal for literal, permission in permissions if permission.allowed]
            entry = (f"+{target.bracketed}:{target.port}:{','.join(allowed)}", "") if allowed else ("", permissions[-1][1].reason)
            self._entries[key] = entry
        return entry

    def asked_of_proxy(self, target: Target, literals: tuple[str, ...]) -> str:
        """The address to ask the proxy for, IPv4 first (more proxies support it); "" if an address is in the operator's own network, which
        is reached without the proxy."""
        permissions = [(literal, self.allow(literal, target.port, plain=target.scheme == "http")) for literal in literals]
        allowed = [literal for literal, permission in permissions if permission.allowed]
        if any(permission.by_operator for _, permission in permissions):
            return ""
        return next((literal for literal in allowed if ":" not in literal), allowed[0] if allowed else "")
