"""The people who sign in: created, invited, changed, switched off, removed (P1, O6).

Every operation writes its audit entry in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.humanize.templatetags.humanize import intcomma
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.accounts import audit, save_order
from heliograph.accounts.audit import Deed
from heliograph.accounts.languages import in_stored_language
from heliograph.accounts.links import NewLink, make_link, take
from heliograph.accounts.models import Account, EntryLink, Purpose, Role, User
from heliograph.domain.errors import HeliographError, NotInAccount
from heliograph.domain.mapping.json_bodies import is_one_line
from heliograph.domain.sentence_template import at_place, joined
from heliograph.store.django_database import of_django


class PersonRefused(HeliographError):
    """This user cannot be saved. fields: sentences by field."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self.fields = dict(fields)
        super().__init__(joined(" ", (at_place(name, sentence) for name, sentences in fields.items() for sentence in sentences)))


class NoSuchPerson(NotInAccount):
    """There is no such user in this account."""


class LastAdministrator(HeliographError):
    """This is the account’s only Administrator. Make someone else one first."""


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A user to be created."""

    email: str
    name: str
    role: str = Role.VIEWER
    account: Account | None = None
    """None for an operator, who belongs to no account."""
    second_factor: bool = False
    """True if the user must have a second factor, until an Administrator clears this."""


def new_password() -> str:
    """A password that can be read out: 128 random bits."""
    return "-".join(secrets.token_hex(4) for _each in range(4))


def create_user(facts: PersonFacts, password: str | None, *, by: str) -> User:
    """Creates a user. Raises PersonRefused.

    password: None for a user who needs a link for a new password before the first sign-in.
    """
    row = _row(facts)
    if password is not None:
        check_password(password, row)
    row.set_password(password)
    with transaction.atomic():
        _save(row)
        _note(row, Deed.CREATED, by, after=_audit_values(row))
    return row


def invite(facts: PersonFacts, *, by: str) -> tuple[User, NewLink]:
    """Creates a user without a password, and the link for choosing one. Raises PersonRefused."""
    row = _row(facts)
    row.invited = True
    row.set_password(None)
    with transaction.atomic():
        _save(row)
        link = make_link(Purpose.INVITATION, row, by=by)
        _note(row, Deed.INVITED, by, after=_audit_values(row))
    return row, link


def new_link(account: Account, id: int, *, by: str) -> tuple[User, NewLink]:
    """Makes a new link for a user: an invitation if the user has never signed in, otherwise one to choose a new password.

    Raises NoSuchPerson, also for a user who is switched off.
    """
    with _locked_user(account, id) as row:
        if not row.is_active:
            raise NoSuchPerson
        link = make_link(Purpose.INVITATION if row.invited else Purpose.RESET, row, by=by)
        with in_stored_language():
            purpose = str(link.row.get_purpose_display())
        _note(row, Deed.LINKED, by, after={"link": purpose, "expires": link.expires.isoformat()})
    return row, link


def link_for(email: str, *, by: str) -> NewLink:
    """Makes the link of `new_link` for the operator, who names a user of any account, or of none, by e-mail address. Raises NoSuchPerson."""
    row = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if row is None:
        raise NoSuchPerson
    if row.account is not None:
        return new_link(row.account, row.pk, by=by)[1]
    with transaction.atomic():
        return make_link(Purpose.RESET, row, by=by)


def follow(purpose: Purpose, token: str, password: str, name: str | None = None) -> User:
    """Accepts an invitation or sets a new password. It uses up the link and ends the sessions of the old password.

    Raises LinkOver, and PersonRefused, after which the link is still valid.
    """
    with transaction.atomic():
        link: EntryLink = take(purpose, token)
        row = link.user
        assert row is not None
        if name is not None:
            row.name = name.strip()
        check_password(password, row)
        row.set_password(password)
        row.invited = False
        _save(row)
        _note(row, Deed.JOINED if purpose is Purpose.INVITATION else Deed.PASSWORD_CHANGED, row.actor)
    return row


def change_user(account: Account, id: int, facts: PersonFacts, *, by: str) -> User:
    """Saves name, e-mail, role, and whether a second factor is required. Raises NoSuchPerson, PersonRefused, LastAdministrator."""
    with _locked_user(account, id) as row:
        before, email = _audit_values(row), row.email
        if facts.role != Role.ADMINISTRATOR:
            _check_administrator_remains(row)
        row.name, row.email, row.role = facts.name.strip(), facts.email.strip().lower(), facts.role
        row.second_factor_required = facts.second_factor
        _save(row)
        if row.email != email:
            EmailAddress.objects.filter(user=row).delete()
            SocialAccount.objects.filter(user=row).delete()  # at the provider, the new address belongs to another person
        _note(row, Deed.CHANGED, by, before, _audit_values(row))
    return row


def take_role(row: User, role: Role, *, by: str) -> None:
    """Sets the role given by an identity provider's groups. Raises LastAdministrator."""
    if row.account is None or row.role == role:
        return
    with _locked_user(row.account, row.pk) as locked_row:
        if role != Role.ADMINISTRATOR:
            _check_administrator_remains(locked_row)
        before = _audit_values(locked_row)
        locked_row.role = row.role = role
        locked_row.save(update_fields=["role"])
        _note(locked_row, Deed.CHANGED, by, before, _audit_values(locked_row))


def rename(row: User, name: str) -> None:
    """Saves the user's own name. Raises PersonRefused."""
    with transaction.atomic():
        row = User.objects.select_for_update(of=("self",)).get(pk=row.pk)  # not the request's instance: the page shows its name
        if row.account_id is not None:
            save_order.check(of_django(connection), row.account_id)
        before = _audit_values(row)
        row.name = name.strip()
        _save(row)
        _note(row, Deed.CHANGED, row.actor, before, _audit_values(row))


def switch(account: Account, id: int, on: bool, *, by: str) -> User:
    """Switches a user's access on or off; off also ends their sessions and links. Raises NoSuchPerson, LastAdministrator."""
    with _locked_user(account, id) as row:
        if not on:
            _check_administrator_remains(row)
            end_sessions(UserSession.objects.filter(user=row))
            EntryLink.objects.filter(user=row).delete()
        if row.is_active is not on:
            row.is_active = on
            row.save(update_fields=["is_active"])
            _note(row, Deed.SWITCHED_ON if on else Deed.SWITCHED_OFF, by)
    return row


def sign_out(account: Account, id: int, *, by: str) -> User:
    """Ends all sessions of a user. Raises NoSuchPerson."""
    with _locked_user(account, id) as row:
        end_sessions(UserSession.objects.filter(user=row))
        _note(row, Deed.SIGNED_OUT, by)
    return row


def remove_second_factor(account: Account, id: int, *, by: str) -> User:
    """Removes a user's second factor and recovery codes, for example after the loss of a phone. Raises NoSuchPerson.

    If an Administrator requires one of this user, they must set up a new one before any other page opens.
    """
    with _locked_user(account, id) as row:
        if Authenticator.objects.filter(user=row).delete()[0]:
            _note(row, Deed.SECOND_FACTOR_OFF, by)
    return row


def remove(account: Account, id: int, *, by: str) -> User:
    """Deletes a user. Their audit entries keep their name. Raises NoSuchPerson, LastAdministrator."""
    with _locked_user(account, id) as row:
        _check_administrator_remains(row)
        end_sessions(UserSession.objects.filter(user=row))
        _note(row, Deed.DELETED, by, before=_audit_values(row))
        row.delete()
    return row


@dataclass(frozen=True, slots=True)
class SignInRules:
    """The sign-in rules of an account, for all its users."""

    second_factor: bool = False
    """True if every user must have a second factor."""
    idle_minutes: int | None = None
    """Minutes without use after which a session ends; None for the operator's limit."""


SHORTEST_IDLE: Final = 5
"""Minutes without use: the shortest time after which an account may end sessions."""


def check_idle_minutes(minutes: int) -> None:
    """Checks the minutes without use after which an account ends sessions: from SHORTEST_IDLE to the operator's limit. Raises PersonRefused."""
    longest = settings.HELIOGRAPH.session_idle
    if not SHORTEST_IDLE <= minutes <= longest:
        sentence = _("Give a whole number from %(least)s to %(most)s, or leave it empty.") % {
            "least": SHORTEST_IDLE,
            "most": intcomma(longest),
        }
        raise PersonRefused({"idle_minutes": [sentence]})


def save_sign_in_rules(account: Account, rules: SignInRules, *, by: str) -> None:
    """Saves the account's sign-in rules. They apply from each user's next request. Raises PersonRefused."""
    if rules.idle_minutes is not None:
        check_idle_minutes(rules.idle_minutes)
    with transaction.atomic():
        row = Account.objects.select_for_update().get(pk=account.pk)
        db = of_django(connection)
        save_order.check(db, row.pk)
        before = {"second_factor_required": row.second_factor_required, "session_idle_minutes": row.session_idle_minutes}
        after = {"second_factor_required": rules.second_factor, "session_idle_minutes": rules.idle_minutes}
        row.second_factor_required, row.session_idle_minutes = rules.second_factor, rules.idle_minutes
        row.save(update_fields=list(after))
        with scope(account=row.pk):
            audit.note(db, row.pk, by=by, what=Deed.CHANGED, kind="account", id=row.pk, name=row.name, before=before, after=after)
        save_order.count(db, row.pk)


def remove_second_factor_of(email: str, *, by: str) -> None:
    """Removes a user's second factor by e-mail, for the operator: for users of any account or none. Raises NoSuchPerson."""
    row = User.objects.filter(email=email.strip().lower()).first()
    if row is None:
        raise NoSuchPerson
    if row.account is not None:
        remove_second_factor(row.account, row.pk, by=by)
    else:
        Authenticator.objects.filter(user=row).delete()


def refusal_within(account: Account, error: PersonRefused, email: str) -> PersonRefused:
    """The refusal as the account may read it: it names the user who already has the address only if that user is in the account."""
    owner = User.objects.filter(email=email.strip().lower()).first() if "email" in error.fields else None
    if owner is None:
        return error
    is_of_this_account = owner.account_id == account.pk
    sentence = (
        _("%(name)s already has this address. Use another one.") % {"name": owner.name}
        if is_of_this_account
        else _("This address cannot be used. Use another one.")
    )
    return PersonRefused({**error.fields, "email": [sentence]})


def check_password(password: str, row: User) -> None:
    """Checks that this password is acceptable for this user. Raises PersonRefused."""
    try:
        validate_password(password, row)
    except ValidationError as error:
        raise PersonRefused({"password": list(error.messages)}) from None


def end_sessions(sessions: QuerySet[UserSession]) -> None:
    """Ends these sessions: their next request must sign in."""
    Session.objects.filter(session_key__in=list(sessions.values_list("session_key", flat=True))).delete()
    sessions.delete()


def note_own(row: User, what: Deed) -> None:
    """Writes the audit entry of a change to the user's own access."""
    with transaction.atomic():
        _note(row, what, row.actor)


def _row(facts: PersonFacts) -> User:
    return User(
        email=facts.email.strip().lower(),
        name=facts.name.strip(),
        role=facts.role,
        account=facts.account,
        second_factor_required=facts.second_factor,
    )


def _save(row: User) -> None:
    """Validates and saves the user. Raises PersonRefused."""
    if not is_one_line(row.name):
        raise PersonRefused({"name": [_("Type the name on one line.")]})
    try:
        row.clean_fields()  # first and alone, because the query for a duplicate address fails on values that no column can store
        row.full_clean()
    except ValidationError as error:
        raise PersonRefused(error.message_dict) from None
    row.save()


@contextmanager
def _locked_user(account: Account, id: int) -> Iterator[User]:
    """Locks a user of this account, and the account, for the transaction. Raises NoSuchPerson.

    Without the lock of the account, two Administrators who remove each other at once could leave none.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        row = User.objects.select_for_update().filter(pk=id, account=account).first()
        if row is None:
            raise NoSuchPerson
        save_order.check(of_django(connection), account.pk)
        yield row


def _check_administrator_remains(row: User) -> None:
    """Raises LastAdministrator unless another person who has signed in could do everything."""
    if row.role != Role.ADMINISTRATOR or not row.is_active or row.invited:
        return
    others = User.objects.filter(account=row.account, role=Role.ADMINISTRATOR, is_active=True, invited=False).exclude(pk=row.pk)
    if not others.exists():
        raise LastAdministrator


def _audit_values(row: User) -> dict[str, Any]:
    return {"email": row.email, "name": row.name, "role": row.role, "second_factor_required": row.second_factor_required}


def _note(row: User, what: Deed, by: str, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None) -> None:
    if row.account_id is None:
        return
    with scope(account=row.account_id):
        audit.note(
            of_django(connection),
            row.account_id,
            by=by,
            what=what,
            kind="user",
            id=row.pk,
            name=row.name or row.email,
            before=before,
            after=after,
        )
    save_order.count(of_django(connection), row.account_id)
