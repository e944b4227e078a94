"""Outbound requests of pages and commands (Save & Test, access tokens): one sender per process, and the networks each account may reach.

No transaction may be open during a request: it would hold the write lock, or a session, for as long as another server takes.
"""

from __future__ import annotations

import atexit
import threading

import structlog
from django.conf import settings

from heliograph import __version__
from heliograph.accounts.models import Account
from heliograph.outbound.guard import Policy
from heliograph.outbound.routes import network_policy
from heliograph.outbound.sender import Sender

log = structlog.get_logger(__name__)

_lock = threading.Lock()
_senders: list[Sender] = []


def sender() -> Sender:
    """The sender of this process. It is created on first use, and created again if it has died."""
    with _lock:
        while _senders and not _senders[0].alive:
            _senders.pop()
        if not _senders:
            options = settings.HELIOGRAPH
            made = Sender(
                ca_file=options.authorities_file, proxy=options.outgoing_proxy, user_agent=f"Heliograph/{__version__}", on_crash=_died
            )
            atexit.register(made.stop, 0.0)
            _senders.append(made)
        return _senders[0]


def _died(error: BaseException) -> None:
    log.critical("sender_died", error=type(error).__name__, message=str(error)[:300], exc_info=error)


def policy(account: int | None) -> Policy:
    """The networks beyond public addresses that the operator allows to all accounts and to the given one (C6)."""
    everyone: Policy = settings.HELIOGRAPH.everyones_policy
    if account is None:
        return everyone
    networks = Account.objects.values_list("allowed_networks", flat=True).get(pk=account)
    return network_policy(everyone, tuple(networks or ()))
