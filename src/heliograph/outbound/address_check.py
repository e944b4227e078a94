"""Checks a URL against the guard without sending anything (C6): for forms, Save & Test and the command line. The sender makes the same
checks."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.outbound.guard import Policy, allow
from heliograph.outbound.resolver import Lookup, look_up, unresolved
from heliograph.outbound.target import InvalidTarget, read_target


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """The result of checking a URL."""

    allowed: bool
    """At least one address may be connected to."""
    addresses: tuple[str, ...]
    """The addresses of the host, allowed ones first."""
    reason: str
    by_operator: bool = False
    """The operator opened all the allowed addresses; then plain http is accepted."""


def check_literal(url: str, policy: Policy) -> CheckedAddress | None:
    """Checks a URL whose host is an address. None if the host is a name, which would have to be looked up, or if the text is no URL."""
    try:
        target = read_target(url)
    except InvalidTarget:
        return None
    return check_url(url, policy) if target.literal else None


def check_url(url: str, policy: Policy, look_up: Lookup = look_up) -> CheckedAddress:
    """Parses the URL, resolves its name and checks the addresses. Blocks during the look-up, so never call it on the sender's thread."""
    try:
        target = read_target(url)
    except InvalidTarget as error:
        return CheckedAddress(False, (), str(error))
    if target.literal:
        literals: tuple[str, ...] = (target.host,)
    else:
        try:
            literals = look_up(target.host)
        except (OSError, UnicodeError) as error:
            return CheckedAddress(False, (), unresolved(target.host, error).message)
    permissions = [(literal, allow(literal, target.port, policy, plain=target.scheme == "http")) for literal in literals]
    allowed = [(literal, permission) for literal, permission in permissions if permission.allowed]
    refused = [(literal, permission) for literal, permission in permissions if not permission.allowed]
    addresses = tuple(literal for literal, _ in (*allowed, *refused))
    if not allowed:
        return CheckedAddress(
            False,
            addresses,
            AttemptSentence.BLOCKED.fill(target=target, why=refused[-1][1].reason)
            if refused
            else AttemptSentence.NAME_WITHOUT_ADDRESS.fill(host=target.host),
        )
    return CheckedAddress(True, addresses, f"{allowed[0][1].reason}.", all(permission.by_operator for _, permission in allowed))
