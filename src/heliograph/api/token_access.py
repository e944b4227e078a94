"""Who may use an endpoint: the scope and the role that a token needs (P1), and the account that it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from heliograph.accounts.models import Account, Role, TokenScope
from heliograph.accounts.roles import RANKS
from heliograph.api.api_problems import Problem
from heliograph.engine.ingest.request_rules import bearer
from heliograph.store.access_refusals import PROCESS, AccessRefusal, Reason
from heliograph.store.django_database import of_django, read_database
from heliograph.store.instants import to_micros
from heliograph.store.token_check import ApiGrant, find_grant, note_use, prefix_of

log = structlog.get_logger(__name__)

USE_NOTED_EVERY: Final = 60_000_000
"""Microseconds between two writes of a token's last use."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a token needs for an endpoint."""

    scope: TokenScope
    role: Role
    """The lowest role that suffices."""
    reads: bool = False
    """True if the scope `read` is needed besides, because the answer has what only that scope gives."""

    @property
    def scopes(self) -> tuple[TokenScope, ...]:
        """All scopes that a token needs."""
        return (self.scope, TokenScope.READ) if self.reads else (self.scope,)

    def check(self, grant: ApiGrant) -> None:
        """Raises Problem (403), which names the scope or the role that the token lacks."""
        for scope in self.scopes:
            if scope.value not in grant.scopes:
                raise Problem("scope", f"The token lacks the scope `{scope.value}`.")
        if RANKS[Role(grant.role)] < RANKS[self.role]:
            raise Problem("role", f"This needs a token with the role {self.role.label}; its role is {Role(grant.role).label}.")


READ: Final = Access(TokenScope.READ, Role.VIEWER)
EXPORT: Final = Access(TokenScope.READ, Role.PLANNER)
FORESEE: Final = Access(TokenScope.READ, Role.PLANNER)
"""What an operation of Planners would do. As on pages, whoever may not do it does not look ahead at it."""
READ_SET_UP: Final = Access(TokenScope.READ, Role.ADMINISTRATOR)
"""What an operation of Administrators would do, and what only forms of the set-up show."""
SEND: Final = Access(TokenScope.INGEST, Role.PLANNER)
SEND_AND_READ: Final = Access(TokenScope.INGEST, Role.PLANNER, reads=True)
SET_UP_EVENTS: Final = Access(TokenScope.SET_UP, Role.PLANNER)
SET_UP: Final = Access(TokenScope.SET_UP, Role.ADMINISTRATOR)
SET_UP_AND_READ: Final = Access(TokenScope.SET_UP, Role.ADMINISTRATOR, reads=True)
OPERATE: Final = Access(TokenScope.OPERATE, Role.PLANNER)
ADMINISTER: Final = Access(TokenScope.OPERATE, Role.ADMINISTRATOR)
READ_PEOPLE: Final = Access(TokenScope.PEOPLE, Role.VIEWER)
MANAGE_PEOPLE: Final = Access(TokenScope.PEOPLE, Role.ADMINISTRATOR)


def authenticate(request: HttpRequest) -> tuple[ApiGrant, Account]:
    """The grant of the request's token, and its account. Raises Problem (401). The refusal is counted for the audit, as those of `/ingest` are."""
    token = bearer(request.headers.get("Authorization", ""))
    with read_database() as db:
        grant = find_grant(db, token) if token else None
        account = Account.objects.using("read").filter(pk=grant.account).first() if grant else None
    if grant is None or account is None:
        PROCESS.note(AccessRefusal(Reason.UNKNOWN_TOKEN, str(request.META.get("REMOTE_ADDR", "")), token_prefix=prefix_of(token) or ""))
        raise Problem("token", headers={"WWW-Authenticate": 'Bearer realm="heliograph"'})
    account._state.db = DEFAULT_DB_ALIAS  # noqa: SLF001 -- Django saves a new row, such as a user, where the row it belongs to was read
    return grant, account


def note_token_use(grant: ApiGrant) -> None:
    """Stores when the token was last used, at most once in USE_NOTED_EVERY. If the database fails, that is logged, and the request is answered."""
    try:
        if grant.last_used is None or grant.last_used < to_micros(timezone.now()) - USE_NOTED_EVERY:
            with transaction.atomic():
                db = of_django(connection)
                note_use(db, [grant.token], db.now())
    except DatabaseError as error:
        log.warning("token_use_not_noted", error=type(error).__name__)
