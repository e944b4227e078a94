"""Configuration as code (B5): export, plan, apply, and what was changed by hand since."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final

import msgspec
from dmr import Body, Query, modify
from dmr.routing import path

from heliograph.accounts.actors import Actors
from heliograph.api.api_problems import FieldProblem, Problem
from heliograph.api.configuration.applied_configuration import drift_of, put_back, stop_managing
from heliograph.api.configuration.configuration_documents import (
    AppliedFileDocument,
    AppliedPlanDocument,
    ApplyRequest,
    DriftOfAccount,
    EntryOfFile,
    PlanDocument,
    PlannedChangeDocument,
    PlanRequest,
)
from heliograph.api.configuration.configuration_file import FileRefused
from heliograph.api.configuration.configuration_plan import NotAllowed, apply_file, export_account, plan_file
from heliograph.api.configuration.configuration_text import BadText
from heliograph.api.controller import ApiController
from heliograph.api.documents.shared_forms import numbers_of
from heliograph.api.list_answers import Items, ListQuery, items_of
from heliograph.api.token_access import READ_SET_UP, SET_UP, SET_UP_AND_READ
from heliograph.setup.models import AppliedFile
from heliograph.setup.services.applied_file_record import newest_applied
from heliograph.web.cursor import keyset


class ExportQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The parameter of an export."""

    sections: Annotated[
        str, msgspec.Meta(description="The sections to export, with commas between them, such as `tags,flows`; empty: all.")
    ] = ""


class ConfigurationController(ApiController):
    """What the endpoints of configuration files share."""

    is_abstract: ClassVar[bool] = True
    takes_key: ClassVar = False  # applying a file twice changes nothing the second time

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Puts what is wrong with a file at its entries."""
        try:
            yield
        except BadText as error:
            raise Problem.from_field("text", str(error)) from None
        except FileRefused as error:
            problems = [FieldProblem(field=each.where, reason=each.reason) for each in error.problems]
            raise Problem("refused", str(error), errors=problems) from None
        except NotAllowed as error:
            raise Problem("not-allowed", str(error), flows=[change.name for change in error.plan.refused]) from None


class Export(ConfigurationController):
    """The account as a configuration file."""

    is_abstract: ClassVar = False
    access: ClassVar = {"GET": READ_SET_UP}

    def get(self, parsed_query: Query[ExportQuery]) -> dict[str, Any]:
        """Export the account as a configuration file. Where a secret stands, the file has a reference to the environment."""
        with self.refusing():
            return export_account(self.account.pk, [name for name in parsed_query.sections.split(",") if name])


class PlanOfFile(ConfigurationController):
    """Planning a file."""

    is_abstract: ClassVar = False
    access: ClassVar = {"POST": READ_SET_UP}

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[PlanRequest]) -> PlanDocument:
        """Plan a configuration file: everything that applying it would change. Nothing is saved; a token that only reads is enough."""
        with self.refusing():
            return PlanDocument.from_plan(plan_file(self.account.pk, parsed_body.file, by=self.actor))


class ApplicationOfFile(ConfigurationController):
    """Applying a file."""

    is_abstract: ClassVar = False
    access: ClassVar = {"POST": SET_UP_AND_READ}

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[ApplyRequest]) -> AppliedPlanDocument:
        """Apply a configuration file: all of it, as one version, or nothing. What waits in Retry and is fixed by that is tried again at once."""
        with self.refusing():
            return AppliedPlanDocument.from_applied(*apply_file(self.account.pk, parsed_body.file, by=self.actor))


class AppliedFiles(ConfigurationController):
    """The files that were applied."""

    is_abstract: ClassVar = False
    access: ClassVar = {"GET": READ_SET_UP, "DELETE": SET_UP}

    def get(self, parsed_query: Query[ListQuery]) -> Items[AppliedFileDocument]:
        """List the configuration files that were applied, the newest first."""
        page = keyset(AppliedFile.objects.all(), "number", "id", parsed_query.cursor_of(int, int), size=parsed_query.limit)
        actors = Actors.from_stored(self.account, [row.by for row in page.rows])
        return items_of(self.request, page, lambda row: AppliedFileDocument.from_row(row, actors))

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self) -> None:
        """Stop managing the account by a file: nothing is compared any more. What was applied stays as it is."""
        stop_managing(self.account.pk, by=self.actor)


class DriftFromFile(ConfigurationController):
    """What was changed by hand."""

    is_abstract: ClassVar = False
    access: ClassVar = {"GET": READ_SET_UP}

    def get(self) -> DriftOfAccount:
        """Read what was changed by hand since the last configuration file was applied, in the sections that it manages."""
        applied = newest_applied()
        if applied is None or applied.state is None:
            return DriftOfAccount(version=None, changes=[])
        return DriftOfAccount(version=applied.number, changes=[PlannedChangeDocument.from_change(each) for each in drift_of(applied)])


class PuttingBack(ConfigurationController):
    """Putting one thing back."""

    is_abstract: ClassVar = False
    access: ClassVar = {"POST": SET_UP_AND_READ}

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_body: Body[EntryOfFile]) -> PlanDocument:
        """Put one thing back to what the last configuration file says. A thing that was deleted by hand is created again."""
        (id,) = numbers_of("id", [parsed_body.id])
        with self.refusing():
            plan = put_back(self.account.pk, parsed_body.section, id, by=self.actor, allow_wider=parsed_body.allow_wider)
            return PlanDocument.from_plan(plan)


ROUTES: Final = [
    path("configuration", Export.as_view()),
    path("configuration/plan", PlanOfFile.as_view()),
    path("configuration/apply", ApplicationOfFile.as_view()),
    path("configuration/applied", AppliedFiles.as_view()),
    path("configuration/drift", DriftFromFile.as_view()),
    path("configuration/drift/put-back", PuttingBack.as_view()),
]
