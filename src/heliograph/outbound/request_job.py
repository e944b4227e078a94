"""A request that the sender is working on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from heliograph.domain.connection.request import Request
from heliograph.outbound.exchange import Route, SendResult
from heliograph.outbound.target import Target

type OnResult = Callable[[SendResult], None]


@dataclass(eq=False, slots=True)
class RequestJob:
    """A request from `Sender.start()` until its result is returned."""

    request: Request
    route: Route
    done: OnResult
    began: float
    deadline: float
    target: Target | None = None
    name_took: float = 0.0
    waited: float = 0.0
    waiting: bool = False
    """Its host name, or the proxy's, is being resolved."""
    asked_of_proxy: str = ""
    """The checked address to ask the proxy for."""
