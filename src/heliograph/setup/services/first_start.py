"""The first start (O6): if an installation has no users, a one-time link creates the first account and its Administrator."""

from __future__ import annotations

from django.db import transaction

from heliograph.accounts.links import LinkOver, NewLink, look, make_link, take
from heliograph.accounts.models import EntryLink, Purpose, Role, User
from heliograph.accounts.people import PersonFacts, create_user
from heliograph.setup.services.account_creation import AccountFacts, create_account

BY = "first start"


def first_link() -> NewLink | None:
    """A link for the first start, valid for 30 minutes; it replaces the previous one. None if there is a user."""
    with transaction.atomic():
        return None if User.objects.exists() else make_link(Purpose.FIRST_START, None, by=BY)


def first_user(email: str, password: str, account: str) -> User | None:
    """Creates the first account and user from the operator's settings, without a link. None if there is a user.

    account: the code of the account.
    Raises Invalid, PersonRefused.
    """
    with transaction.atomic():
        if User.objects.exists():
            return None
        made = create_account(AccountFacts(account, account), by=BY)
        return create_user(PersonFacts(email, email.partition("@")[0], Role.ADMINISTRATOR, made), password, by=BY)


def look_at(token: str) -> EntryLink:
    """The link, if it is valid and there is no user. Raises LinkOver."""
    if User.objects.exists():
        raise LinkOver
    return look(Purpose.FIRST_START, token)


def set_up(token: str, account: AccountFacts, *, name: str, email: str, password: str, second_factor: bool) -> User:
    """Creates the account and its Administrator, and uses up the link.

    Raises LinkOver; also Invalid and PersonRefused, after which the link is still valid.
    """
    with transaction.atomic():
        take(Purpose.FIRST_START, token)
        if User.objects.exists():
            raise LinkOver
        made = create_account(account, by=BY)
        return create_user(PersonFacts(email, name, Role.ADMINISTRATOR, made, second_factor=second_factor), password, by=BY)
