"""Versions of flows (F10)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Path, Query, modify
from dmr.routing import path

from heliograph.api.controller import ApiController
from heliograph.api.documents.flow_documents import FlowDocument
from heliograph.api.documents.shared_forms import Confirmation, Document, Id, number_of, optional_number
from heliograph.api.documents.version_documents import (
    FlowRestoration,
    FlowVersion,
    SettingDifference,
    VersionComparison,
    VersionDocument,
)
from heliograph.api.endpoints.flow_endpoints import FlowPath, document_of
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import READ, READ_SET_UP, SET_UP
from heliograph.deliveries.account_reader import account_reader
from heliograph.flows.flow_version_words import body_differences, gone_texts, names_of_versions
from heliograph.flows.services.flows import flow_row, is_running, restorable, restore_flow
from heliograph.setup.services.setup_save import saving
from heliograph.setup.version_list import version_of, version_page, version_pair


class FlowVersionPath(Document):
    """The address of a version."""

    flow: Id
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="The number of the version.")]


class ComparisonQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The parameter of a comparison."""

    other: Annotated[
        str | None,
        msgspec.Meta(
            description="The number of the other version. Without it: the version in force, and, of that one, the one before.",
        ),
    ] = msgspec.field(name="with", default=None)


class FlowVersions(ApiController):
    """The versions of a flow."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[FlowPath], parsed_query: Query[ListQuery]) -> Items[VersionDocument]:
        """List the versions of a flow, the newest first."""
        with account_reader(self.account.pk) as reader:
            flow = flow_row(number_of(parsed_path.flow)).pk
            page = version_page(reader.db, self.account.pk, "flow", flow, parsed_query.cursor_of(int), size=parsed_query.limit)
        return items_of(self.request, page, VersionDocument.from_version)


class OneFlowVersion(ApiController):
    """One version of a flow."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[FlowVersionPath]) -> FlowVersion:
        """Read a version of a flow."""
        with account_reader(self.account.pk) as reader:
            flow = flow_row(number_of(parsed_path.flow)).pk
            return FlowVersion.from_flow_version(
                version_of(reader.db, self.account.pk, "flow", flow, number_of(parsed_path.version)),
            )


class FlowVersionDifferences(ApiController):
    """The differences of two versions."""

    access: ClassVar = {"GET": READ}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[FlowVersionPath], parsed_query: Query[ComparisonQuery]) -> VersionComparison:
        """Compare two versions of a flow, setting by setting, in words."""
        number, other = number_of(parsed_path.version), optional_number("with", parsed_query.other)
        with account_reader(self.account.pk) as reader:
            flow = flow_row(number_of(parsed_path.flow)).pk
            older, newer = version_pair(reader.db, self.account.pk, "flow", flow, number, other)
            if older is None:
                return VersionComparison(older=None, newer=newer.number, differences=[])
            setting_differences = body_differences(older.body, newer.body, names_of_versions(reader, flow))
        differences = [SettingDifference.from_difference(each) for each in setting_differences]
        return VersionComparison(older=older.number, newer=newer.number, differences=differences)


class FlowVersionRestoration(ApiController):
    """Restoring a version of a flow."""

    access: ClassVar = {"GET": READ_SET_UP, "POST": SET_UP}
    of_signal: ClassVar = True

    def get(self, parsed_path: Path[FlowVersionPath]) -> FlowRestoration:
        """Read what restoring a version would do: what would be left out because it is gone, and what the flow would lack."""
        with account_reader(self.account.pk) as reader:
            row = flow_row(number_of(parsed_path.flow))
            chosen = version_of(reader.db, self.account.pk, "flow", row.pk, number_of(parsed_path.version))
            restored = restorable(row.pk, chosen, reader.config)
            left_out = gone_texts(restored.gone, names_of_versions(reader, row.pk)) if restored.gone else []
            return FlowRestoration.from_flow(restored.flow, left_out, reader.config, running=is_running(row))

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[FlowVersionPath], parsed_query: Query[Confirmation]) -> FlowDocument:
        """Make a version the newest one, without what is gone. The flow stays on or off. Asks first if a change would."""
        with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
            number = number_of(parsed_path.version)
            flow = flow_row(number_of(parsed_path.flow))
            version_of(transaction.db, self.account.pk, "flow", flow.pk, number)
            return document_of(transaction, restore_flow(transaction, flow.pk, number, confirmed=parsed_query.confirmed))


ROUTES: Final = [
    path("flows/<str:flow>/versions", FlowVersions.as_view()),
    path("flows/<str:flow>/versions/<str:version>", OneFlowVersion.as_view()),
    path("flows/<str:flow>/versions/<str:version>/differences", FlowVersionDifferences.as_view()),
    path("flows/<str:flow>/versions/<str:version>/restoration", FlowVersionRestoration.as_view()),
]
