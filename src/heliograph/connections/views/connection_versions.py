"""The versions of a connection (F10): their contents with secrets masked, and restoring one with the current secrets (C5)."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, may
from heliograph.connections import connection_words
from heliograph.connections.connection_facts import differences
from heliograph.connections.connection_list import ConnectionRow
from heliograph.connections.services.connections import restorable, restore_connection
from heliograph.connections.views.connection_list_page import get_row
from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import Version
from heliograph.setup.views.versions_page import ListedConsequence, RestoreQuestion, Versioned, versions_page, worded


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def connection_versions(request: AccountRequest, connection: int) -> HttpResponse:
    """Every version with its author and time, and what one of them changed."""
    row = get_row(request, connection)
    name, href, whole = row.connection.name, reverse("connection", args=(connection,)), may(request.user, Role.ADMINISTRATOR)

    def restore(transaction: SetupTransaction, version: Version, sure: bool) -> list[str]:
        saved = restore_connection(transaction, connection, version.number, confirmed=sure)
        lacks = connection_words.lacking(Connection.from_body(saved.body))
        notes = [_("Its URLs and secrets stay as they were before that.")]
        return [*notes, _("Missing: %(fields)s.") % {"fields": ", ".join(lacks)}] if lacks else notes

    return versions_page(
        request,
        Versioned(
            kind="connection",
            id=connection,
            name=name,
            entry="connections",
            crumbs=[(_("Connection List"), reverse("connection-list")), (name, href)],
            href=href,
            differences=lambda old, new: [worded(each.name, each.before, each.after) for each in differences(old, new, whole=whole)],
            question=lambda version: _question(row, version),
            restore=restore,
            note=_("Secrets are never shown."),
        ),
    )


def _question(row: ConnectionRow, version: Version) -> RestoreQuestion:
    consequences = [_("URL, Test Connection URL and every secret stay as they are now: old ones are not kept.")]
    names = list(dict.fromkeys(name or _("Without a name") for _id, name in row.flows))
    if names:
        text = ngettext(
            "It takes effect right away in the flow that uses it: %(flows)s.",
            "It takes effect right away in the flows that use it: %(flows)s.",
            len(names),
        )
        consequences.append(text % {"flows": ", ".join(names)})
    else:
        consequences.append(_("No flow uses this connection yet."))
    try:
        lacks = connection_words.lacking(restorable(row.connection, version))
    except ConnectionSetupError:  # written by an older release and no longer valid; restoring says why
        lacks = []
    return RestoreQuestion(consequences, [ListedConsequence(_("This leaves the connection incomplete. Missing:"), lacks)] if lacks else ())
