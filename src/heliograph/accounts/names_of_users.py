"""Names of users by the actor stored with a change ("user:7")."""

from __future__ import annotations

from collections.abc import Iterable

from heliograph.accounts.models import User


def names_of_users(account: int, marks: Iterable[str]) -> dict[str, str]:
    """The users of the account; removed users and other actors are omitted."""
    ids = {int(mark[5:]) for mark in marks if mark.startswith("user:") and mark[5:].isdecimal()}
    users = User.objects.filter(pk__in=ids, account=account) if ids else ()
    return {user.actor: user.name or user.email for user in users}
