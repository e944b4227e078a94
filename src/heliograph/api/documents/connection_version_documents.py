"""Versions of connections as JSON (F10). They have no secrets, and no paths of URLs."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from heliograph.api.documents.connection_documents import ConnectionDocument, document_members
from heliograph.api.documents.rule_documents import RuleDocument
from heliograph.api.documents.shared_forms import Document
from heliograph.api.documents.version_documents import VersionDocument
from heliograph.domain.connection.connection import Connection
from heliograph.setup.services.versions import Version


class ConnectionVersion(VersionDocument, kw_only=True):
    """A version of a connection with its settings."""

    connection: ConnectionDocument
    rule: RuleDocument

    @classmethod
    def from_connection_version(cls, id: int, version: Version, *, whole: bool) -> Self:
        """The document of a version. whole: for somebody who may change the connection."""
        head = msgspec.structs.asdict(VersionDocument.from_version(version))
        connection = Connection.from_body(version.body)
        document = ConnectionDocument(**document_members(id, version.number, connection, whole=whole))
        return cls(**head, connection=document, rule=RuleDocument.from_rule(connection.rule))


class ConnectionRestoration(Document):
    """What restoring a version of a connection would do. URLs and secrets stay as they are now: old ones are not kept."""

    lacks: Annotated[list[str], msgspec.Meta(description="The members without which nothing could be sent.")]
