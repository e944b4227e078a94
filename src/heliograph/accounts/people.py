"""Making the people who sign in (P1, O6)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django_scopes import scope

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import Account, Role, User
from heliograph.domain.errors import HeliographError
from heliograph.store.database import of_django


class PersonRefused(HeliographError):
    """This user cannot be made. fields: sentences by field."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self.fields = fields
        super().__init__(" ".join(f"{name}: {sentence}" for name, sentences in fields.items() for sentence in sentences))


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """Someone who will sign in. account None: an operator, who belongs to no account."""

    email: str
    name: str
    role: str = Role.VIEWER
    account: Account | None = None


def new_password() -> str:
    """A password that can be read out: 128 random bits."""
    return "-".join(secrets.token_hex(4) for _ in range(4))


def create_user(facts: PersonFacts, password: str | None, *, by: str) -> User:
    """Makes a user. password None: none yet, so that it has to be reset first. Raises PersonRefused."""
    row = User(email=facts.email.strip().lower(), name=facts.name.strip(), role=facts.role, account=facts.account)
    try:
        if password is not None:
            validate_password(password, row)
    except ValidationError as error:
        raise PersonRefused({"password": list(error.messages)}) from None
    row.set_password(password)
    try:
        row.full_clean()
    except ValidationError as error:
        raise PersonRefused(error.message_dict) from None
    with transaction.atomic():
        row.save()
        if facts.account is not None:
            with scope(account=facts.account.pk):
                audit.note(
                    of_django(connection),
                    facts.account.pk,
                    by=by,
                    what=Deed.CREATED,
                    kind="user",
                    id=row.pk,
                    name=row.name,
                    after={"email": row.email, "name": row.name, "role": row.role},
                )
    return row
