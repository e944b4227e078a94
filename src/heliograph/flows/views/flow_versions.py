"""The versions of a flow (F10): their contents, and restoring one without what no longer exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_scopes import scope

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.flow import sentence
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.flow import LISTS, Flow
from heliograph.domain.setup.filter_fields import is_named_by_account
from heliograph.flows import flow_words
from heliograph.flows.flow_facts import differences, facts, field_name, names_of
from heliograph.flows.services.flow_restoration import Gone, MissingPart
from heliograph.flows.services.flows import flow_row, restorable, restore_flow
from heliograph.flows.services.rules import named_tags
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import Version, history
from heliograph.setup.views.versions_page import (
    MOST_LOOKED_UP,
    Difference,
    ListedConsequence,
    RestoreQuestion,
    Versioned,
    versions_page,
    worded,
)
from heliograph.store.django_database import read_database


@require_http_methods(["GET", "HEAD", "POST"])
def flow_versions(request: AccountRequest, flow: int) -> HttpResponse:
    """Every version with its author and time, what one of them changed, and what restoring it would change."""
    with account_reader(request.account.pk) as reader, scope(account=request.account.pk):
        row = flow_row(flow)
        config, names = reader.config, _names(reader, flow)
    href = reverse("flow", args=(flow,))

    def changes(old: Mapping[str, object], new: Mapping[str, object]) -> list[Difference]:
        flow_differences = differences(*(facts(Flow.from_body(flow, 0, body), names) for body in (old, new)))
        return [worded(each.label, each.before, each.after) for each in flow_differences]

    def question(version: Version) -> RestoreQuestion:
        with read_database(), scope(account=request.account.pk):
            restorable_flow = restorable(flow, version, config)
        lacks = [flow_words.lacking(each, restorable_flow.flow) for each in missing(restorable_flow.flow, config)]
        stops = bool(lacks) and row.is_active and row.is_complete
        lists = []
        if restorable_flow.gone:
            lists.append(ListedConsequence(_("It names what is gone. This is left out:"), gone_texts(restorable_flow.gone, names)))
        if lacks:
            lists.append(
                ListedConsequence(
                    _("The flow stops by it, since it lacks:") if stops else _("The flow is incomplete by it. It lacks:"), lacks
                )
            )
        note = _("Changes are judged by it at once. Whether the flow is on stays as it is.")
        return RestoreQuestion([note], lists, sentence.parts(restorable_flow.flow, names, _), stops=stops)

    def restore(transaction: SetupTransaction, version: Version, sure: bool) -> list[str]:
        gone = restorable(flow, version, config).gone
        saved = restore_flow(transaction, flow, version.number, confirmed=sure)
        notes = [_("Left out, since it is gone: %(what)s.") % {"what": "; ".join(gone_texts(gone, names))}] if gone else []
        return notes if saved.is_complete else [*notes, _("The flow is incomplete. It takes changes once nothing is missing.")]

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


def gone_texts(gone: Sequence[Gone], names: sentence.SentenceNames) -> list[str]:
    """One text for each thing that the version names but that no longer exists. It says where the version names the thing."""
    return list(dict.fromkeys(_gone_text(each, names) for each in gone))


def _gone_text(gone: Gone, names: sentence.SentenceNames) -> str:
    if gone.part is MissingPart.TAG and gone.place in LISTS:
        return _("%(list)s: the tag %(name)s") % {"list": flow_words.list_name(gone.place), "name": _name(names.tags, gone)}
    if gone.part is MissingPart.TAG:
        return _("Filter %(n)d: the tag %(name)s") % {"n": int(gone.place) + 1, "name": _name(names.tags, gone)}
    if gone.part is MissingPart.FIELD:
        return _("Filter %(n)d: the field %(name)s") % {"n": int(gone.place) + 1, "name": field_name(str(gone.key), names)}
    named = {"of": gone.place or _("without a name")}
    if gone.part is MissingPart.CONNECTION:
        return _("Destination “%(of)s”: the connection %(name)s") % {**named, "name": _name(names.connections, gone)}
    if gone.part is MissingPart.PAYLOAD_MAPPING:
        return _("Destination “%(of)s”: the payload mapping %(name)s") % {**named, "name": _name(names.mappings, gone)}
    return _("Destination “%(of)s”: the header mapping %(name)s") % {**named, "name": _name(names.mappings, gone)}


def _name(names: Mapping[int, str], gone: Gone) -> str:
    return names.get(int(gone.key), f"({gone.key})")


def _names(reader: AccountReader, id: int) -> sentence.SentenceNames:
    """The names of everything that the versions of the flow name by id. A deleted tag or custom field has the name that it had when a version
    was saved with it."""
    versions = history(reader.db, reader.account, "flow", id)
    flows = [Flow.from_body(id, v.number, v.body) for v in versions]
    names = names_of(reader.config, flows)
    tags, fields = dict(names.tags), dict(names.fields)
    looked_up = 0
    for version, flow in zip(versions, flows, strict=True):
        lost = {tag for _place, tag in named_tags(flow)} - tags.keys()
        unknown = {row.field for row in flow.filters if is_named_by_account(row.field)} - fields.keys()
        if (lost or unknown) and looked_up < MOST_LOOKED_UP:
            looked_up += 1
            then = sentence.SentenceNames.from_config(reader.provider.account(reader.account, version.since))
            tags |= {tag: _("%(name)s (deleted)") % {"name": then.tags[tag]} for tag in lost & then.tags.keys()}
            fields |= {key: _("%(name)s (deleted)") % {"name": then.fields[key]} for key in unknown & then.fields.keys()}
    return sentence.SentenceNames(tags, fields, names.connections, names.mappings)
