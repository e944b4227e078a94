"""The networks beyond public addresses that the operator opens to one account (C6). Only commands call it: no account can open networks itself."""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Account
from heliograph.domain.delivery.outcomes import Cause
from heliograph.outbound.guard import GuardError, Policy
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.store.queue import pending_items


def allow_networks(transaction: SetupTransaction, networks: Sequence[str]) -> list[str]:
    """Replaces the account's list of networks, addresses, and address:port pairs. Actions whose address was blocked become due at once (D7).

    Raises Invalid.
    """
    transaction.needs_account()
    allowed = list(dict.fromkeys(network.strip() for network in networks if network.strip()))
    try:
        Policy.parse(allowed)
    except GuardError as error:
        raise Invalid({"allowed_networks": [error.sentence]}) from None
    row = Account.objects.get(pk=transaction.account)
    before = {"allowed_networks": row.allowed_networks or []}
    row.allowed_networks = allowed or None
    row.save(update_fields=["allowed_networks"])
    if set(allowed) != set(before["allowed_networks"]):
        pending_items.reschedule_account(
            transaction.db, transaction.account, frozenset({Cause.BLOCKED}), pending_items.does_of(transaction.db, transaction.account)
        )
    transaction.note(Deed.CHANGED, "account", row, before, {"allowed_networks": allowed})
    return allowed
