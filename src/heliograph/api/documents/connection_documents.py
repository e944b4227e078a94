"""Connections as JSON (guide: Setting up a Connection; C1, C5).

Secrets are only written: the URL's path and query, passwords, keys, certificates, queries of OAuth2 addresses, values of headers that are
credentials by their names. An answer names those that are stored.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.shared_forms import Document, Id, sent_or
from heliograph.connections.models import Connection
from heliograph.connections.services.connections import ConnectionFacts
from heliograph.connections.services.entered_connection import entered_connection, settings_of
from heliograph.domain.connection import connection as rules
from heliograph.domain.connection.connection import Auth, ClientAuth, ContentType, KeyPlace, Method, OAuthGrant
from heliograph.domain.connection.secret import Secret
from heliograph.domain.connection.shown_connection import is_shown
from heliograph.domain.connection.target_url import masked
from heliograph.domain.mapping.headers import is_secret_name

Name = Annotated[str, msgspec.Meta(description="Unique in the account, whatever its case.")]
Url = Annotated[
    str, msgspec.Meta(description="Where requests go, complete. Path and query may hold source fields in braces. Never in an answer.")
]
TestUrl = Annotated[
    str | None, msgspec.Meta(description="An address that checks the credentials and stores nothing; null for none. Never in an answer.")
]
Written = Annotated[str, msgspec.Meta(min_length=1, description="A secret: never in an answer.")]
Pem = Annotated[str, msgspec.Meta(description="Certificates (PEM) of the authorities that are trusted instead of the public ones.")]
TokenUrl = Annotated[str, msgspec.Meta(description="An address of the authority. A query is a secret: an answer leaves it away.")]
Rate = Annotated[int | None, msgspec.Meta(description="At most so many requests a minute; null: no limit of its own.")]
Parallel = Annotated[int | None, msgspec.Meta(description="At most so many requests at once; null: no limit of its own.")]
ConnectTimeout = Annotated[int | None, msgspec.Meta(description="Seconds to connect; null: as usual.")]
TotalTimeout = Annotated[int | None, msgspec.Meta(description="Seconds for the whole request; null: as usual.")]
AnswerCap = Annotated[int | None, msgspec.Meta(description="KiB of an answer that are read; null: as usual.")]
Patient = Annotated[bool, msgspec.Meta(description="Retries after 2, 22 and 48 hours, instead of at the account's intervals.")]


class FixedHeader(Document):
    """A header of every request.

    If its name is that of a credential, its value is a secret: an answer omits it, and a change that omits it keeps the stored value.
    """

    name: str
    value: str | UnsetType = UNSET


class ConnectionDocument(Document, kw_only=True):
    """A connection. A member that its Authentication Type does not have is absent; so is one that only Administrators see."""

    id: Id
    version: Annotated[int, msgspec.Meta(description="The number of its newest version, which rises with each change, also of a secret.")]
    name: Name
    host: Annotated[str, msgspec.Meta(description="Host and port of its URL.")]
    test_host: Annotated[str | None, msgspec.Meta(description="Host and port of its Test Connection URL.")]
    auth: Auth
    content_type: ContentType
    method: Method
    primary: bool
    headers: list[FixedHeader]
    rate: Rate
    parallel: Parallel
    patient: Patient
    connect_timeout: ConnectTimeout
    total_timeout: TotalTimeout
    answer_cap: AnswerCap
    secrets: Annotated[list[Secret], msgspec.Meta(description="The secrets that are stored.")]
    lacks: Annotated[list[str], msgspec.Meta(description="The members without which nothing can be sent.")]
    authorities: Pem | UnsetType = UNSET
    user_name: str | UnsetType = UNSET
    key_place: KeyPlace | UnsetType = UNSET
    key_name: str | UnsetType = UNSET
    grant: OAuthGrant | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    authorization_url: TokenUrl | UnsetType = UNSET
    access_token_url: TokenUrl | UnsetType = UNSET
    refresh_token_url: TokenUrl | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    client_auth: ClientAuth | UnsetType = UNSET

    @classmethod
    def from_row(cls, row: Connection, *, whole: bool) -> Self:
        """The document of a row. whole: for somebody who may change it."""
        return cls(**document_members(row.pk, row.number, rules.Connection.from_body(row.body), whole=whole))


def document_members(id: int, version: int, connection: rules.Connection, *, whole: bool) -> dict[str, Any]:
    """The members of a connection's document. whole: for somebody who may change it."""
    settings = (name for name in settings_of(connection.auth, connection.grant) if name not in ("headers", "rule"))
    members = {name: getattr(connection, name) for name in settings if is_shown(name, whole=whole)}
    for name in rules.TOKEN_QUERIES.keys() & members.keys():
        members[name] = members[name].partition("?")[0]
    shown_headers = [
        FixedHeader(name=name, value=value if whole and not is_secret_name(name) else UNSET) for name, value in connection.headers
    ]
    return members | {
        "id": str(id),
        "version": version,
        "host": connection.shown.removesuffix("/…"),
        "test_host": masked(connection.test_origin).removesuffix("/…") if connection.test_origin else None,
        "headers": shown_headers,
        "secrets": sorted(connection.secrets),
        "lacks": list(connection.lacks),
    }


class ConnectionChange(Document, kw_only=True):
    """What to change of a connection. An absent member stays as it is; null deletes a secret.

    Members that the Authentication Type does not have are ignored, as on Connection Setup. A change of the host needs the secrets again.
    """

    name: Name | UnsetType = UNSET
    auth: Auth | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    test_url: TestUrl | UnsetType = UNSET
    content_type: ContentType | UnsetType = UNSET
    method: Method | UnsetType = UNSET
    primary: bool | UnsetType = UNSET
    headers: list[FixedHeader] | UnsetType = UNSET
    rate: Rate | UnsetType = UNSET
    parallel: Parallel | UnsetType = UNSET
    patient: Patient | UnsetType = UNSET
    connect_timeout: ConnectTimeout | UnsetType = UNSET
    total_timeout: TotalTimeout | UnsetType = UNSET
    answer_cap: AnswerCap | UnsetType = UNSET
    authorities: Pem | UnsetType = UNSET
    user_name: str | UnsetType = UNSET
    password: Written | UnsetType | None = UNSET
    key: Written | UnsetType | None = UNSET
    key_place: KeyPlace | UnsetType = UNSET
    key_name: str | UnsetType = UNSET
    grant: OAuthGrant | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    client_secret: Written | UnsetType | None = UNSET
    authorization_url: TokenUrl | UnsetType = UNSET
    access_token_url: TokenUrl | UnsetType = UNSET
    refresh_token_url: TokenUrl | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    client_auth: ClientAuth | UnsetType = UNSET
    client_certificate: Written | UnsetType | None = UNSET
    signing_secret: Annotated[UnsetType | None, msgspec.Meta(description="null: stop signing.")] = UNSET

    def facts(self, row: Connection | None) -> ConnectionFacts:
        """The connection with the changes; None for a new one."""
        entered: dict[str, object] = {}
        if row is not None:
            entered = rules.Connection.from_body(row.body).to_body()
        secrets: dict[Secret, str] = {}
        forgotten: set[Secret] = set()
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is UNSET or name in ("url", "test_url"):
                continue
            if name in _WRITTEN:
                if value is None:
                    forgotten |= {Secret(name)} | ({Secret.SIGNING_BEFORE} if name == Secret.SIGNING else set())
                else:
                    secrets[Secret(name)] = value
            else:
                entered[name] = [[each.name, sent_or(each.value, "")] for each in value] if name == "headers" else value
        url = None if self.url is UNSET else self.url
        test_url = None if self.test_url is UNSET else self.test_url or ""
        return entered_connection(entered, secrets, url=url, test_url=test_url, forget=forgotten)


_WRITTEN: Final = frozenset({Secret.PASSWORD, Secret.KEY, Secret.CLIENT_SECRET, Secret.CLIENT_CERTIFICATE, Secret.SIGNING})


class NewConnection(ConnectionChange, kw_only=True):
    """A connection to create."""

    name: Name
    auth: Auth
    url: Url


class ConnectionCopy(Document):
    """A copy to make."""

    name: Name
