"""Users, invitations, sign-in rules and API tokens (P1, O6)."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar, Final

from django.db import transaction
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.accounts.api_tokens import create_token, revoke_token
from heliograph.accounts.link_mail import mail_link
from heliograph.accounts.models import Account, ApiToken, Role, TokenScope, User
from heliograph.accounts.people import (
    PersonRefused,
    change_user,
    invite,
    new_link,
    refusal_within,
    remove,
    remove_second_factor,
    save_sign_in_rules,
    sign_out,
    switch,
)
from heliograph.api.controller import ApiController
from heliograph.api.documents.people_documents import (
    NewTokenDocument,
    NewTokenRequest,
    NewUser,
    SignInChange,
    SignInDocument,
    TokenDocument,
    UserChange,
    UserDocument,
    UserLink,
)
from heliograph.api.documents.shared_forms import Document, Id, number_of
from heliograph.api.list_answers import Items, ListQuery, rows_by_id
from heliograph.api.token_access import MANAGE_PEOPLE, READ_PEOPLE


class UserPath(Document):
    """The address of a user."""

    user: Id


class TokenPath(Document):
    """The address of a token."""

    token: Id


class Users(ApiController):
    """The users of the account."""

    access: ClassVar = {"GET": READ_PEOPLE, "POST": MANAGE_PEOPLE}
    takes_key: ClassVar = False  # no transaction may wait for the mail server

    def get(self, parsed_query: Query[ListQuery]) -> Items[UserDocument]:
        """List the users of the account, with those who are invited."""
        return rows_by_id(self.request, User.objects.filter(account=self.account), parsed_query, UserDocument.from_row)

    def post(self, parsed_body: Body[NewUser]) -> UserLink:
        """Invite a user. The link is answered this once, and mailed if a mail server is set up."""
        try:
            row, link = invite(parsed_body.facts(self.account), by=self.actor)
        except PersonRefused as error:
            raise refusal_within(self.account, error, parsed_body.email) from None
        return UserLink.from_link(row, link, mailed=mail_link(self.account, self.actor_name, row, link))


class OneUser(ApiController):
    """One user."""

    access: ClassVar = {"GET": READ_PEOPLE, "PATCH": MANAGE_PEOPLE, "DELETE": MANAGE_PEOPLE}
    has_etag: ClassVar = True

    def get(self, parsed_path: Path[UserPath]) -> UserDocument:
        """Read a user."""
        return UserDocument.from_row(User.objects.get(pk=number_of(parsed_path.user), account=self.account))

    def patch(self, parsed_path: Path[UserPath], parsed_body: Body[UserChange]) -> UserDocument:
        """Change a user, or switch one off or on. The last Administrator stays one."""
        with transaction.atomic():
            row = User.objects.get(pk=number_of(parsed_path.user), account=self.account)
            facts = parsed_body.facts(row, self.account)
            try:
                if facts != UserChange().facts(row, self.account):
                    row = change_user(self.account, row.pk, facts, by=self.actor)
            except PersonRefused as error:
                raise refusal_within(self.account, error, facts.email) from None
            if isinstance(parsed_body.active, bool):
                row = switch(self.account, row.pk, parsed_body.active, by=self.actor)
        return UserDocument.from_row(row)

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[UserPath]) -> None:
        """Remove a user, or withdraw an invitation. What they did stays in the audit and in timelines."""
        remove(self.account, number_of(parsed_path.user), by=self.actor)


class UserLinks(ApiController):
    """Links of a user."""

    access: ClassVar = {"POST": MANAGE_PEOPLE}
    takes_key: ClassVar = False  # no transaction may wait for the mail server

    def post(self, parsed_path: Path[UserPath]) -> UserLink:
        """Make another link for a user: an invitation, or for a new password once they have signed in. It replaces earlier links."""
        row, link = new_link(self.account, number_of(parsed_path.user), by=self.actor)
        return UserLink.from_link(row, link, mailed=mail_link(self.account, self.actor_name, row, link))


class UserSessions(ApiController):
    """Sessions of a user."""

    access: ClassVar = {"DELETE": MANAGE_PEOPLE}

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[UserPath]) -> None:
        """Sign a user out everywhere."""
        sign_out(self.account, number_of(parsed_path.user), by=self.actor)


class UserSecondFactor(ApiController):
    """The second factor of a user."""

    access: ClassVar = {"DELETE": MANAGE_PEOPLE}

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[UserPath]) -> None:
        """Remove a user's second factor: for a lost phone."""
        remove_second_factor(self.account, number_of(parsed_path.user), by=self.actor)


class SignIn(ApiController):
    """The sign-in rules of the account."""

    access: ClassVar = {"GET": READ_PEOPLE, "PATCH": MANAGE_PEOPLE}
    has_etag: ClassVar = True

    def get(self) -> SignInDocument:
        """Read what the account asks of all its users."""
        return SignInDocument.from_row(Account.objects.get(pk=self.account.pk))

    def patch(self, parsed_body: Body[SignInChange]) -> SignInDocument:
        """Change what the account asks of all its users. It holds from each user's next page on."""
        save_sign_in_rules(self.account, parsed_body.rules(Account.objects.get(pk=self.account.pk)), by=self.actor)
        return SignInDocument.from_row(Account.objects.get(pk=self.account.pk))


class Tokens(ApiController):
    """The API tokens of the account."""

    access: ClassVar = {"GET": READ_PEOPLE, "POST": MANAGE_PEOPLE}
    answers_secret: ClassVar = True

    def get(self, parsed_query: Query[ListQuery]) -> Items[TokenDocument]:
        """List the tokens that are not revoked."""
        return rows_by_id(self.request, ApiToken.objects.filter(revoked=None), parsed_query, TokenDocument.from_row)

    def post(self, parsed_body: Body[NewTokenRequest]) -> NewTokenDocument:
        """Create a token. It cannot do more, or last longer, than the token that creates it. Its secret is answered this once."""
        made = create_token(
            self.account.pk,
            parsed_body.name,
            by=self.actor,
            scopes=[TokenScope(each) for each in parsed_body.scopes],
            role=Role(parsed_body.role),
            expires=parsed_body.expires,
            within=self.grant,
        )
        made.row.refresh_from_db()
        return NewTokenDocument(token=TokenDocument.from_row(made.row), secret=made.secret)


class OneToken(ApiController):
    """One API token."""

    access: ClassVar = {"GET": READ_PEOPLE, "DELETE": MANAGE_PEOPLE}

    def get(self, parsed_path: Path[TokenPath]) -> TokenDocument:
        """Read a token."""
        return TokenDocument.from_row(ApiToken.objects.get(pk=number_of(parsed_path.token), revoked=None))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[TokenPath]) -> None:
        """Revoke a token. Requests with it are refused, within 2 seconds everywhere."""
        revoke_token(self.account.pk, number_of(parsed_path.token), by=self.actor)


ROUTES: Final = [
    path("users", Users.as_view()),
    path("users/<str:user>", OneUser.as_view()),
    path("users/<str:user>/links", UserLinks.as_view()),
    path("users/<str:user>/sessions", UserSessions.as_view()),
    path("users/<str:user>/second-factor", UserSecondFactor.as_view()),
    path("sign-in-rules", SignIn.as_view()),
    path("tokens", Tokens.as_view()),
    path("tokens/<str:token>", OneToken.as_view()),
]
