"""Configuration as code as JSON: plans, and files that were applied (B5)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from heliograph.accounts.actors import Actors
from heliograph.api.configuration.configuration_plan import MOST_AT_ONCE, FileToApply, LeftEntry, Plan
from heliograph.api.configuration.configuration_text import LONGEST_TEXT
from heliograph.api.configuration.planned_changes import ChangeKind, PlannedChange
from heliograph.api.configuration.secret_references import SecretReference
from heliograph.api.documents.shared_forms import Document, Id, Instant
from heliograph.domain.setup.document_changes import MemberChange
from heliograph.setup.models import AppliedFile

SectionName = Annotated[str, msgspec.Meta(description="The section of the file, such as `flows` or `events.questions`.")]


class PlanRequest(Document):
    """A configuration file to plan."""

    text: Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT, description="The file, YAML or JSON.")]
    secrets: Annotated[
        dict[str, str],
        msgspec.Meta(
            description="The values of the secrets to which the file refers, by the names that it gives them. Of one that is absent, what is stored"
            " stays. The server reads no environment and no file for a request."
        ),
    ] = msgspec.field(default_factory=dict)
    prune: Annotated[bool, msgspec.Meta(description="Delete what a section of the file leaves away.")] = False

    def _value(self, reference: SecretReference) -> str | None:
        return self.secrets.get(reference.name)

    @property
    def file(self) -> FileToApply:
        """The file, for the services."""
        return FileToApply(self.text, value_of=self._value, prune=self.prune, most=MOST_AT_ONCE)


class ApplyRequest(PlanRequest):
    """A configuration file to apply."""

    name: Annotated[str, msgspec.Meta(max_length=200, description="The name of the file, for the list of what was applied.")] = ""
    allow_wider: Annotated[bool, msgspec.Meta(description="Apply it even if Live flows act on more, or running flows stop.")] = False

    @property
    def file(self) -> FileToApply:
        """The file, for the services."""
        return FileToApply(self.text, self.name, self._value, self.prune, self.allow_wider, most=MOST_AT_ONCE)


class MemberChangeDocument(Document):
    """A member that differs."""

    path: Annotated[
        list[str], msgspec.Meta(description="The members that lead to it; for an entry of a list its name, code, target or field.")
    ]
    before: Any
    after: Any

    @classmethod
    def from_change(cls, change: MemberChange) -> MemberChangeDocument:
        """The document of a change."""
        return cls(path=list(change.path), before=change.before, after=change.after)


class DriftDocument(Document):
    """A change by hand since the last file was applied."""

    by: Annotated[str, msgspec.Meta(description="Who made it: `user:7`, `token:3`; empty if it is not known.")]
    at: Instant | None


class PlannedChangeDocument(Document):
    """What changes of one thing."""

    section: SectionName
    id: Annotated[Id | None, msgspec.Meta(description="null: it is created.")]
    name: str
    change: ChangeKind
    members: list[MemberChangeDocument]
    sentence_before: Annotated[str, msgspec.Meta(description="Of a flow: its rule as it is.")]
    sentence_after: Annotated[str, msgspec.Meta(description="Of a flow: its rule as it would be.")]
    widens: Annotated[bool, msgspec.Meta(description="A Live flow acts on more: only with `allow_wider`.")]
    stops: Annotated[bool, msgspec.Meta(description="A running flow stops: only with `allow_wider`.")]
    takes_back: Annotated[DriftDocument | None, msgspec.Meta(description="What was changed by hand since the last file.")]

    @classmethod
    def from_change(cls, change: PlannedChange) -> PlannedChangeDocument:
        """The document of a planned change."""
        before, after = change.sentences
        return cls(
            section=change.section,
            id=None if change.kind is ChangeKind.ADD else str(change.id),
            name=change.name,
            change=change.kind,
            members=[MemberChangeDocument.from_change(each) for each in change.members],
            sentence_before=before,
            sentence_after=after,
            widens=change.widens,
            stops=change.stops,
            takes_back=DriftDocument(by=change.drift.by, at=change.drift.at) if change.drift else None,
        )


class LeftDocument(Document):
    """A thing that is not in the file. It stays, unless `prune` is sent."""

    section: SectionName
    name: str

    @classmethod
    def from_left(cls, left: LeftEntry) -> LeftDocument:
        """The document."""
        return cls(section=left.section, name=left.name)


class PlanDocument(Document, kw_only=True):
    """What a configuration file changes."""

    changes: list[PlannedChangeDocument]
    left: Annotated[list[LeftDocument], msgspec.Meta(description="What is not in the file, and stays.")]
    without_value: Annotated[list[str], msgspec.Meta(description="References whose values were not sent: what is stored stays.")]

    @classmethod
    def from_plan(cls, plan: Plan) -> PlanDocument:
        """The document of a plan."""
        return cls(**_members(plan))


def _members(plan: Plan) -> dict[str, Any]:
    return {
        "changes": [PlannedChangeDocument.from_change(each) for each in plan.changes],
        "left": [LeftDocument.from_left(each) for each in plan.left],
        "without_value": list(plan.without_value),
    }


class AppliedPlanDocument(PlanDocument, kw_only=True):
    """What a configuration file has changed."""

    version: Annotated[int, msgspec.Meta(description="The number of the applied file, from 1.")]

    @classmethod
    def from_applied(cls, plan: Plan, row: AppliedFile) -> AppliedPlanDocument:
        """The document of what was applied."""
        return cls(**_members(plan), version=row.number)


class AppliedFileDocument(Document):
    """A configuration file that was applied."""

    version: Annotated[int, msgspec.Meta(description="From 1.")]
    at: Instant
    by: Annotated[str, msgspec.Meta(description="Who applied it: `user:7`, `token:3`, `command`.")]
    by_name: str
    name: Annotated[str, msgspec.Meta(description="The name of the file; empty if none was given.")]
    sections: Annotated[list[str], msgspec.Meta(description="The sections that it manages.")]
    added: int
    changed: int
    deleted: int

    @classmethod
    def from_row(cls, row: AppliedFile, actors: Actors) -> AppliedFileDocument:
        """The document of a row."""
        return cls(
            version=row.number,
            at=row.at,
            by=row.by,
            by_name=actors.name(row.by),
            name=row.name,
            sections=list(row.sections),
            **row.counts,
        )


class DriftOfAccount(Document):
    """What was changed by hand since the last file was applied, in the sections that it manages."""

    version: Annotated[
        int | None, msgspec.Meta(description="The file that it is compared with; null: the account is not managed by a file.")
    ]
    changes: list[PlannedChangeDocument]


class EntryOfFile(Document):
    """One thing of the account, as the plan or the drift names it."""

    section: SectionName
    id: Id
    allow_wider: Annotated[bool, msgspec.Meta(description="Put it back even if Live flows act on more by that, or running flows stop.")] = (
        False
    )
