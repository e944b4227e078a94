"""Users, API tokens and audit entries as JSON (P1, O6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.accounts.actors import Actors
from heliograph.accounts.audit import Deed
from heliograph.accounts.links import NewLink
from heliograph.accounts.models import Account, ApiToken, AuditEntry, User
from heliograph.accounts.people import PersonFacts, SignInRules
from heliograph.administration.audit_list import readable_values
from heliograph.api.documents.shared_forms import Document, Id, Instant

type RoleText = Literal["Administrator", "Planner", "Viewer"]
type ScopeText = Literal["ingest", "read", "set-up", "operate", "people"]
Email = Annotated[str, msgspec.Meta(description="The address by which the user signs in; unique.")]
RequiredFactor = Annotated[bool, msgspec.Meta(description="Whether the user must have a second factor.")]


class UserDocument(Document):
    """A user of the account."""

    id: Id
    name: str
    email: Email
    role: RoleText
    active: Annotated[bool, msgspec.Meta(description="False: switched off, so that nobody signs in as this user.")]
    invited: Annotated[bool, msgspec.Meta(description="True until the invitation is accepted.")]
    second_factor_required: RequiredFactor

    @classmethod
    def from_row(cls, row: User) -> UserDocument:
        """The document of a row."""
        return cls(
            id=str(row.pk),
            name=row.name,
            email=row.email,
            role=cast("RoleText", row.role),
            active=row.is_active,
            invited=row.invited,
            second_factor_required=row.second_factor_required,
        )


class NewUser(Document):
    """A user to invite."""

    name: str
    email: Email
    role: RoleText
    second_factor_required: RequiredFactor = False

    def facts(self, account: Account) -> PersonFacts:
        """The user, for the services."""
        return PersonFacts(self.email, self.name, self.role, account, second_factor=self.second_factor_required)


class UserChange(Document):
    """What to change of a user. An absent member stays as it is."""

    name: str | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    role: RoleText | UnsetType = UNSET
    second_factor_required: RequiredFactor | UnsetType = UNSET
    active: Annotated[bool | UnsetType, msgspec.Meta(description="False switches the user off: signed out at once, everywhere.")] = UNSET

    def facts(self, row: User, account: Account) -> PersonFacts:
        """The user with the changes, for the services."""
        return PersonFacts(
            row.email if self.email is UNSET else self.email,
            row.name if self.name is UNSET else self.name,
            row.role if self.role is UNSET else self.role,
            account,
            second_factor=row.second_factor_required if self.second_factor_required is UNSET else self.second_factor_required,
        )


class UserLink(Document):
    """A one-time link for a user: an invitation, or for a new password. It is answered once and stored nowhere."""

    user: UserDocument
    link: Annotated[str, msgspec.Meta(description="Whoever has it becomes this user. It replaces earlier links.")]
    expires: Instant
    mailed: Annotated[bool | None, msgspec.Meta(description="Whether it was mailed to the user; null if no mail server is set up.")]

    @classmethod
    def from_link(cls, row: User, made: NewLink, *, mailed: bool | None) -> UserLink:
        """The document of a link."""
        return cls(user=UserDocument.from_row(row), link=made.address, expires=made.expires, mailed=mailed)


class SignInDocument(Document):
    """What the account asks of all its users."""

    second_factor_required: RequiredFactor
    idle_minutes: Annotated[
        int | None, msgspec.Meta(description="A session ends after so many minutes without use; null: as the operator has set.")
    ]

    @classmethod
    def from_row(cls, row: Account) -> SignInDocument:
        """The document of an account."""
        return cls(second_factor_required=row.second_factor_required, idle_minutes=row.session_idle_minutes)


class SignInChange(Document):
    """What to change of the sign-in rules. An absent member stays as it is."""

    second_factor_required: RequiredFactor | UnsetType = UNSET
    idle_minutes: int | UnsetType | None = UNSET

    def rules(self, row: Account) -> SignInRules:
        """The rules with the changes."""
        return SignInRules(
            row.second_factor_required if self.second_factor_required is UNSET else self.second_factor_required,
            row.session_idle_minutes if self.idle_minutes is UNSET else self.idle_minutes,
        )


class TokenDocument(Document):
    """An API token. Its secret is answered once, when it is created."""

    id: Id
    name: str
    begins: Annotated[str, msgspec.Meta(description="The part by which the token is known: hg_<begins>_…")]
    scopes: list[ScopeText]
    role: RoleText
    created: Instant
    created_by: str
    expires: Instant | None
    last_used: Annotated[Instant | None, msgspec.Meta(description="Noted about once a minute.")]

    @classmethod
    def from_row(cls, row: ApiToken) -> TokenDocument:
        """The document of a row."""
        return cls(
            id=str(row.pk),
            name=row.name,
            begins=row.prefix,
            scopes=row.scopes,
            role=cast("RoleText", row.role),
            created=row.created,
            created_by=row.created_by,
            expires=row.expires,
            last_used=row.last_used,
        )


class NewTokenRequest(Document):
    """A token to create."""

    name: Annotated[str, msgspec.Meta(description="The program that will use it. It stands in the audit and in timelines.")]
    scopes: Annotated[list[ScopeText], msgspec.Meta(description="What it may do. Nothing is given that is not asked for.")]
    role: RoleText = "Viewer"
    expires: Instant | None = None


class NewTokenDocument(Document):
    """A new token, with its secret."""

    token: TokenDocument
    secret: Annotated[str, msgspec.Meta(description="The token itself. It is answered this once.")]


class AuditDocument(Document):
    """An audit entry: who did what, and the values of what changed. Secrets are masked."""

    id: Id
    at: Instant
    by: Annotated[str, msgspec.Meta(description="The actor: user:7, token:3, import:12, command …")]
    by_name: str
    what: Annotated[str, msgspec.Meta(description=f"What was done: {', '.join(Deed)}.")]
    kind: Annotated[str, msgspec.Meta(description="The kind of the object.")]
    object: Id
    name: str
    before: Annotated[dict[str, Any], msgspec.Meta(description="What changed, as it was before. Secrets are masked.")]
    after: Annotated[dict[str, Any], msgspec.Meta(description="What changed, as it is since.")]

    @classmethod
    def from_row(cls, row: AuditEntry, actors: Actors, *, whole: bool) -> AuditDocument:
        """The document of a row. whole: for an Administrator."""
        before: Mapping[str, Any]
        after: Mapping[str, Any]
        before, after = readable_values(row, whole=whole)
        return cls(
            id=str(row.pk),
            at=row.at,
            by=row.by,
            by_name=actors.name(row.by),
            what=row.what,
            kind=row.kind,
            object=str(row.object_id),
            name=row.name,
            before=dict(before),
            after=dict(after),
        )


type AuditKind = Literal["signal", "tags", "events", "people", "account", "exports", "sign-ins", "refusals"]
