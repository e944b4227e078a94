"""The versions of a flow (F10): their contents, and restoring one without what no longer exists."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_scopes import scope

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.flow.completeness import missing
from heliograph.flows import flow_words
from heliograph.flows.flow_version_words import body_differences, gone_texts, names_of_versions
from heliograph.flows.services.flows import flow_row, is_running, restorable, restore_flow
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import Version
from heliograph.setup.views.versions_page import Difference, ListedConsequence, RestoreQuestion, Versioned, versions_page, worded
from heliograph.store.django_database import read_database
from heliograph.web.field_names import flow_parts


@require_http_methods(["GET", "HEAD", "POST"])
def flow_versions(request: AccountRequest, flow: int) -> HttpResponse:
    """Every version with its author and time, what one of them changed, and what restoring it would change."""
    with account_reader(request.account.pk) as reader, scope(account=request.account.pk):
        row = flow_row(flow)
        config, names = reader.config, names_of_versions(reader, flow)
    href = reverse("flow", args=(flow,))

    def changes(old: Mapping[str, object], new: Mapping[str, object]) -> list[Difference]:
        return [worded(each.label, each.before, each.after) for each in body_differences(old, new, names)]

    def question(version: Version) -> RestoreQuestion:
        with read_database(), scope(account=request.account.pk):
            restorable_flow = restorable(flow, version, config)
        lacks = [flow_words.lacking(each, restorable_flow.flow) for each in missing(restorable_flow.flow, config)]
        stops = bool(lacks) and is_running(row)
        lists = []
        if restorable_flow.gone:
            lists.append(
                ListedConsequence(_("Some of its parts no longer exist. These are left out:"), gone_texts(restorable_flow.gone, names))
            )
        if lacks:
            lists.append(
                ListedConsequence(
                    _("The flow stops, because this is missing:") if stops else _("The flow becomes incomplete, because this is missing:"),
                    lacks,
                )
            )
        note = _("It applies to changes right away. The flow stays on or off, as it is now.")
        return RestoreQuestion([note], lists, flow_parts(restorable_flow.flow, names), stops=stops)

    def restore(transaction: SetupTransaction, version: Version, sure: bool) -> list[str]:
        gone = restorable(flow, version, config).gone
        saved = restore_flow(transaction, flow, version.number, confirmed=sure)
        notes = [_("Left out because it no longer exists: %(what)s.") % {"what": "; ".join(gone_texts(gone, names))}] if gone else []
        return notes if saved.is_complete else [*notes, _("The flow is incomplete. It starts when it’s complete.")]

    return versions_page(
        request,
        Versioned(
            kind="flow",
            id=flow,
            name=row.name or _("Without a name"),
            entry="flows",
            crumbs=[(_("Flow List"), reverse("flow-list")), (row.name or _("Without a name"), href)],
            href=href,
            differences=changes,
            question=question,
            restore=restore,
        ),
    )
