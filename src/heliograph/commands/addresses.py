"""Commands for the addresses that outgoing requests may reach (C6): check-address, allow-network."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph.commands import ready_for_data
from heliograph.commands.setup_commands import BY, Json, answer, find_account


def register(app: typer.Typer) -> None:
    app.command("check-address")(check_address)
    app.command("allow-network")(allow_network)


def check_address(
    url: Annotated[str, typer.Argument(help="The complete URL, as in a connection.")],
    account: Annotated[str, typer.Option(help="Code of the sending account. Default: only what all accounts may reach.")] = "",
    as_json: Json = False,
) -> None:
    """Say whether an outgoing request to this URL is allowed, and why. Looks up the name and sends nothing. Exit code 1: not allowed."""
    from heliograph.options import Options  # noqa: PLC0415
    from heliograph.outbound.address_check import check_url  # noqa: PLC0415

    policy = Options.load().everyones_policy  # without an account this needs neither a key nor a database
    if account:
        ready_for_data()
        from heliograph.connections import page_sender  # noqa: PLC0415

        policy = page_sender.policy(find_account(account).pk)
    checked = check_url(url, policy)
    message = f"{'Allowed' if checked.allowed else 'Not allowed'}: {checked.reason}"
    if checked.addresses:
        message += f"\nAddresses: {', '.join(checked.addresses)}"
    answer(as_json, {"allowed": checked.allowed, "addresses": list(checked.addresses), "reason": checked.reason}, message)
    if not checked.allowed:
        raise typer.Exit(1)


def allow_network(
    account: Annotated[str, typer.Argument(help="Code of the account.")],
    networks: Annotated[
        list[str] | None,
        typer.Argument(help="Such as 10.1.0.0/16, 10.1.2.3, or 10.1.2.3:8443 for one port. None: show what the account may reach."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove these networks from the account's list.")] = False,
    as_json: Json = False,
) -> None:
    """Allow one account's outgoing requests to reach private networks, at once. HELIOGRAPH_ALLOWED_NETWORKS is for all accounts."""
    ready_for_data()
    from heliograph.connections.services.networks import allow_networks  # noqa: PLC0415
    from heliograph.setup.services.setup_save import saving  # noqa: PLC0415

    account_row = find_account(account)
    allowed = list(account_row.allowed_networks or [])
    given = [network.strip() for network in networks or []]
    if given:
        new_networks = [network for network in allowed if network not in given] if remove else [*allowed, *given]
        with saving(account_row.pk, by=BY, whole_account=True) as transaction:
            allowed = allow_networks(transaction, new_networks)
    message = "\n".join(allowed) if allowed else "Only public addresses, and what all accounts may reach."
    answer(as_json, {"account": account_row.code, "networks": allowed}, message)
