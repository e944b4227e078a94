"""Creates and revokes API tokens (O6; `store.token_check` checks them)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import ApiToken, Role, TokenScope
from heliograph.accounts.roles import RANKS
from heliograph.domain.errors import HeliographError, NotInAccount
from heliograph.domain.mapping.json_bodies import is_one_line
from heliograph.store.django_database import of_django
from heliograph.store.instants import from_micros, to_micros
from heliograph.store.token_check import ApiGrant, digest_of, new_token, prefix_of

NAME_LENGTH = 100
LONGEST: Final = timedelta(days=36_525)


class TokenRefused(HeliographError):
    """This token cannot be created."""


class NoSuchToken(NotInAccount):
    """There is no such token in this account."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token."""

    row: ApiToken
    secret: str
    """The token itself, which only the page after its creation shows."""
    expires: datetime | None


def create_token(
    account: int,
    name: str,
    *,
    by: str,
    scopes: Collection[TokenScope] = (TokenScope.INGEST,),
    role: Role = Role.ADMINISTRATOR,
    expires: datetime | None = None,
    within: ApiGrant | None = None,
) -> NewToken:
    """Creates a token.

    scopes: the rights of the token; by default it only sends registrations.
    role: limits what the scopes allow (P1).
    expires: an aware instant, None = never.
    within: the rights and the end of the token that creates this one; the new token gets no more rights and no later end.
    Raises TokenRefused.
    """
    name = name.strip()
    if not scopes:
        raise TokenRefused(_("A token may do at least one thing."))
    if within is not None and (not {each.value for each in scopes} <= within.scopes or RANKS[role] > RANKS[Role(within.role)]):
        raise TokenRefused(_("A token cannot make another that may do more than itself."))
    if within is not None and within.expires is not None and (expires is None or to_micros(expires) > within.expires):
        raise TokenRefused(_("A token cannot make another that lasts longer than itself."))
    if not name or len(name) > NAME_LENGTH or not is_one_line(name):
        raise TokenRefused(_("A token needs a name of at most %(n)s characters.") % {"n": NAME_LENGTH})
    secret = new_token()
    with transaction.atomic(), scope(account=account):
        db = of_django(connection)
        now = db.now()
        if expires is not None and expires <= from_micros(now):
            raise TokenRefused(_("The token would have expired already."))
        if expires is not None and expires > from_micros(now) + LONGEST:
            raise TokenRefused(_("A token lasts for at most 100 years."))
        row = ApiToken.objects.create(
            account_id=account,
            name=name,
            prefix=prefix_of(secret) or "",
            digest=digest_of(secret),
            scopes=sorted(each.value for each in set(scopes)),
            role=role,
            created=now,
            created_by=by[:60],
            expires=None if expires is None else to_micros(expires),
        )
        audit.note(
            db,
            account,
            by=by,
            what=Deed.CREATED,
            kind="token",
            id=row.pk,
            name=name,
            after={"name": name, "scopes": row.scopes, "role": row.role, "expires": expires and expires.isoformat()},
        )
    return NewToken(row, secret, expires)


def revoke_token(account: int, id: int, *, by: str) -> None:
    """Revokes a token; within 2 seconds it is refused everywhere. Repeating it is harmless. Raises NoSuchToken."""
    with transaction.atomic(), scope(account=account):
        db = of_django(connection)
        row = ApiToken.objects.filter(pk=id).first()
        if row is None:
            raise NoSuchToken
        if row.revoked is None:
            row.revoked = from_micros(db.now())
            row.save(update_fields=["revoked"])
            audit.note(db, account, by=by, what=Deed.REVOKED, kind="token", id=id, name=row.name)
