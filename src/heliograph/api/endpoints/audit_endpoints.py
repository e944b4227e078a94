"""The audit (C5)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Query
from dmr.routing import path

from heliograph.accounts.actors import Actors
from heliograph.accounts.models import Role
from heliograph.accounts.roles import RANKS
from heliograph.administration.audit_list import matching_entries
from heliograph.api.controller import ApiController
from heliograph.api.documents.people_documents import AuditDocument, AuditKind
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import READ
from heliograph.web.cursor import keyset
from heliograph.web.list_filters import LONGEST_FILTER


class AuditQuery(ListQuery):
    """The parameters of the list of entries."""

    q: Annotated[str, msgspec.Meta(max_length=LONGEST_FILTER, description="Words in a name or a value.")] = ""
    who: Annotated[str, msgspec.Meta(max_length=60, description="An actor: user:7, token:3, command …")] = ""
    kind: Annotated[AuditKind | None, msgspec.Meta(description="A group of objects, sign-ins, or refused access.")] = None


class Audit(ApiController):
    """The audit entries."""

    access: ClassVar = {"GET": READ}

    def get(self, parsed_query: Query[AuditQuery]) -> Items[AuditDocument]:
        """List the audit entries, the newest first. Refused access, and some fields of connections, need the role Administrator."""
        whole = RANKS[Role(self.grant.role)] >= RANKS[Role.ADMINISTRATOR]
        matching = matching_entries(parsed_query.q, parsed_query.who, parsed_query.kind or "", whole=whole)
        page = keyset(matching, "id", "id", parsed_query.cursor_of(int, int), size=parsed_query.limit)
        actors = Actors.from_stored(self.account, [row.by for row in page.rows])
        return items_of(self.request, page, lambda row: AuditDocument.from_row(row, actors, whole=whole))


ROUTES: Final = [path("audit", Audit.as_view())]
