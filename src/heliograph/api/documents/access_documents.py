"""The OAuth2 access of a connection as JSON (C4)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

import msgspec

from heliograph.api.documents.shared_forms import Document, Instant
from heliograph.connections.services import oauth_grant
from heliograph.connections.services.oauth_grant import ConnectionAccess
from heliograph.domain.connection.connection_health import AccessState
from heliograph.store.instants import from_micros


class AccessDocument(Document):
    """The OAuth2 access of a connection. To connect, a person opens the connection's page, presses Connect and signs in at the authority."""

    state: AccessState
    needs_connecting: Annotated[bool, msgspec.Meta(description="Somebody has to sign in at the authority (Authorization Code).")]
    lacks: Annotated[
        list[str], msgspec.Meta(description="The members without which nobody can connect; `auth`: it is no OAuth2 connection.")
    ]
    authority: Annotated[str, msgspec.Meta(description="The host that gives the tokens.")]
    redirect_url: Annotated[str, msgspec.Meta(description="To be entered at the authority.")]
    holder: Annotated[str, msgspec.Meta(description="Whose access it is; empty if the authority does not say.")]
    scope: Annotated[str, msgspec.Meta(description="What the authority has granted.")]
    connected_at: Instant | None
    connected_by: Annotated[str, msgspec.Meta(description="Who connected it: `user:7`.")]
    renewed_at: Instant | None
    failed_at: Annotated[Instant | None, msgspec.Meta(description="When the authority last refused a new token.")]
    failure: str

    @classmethod
    def from_access(cls, access: ConnectionAccess) -> Self:
        """The document of a connection's OAuth2 access."""
        about = access.about
        return cls(
            state=access.state,
            needs_connecting=access.needs_connecting,
            lacks=list(access.lacks),
            authority=access.authority,
            redirect_url=oauth_grant.redirect_url(),
            holder=about.holder if about else "",
            scope=about.scope if about else "",
            connected_at=_moment(about.connected_at if about else None),
            connected_by=about.connected_by if about else "",
            renewed_at=_moment(about.obtained_at if about else None),
            failed_at=_moment(about.failed_at if about else None),
            failure=about.failure if about else "",
        )


def _moment(micros: int | None) -> datetime | None:
    return from_micros(micros) if micros else None
