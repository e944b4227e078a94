"""The versions of a mapping (F10). Rows are compared by their targets, with each row's result for the most recently changed registration."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.mapping.headers import SEALED
from heliograph.domain.mapping.mapping import FixedText, MappingError, MappingRow
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_renderer import MappingPreview, preview
from heliograph.domain.mapping.mapping_restoration import RestorableMapping
from heliograph.domain.setup.fields import Subject
from heliograph.mappings import mapping_warnings as warnings
from heliograph.mappings.mapping_subjects import Subjects, Tried
from heliograph.mappings.mapping_version_words import fields_of_versions, gone_texts, setting_changes
from heliograph.mappings.row_changes import PlacedRow, RowChange, row_changes
from heliograph.mappings.services import mapping_row, restorable, restore_mapping, sealed_texts
from heliograph.mappings.views import mapping_rows as rows
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.services.versions import Version
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.source_fields import SourceFields
from heliograph.setup.views.versions_page import (
    Difference,
    ListedConsequence,
    RestoreQuestion,
    Side,
    Versioned,
    versions_page,
)


@require_http_methods(["GET", "HEAD", "POST"])
def mapping_versions(request: AccountRequest, id: int) -> HttpResponse:
    """Every version with its author and time, what one of them changed, and what restoring it would change."""
    row = mapping_row(id)
    with account_reader(request.account.pk) as reader:
        db, config = reader.db, reader.config
        subject = Subject(row.subject)
        subjects, fields = Subjects(db, request.account.pk, config, subject), fields_of_versions(reader, id, subject)
        sealed = sealed_texts(db, request.account.pk, id).keys()
        now = timezone.now()
        tried = subjects.tried("", "", now) or subjects.made_up(now)
    href = reverse("mapping", args=(id,))
    whom = f"{tried.match.code} {tried.match.name}".strip() if tried.match else _("made-up data")

    def question(version: Version) -> RestoreQuestion:
        try:
            restorable_mapping = restorable(version, config, sealed)
        except Invalid:  # the version is no longer valid; restoring it says why
            restorable_mapping = None
        return _question(
            restorable_mapping, fields, [flow.name or _("Without a name") for flow, _destination in warnings.used_by(config, id)]
        )

    def restore(transaction: SetupTransaction, version: Version, sure: bool) -> list[str]:
        restored = restore_mapping(transaction, id, version.number, confirmed=sure)
        notes = (
            [_("Left out because it no longer exists: %(what)s.") % {"what": "; ".join(gone_texts(restored, fields))}]
            if restored.gone
            else []
        )
        if restored.stops:
            notes.append(
                _("Required, but without a source: %(targets)s. Nothing is sent until you give them one.")
                % {"targets": ", ".join(restored.stops)}
            )
        return notes

    return versions_page(
        request,
        Versioned(
            kind="mapping",
            id=id,
            name=row.name,
            entry="mappings",
            crumbs=[(_("Mappings"), reverse("mapping-list")), (row.name, href)],
            href=href,
            differences=lambda old, new: _mapping_differences(old, new, fields, tried),
            question=question,
            restore=restore,
            note=_("Results for %(whom)s.") % {"whom": whom},
        ),
    )


def _question(restorable_mapping: RestorableMapping | None, fields: SourceFields, flows: list[str]) -> RestoreQuestion:
    """The question before a version is restored, with the consequences.

    restorable_mapping: the version as it would be saved; None if it is no longer valid
    flows: the names of the flows that use the mapping
    """
    lists = []
    if restorable_mapping is not None and restorable_mapping.gone:
        lists.append(ListedConsequence(_("Some of its parts no longer exist. These are left out:"), gone_texts(restorable_mapping, fields)))
    if restorable_mapping is not None and restorable_mapping.stops:
        lists.append(
            ListedConsequence(
                _("These required fields would have no source. Nothing is sent until you give them one:"), restorable_mapping.stops
            )
        )
    names = list(dict.fromkeys(flows))
    if not names:
        return RestoreQuestion([_("No flow uses this mapping yet.")], lists)
    consequence = ngettext(
        "It takes effect right away in the flow that uses this mapping: %(flows)s.",
        "It takes effect right away in the flows that use this mapping: %(flows)s.",
        len(names),
    )
    return RestoreQuestion([consequence % {"flows": ", ".join(names)}, _("It also applies to actions that wait in Retry.")], lists)


def _mapping_differences(
    old_body: Mapping[str, object], new_body: Mapping[str, object], fields: SourceFields, tried: Tried
) -> list[Difference]:
    """The differences between two versions. Rows are compared by their targets; equal rows are omitted."""
    try:
        old, new = FieldMapping.from_body(old_body), FieldMapping.from_body(new_body)
    except MappingError:  # from an older release, and no longer valid
        return []
    differences = [Difference(name, _("Changed"), Side(text=before), Side(text=after)) for name, before, after in setting_changes(old, new)]
    gives = [preview(each, tried.facts, timezone=tried.zone) for each in (old, new)]
    for change in row_changes(old, new):
        match change:
            case RowChange(before=None, after=PlacedRow(place, row)):
                differences.append(Difference(row.target, _("Added"), _nothing(), _side(row, fields, gives[1], place)))
            case RowChange(before=PlacedRow(place, row), after=None):
                differences.append(Difference(row.target, _("Removed"), _side(row, fields, gives[0], place), _nothing()))
            case RowChange(before=PlacedRow(old_place, old_row), after=PlacedRow(place, row)):
                if old_row.parts != row.parts:
                    sides = _side(old_row, fields, gives[0], old_place), _side(row, fields, gives[1], place)
                else:
                    results = _result(gives[0], old_place), _result(gives[1], place)
                    sides = Side(text=_words(old_row), result=results[0]), Side(text=_words(row), result=results[1])
                differences.append(Difference(row.target, _("Changed"), *sides))
    return differences


def _nothing() -> Side:
    return Side(text=_("Not there"))


def _side(row: MappingRow, fields: SourceFields, gives: MappingPreview, place: int) -> Side:
    return Side(
        tuple(rows.chip(part, fields, sealed=part == FixedText(SEALED)) for part in row.parts),
        "" if row.parts else _("No source"),
        _result(gives, place),
    )


def _result(gives: MappingPreview, place: int) -> str:
    if place in gives.problems:
        return rows.problem_text(gives.problems[place])
    return rows.result_text(gives.values[place], left_out=place in gives.left_out)


def _words(row: MappingRow) -> str:
    parts = [
        _("Required") if row.required else _("Optional"),
        rows.type_name(row.type),
        _("Trim") if row.trim else "",
        _(row.case) if row.case else "",
        _("typed text beside an empty field left out") if row.tidy else "",
    ]
    return ", ".join(part for part in parts if part)
