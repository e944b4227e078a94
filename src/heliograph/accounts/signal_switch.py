"""Whether Signal is on for an account (N4): an operator can turn it off, and then its pages, endpoints and jobs are closed."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from heliograph.accounts.models import Account


class SignalOff(PermissionDenied):
    """Signal is off for the account. Pages answer 403 with the sentence."""

    def __init__(self) -> None:
        super().__init__(_("Signal is off for this account. Whoever runs Heliograph can turn it on."))


def check_signal(account: Account) -> None:
    """Raises SignalOff."""
    if not account.signal_enabled:
        raise SignalOff
