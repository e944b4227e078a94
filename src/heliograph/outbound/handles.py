"""Caches libcurl's handles by route between requests, because setting one up costs more than a request. For the sender's thread only."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from heliograph.outbound.exchange import Route
from heliograph.outbound.route_cache import RouteCache
from heliograph.outbound.stale_check import KeptConnections
from heliograph.outbound.transfer import Transfer

MOST_IDLE: Final = 512
MOST_ROUTES: Final = 4096


class Handles:
    """All handles of a sender."""

    def __init__(self, ca_file: str, user_agent: str) -> None:
        self._ca_file, self._user_agent = ca_file, user_agent
        self._shelves: OrderedDict[Route, RouteCache[Transfer]] = OrderedDict()
        self._idle = 0
        self._kept_connections = KeptConnections()

    def route_cache(self, route: Route) -> RouteCache[Transfer]:
        """The cache of this route."""
        route_cache = self._shelves.get(route)
        if route_cache is None:
            if len(self._shelves) >= MOST_ROUTES:
                self._clear_oldest()
            route_cache = self._shelves[route] = RouteCache(route)
        return route_cache

    def acquire(self, route_cache: RouteCache[Transfer]) -> Transfer:
        """A handle configured for the cache's route."""
        if route_cache.handles:
            self._idle -= 1
            return route_cache.handles.pop()
        transfer = self._borrow() or Transfer(self._kept_connections)
        transfer.set_up(route_cache, self._ca_file, self._user_agent)
        return transfer

    def put_back(self, transfer: Transfer) -> None:
        """Keeps the handle for the route's next request, or frees it. It must have left its multi."""
        route_cache = transfer.route_cache
        if (
            route_cache is None
            or route_cache.route.connect_only
            or self._idle >= MOST_IDLE
            or self._shelves.get(route_cache.route) is not route_cache
        ):
            transfer.close()
            return
        self._idle += 1
        route_cache.handles.append(transfer)

    def close(self) -> None:
        """Frees all idle handles."""
        while self._shelves:
            self._clear_oldest()

    def _clear_oldest(self) -> None:
        _, route_cache = self._shelves.popitem(last=False)
        self._idle -= len(route_cache.handles)
        for transfer in route_cache.handles:
            transfer.close()

    def _borrow(self) -> Transfer | None:
        """Another route's idle handle, once there are many; `set_up` resets it."""
        if self._idle < MOST_IDLE:
            return None
        for route, route_cache in self._shelves.items():
            if route_cache.handles:
                self._shelves.move_to_end(route)
                self._idle -= 1
                return route_cache.handles.pop()
        return None
