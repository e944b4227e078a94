"""What a mapping would send, as JSON (guide: Preview Mapping; M7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Self

import msgspec

from heliograph.api.documents.mapping_documents import NewMapping
from heliograph.api.documents.shared_forms import Document, Id
from heliograph.domain.mapping.mapping_renderer import Hole
from heliograph.domain.setup.fields import Subject
from heliograph.mappings.mapping_body import ways, written
from heliograph.mappings.mapping_trial import MappingTrial
from heliograph.mappings.unsendable_requests import UnsendableRequest


class PreviewSubject(Document):
    """The data that a mapping is tried with. Without any: the newest registration or event."""

    registration: Annotated[Id | None, msgspec.Meta(description="A registration; for sessions its last session registration.")] = None
    event: Annotated[Id | None, msgspec.Meta(description="An event, for a mapping for events.")] = None
    made_up: Annotated[bool, msgspec.Meta(description="Made-up data.")] = False


class UnsavedMapping(PreviewSubject, kw_only=True):
    """A mapping that is not saved, and the data that it is tried with."""

    mapping: NewMapping


class RowResult(Document):
    """What a row of a mapping sends."""

    target: str
    value: Annotated[Any, msgspec.Meta(description="null if it is left out, or has a problem.")]
    is_left_out: bool
    problem: Annotated[str, msgspec.Meta(description="Why the value cannot be sent; empty if it can.")]


class UnsendableDocument(Document):
    """A connection over which the request could not be sent."""

    connection: Annotated[Id | None, msgspec.Meta(description="null: over none.")]
    problem: str


class PreviewDocument(Document):
    """What a mapping would send."""

    registration: Id | None
    event: Id | None
    code: Annotated[str, msgspec.Meta(description="Of the registration or event; empty: the data is made up.")]
    name: str
    lacks_session: Annotated[bool, msgspec.Meta(description="The registration has no session registration, so session fields are empty.")]
    is_valid: Annotated[bool, msgspec.Meta(description="It could be sent.")]
    rows: list[RowResult]
    texts: Annotated[
        dict[str, str],
        msgspec.Meta(description="The exact request: `json`, `form` and `query` of a payload; `headers`. A value with a problem says it."),
    ]
    unsendable: list[UnsendableDocument]
    warnings: list[str]

    @classmethod
    def from_trial(cls, trial: MappingTrial, unsendable: Iterable[UnsendableRequest], warnings: list[str]) -> Self:
        """The document of a mapping that was tried."""
        preview, match = trial.preview, trial.tried.match
        rows = [
            RowResult(
                target=row.target,
                value=None if isinstance(value, Hole) else value,
                is_left_out=place in preview.left_out,
                problem=str(preview.problems[place]) if place in preview.problems else "",
            )
            for place, (row, value) in enumerate(zip(trial.mapping.rows, preview.values, strict=True))
        ]
        faults = [
            UnsendableDocument(connection=str(each.connection) if each.connection else None, problem=str(each.problem))
            for each in unsendable
        ]
        is_event = trial.mapping.subject is Subject.EVENT
        return cls(
            registration=str(match.id) if match and not is_event else None,
            event=str(match.event) if match else None,
            code=match.code if match else "",
            name=match.name if match else "",
            lacks_session=trial.tried.lacks,
            is_valid=not preview.problems and not faults,
            rows=rows,
            texts={
                way: "\n".join("".join(str(token.text) for token in line) for line in written(preview.rendered, way))
                for way in ways(trial.mapping.kind)
            },
            unsendable=faults,
            warnings=warnings,
        )
