"""Names of users by the actor stored with a change ("user:7")."""

from __future__ import annotations

from collections.abc import Iterable

from heliograph.accounts.models import User


def names_of_users(account: int, actors: Iterable[str]) -> dict[str, str]:
    """The users of the account; removed users and other actors are omitted."""
    ids = {int(actor[5:]) for actor in actors if actor.startswith("user:") and actor[5:].isdecimal()}
    users = User.objects.filter(pk__in=ids, account=account) if ids else ()
    return {user.actor: user.name or user.email for user in users}
