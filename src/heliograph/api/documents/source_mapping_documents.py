"""The mapping of a source as JSON (S2)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from heliograph.api.documents.shared_forms import Document, Id
from heliograph.domain.mapping.row import MappingError
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.call_trial import CallTrial
from heliograph.sources.models import Source
from heliograph.sources.services.source_mappings import KeptCalls

MappingBody = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description=(
            "`each`: the path of the list of which each entry is a registration. Paths begin at the call, also those into the list; with "
            "`each` `[]`, at the item. `only_if`: the `field` and the `values` with which a call counts. "
            "`rows`: each with its `target` in the registration document, and its `parts` in order: `source` (a path into the call, with `map`, "
            "`otherwise`, `if_empty`) or `text`; `trim`, `case`, `piece`, `when_empty`, and for `modified` its `clock`."
        )
    ),
]


class SourceMappingDocument(Document):
    """How the calls of a source become registrations."""

    version: Annotated[int, msgspec.Meta(description="Counts the saves of the source.")]
    mapping: MappingBody

    @classmethod
    def from_row(cls, source: Source, mapping: CallMapping) -> SourceMappingDocument:
        """The document of a source's mapping."""
        return cls(version=source.version, mapping=mapping.to_body())


class NewSourceMapping(Document):
    """The mapping to save."""

    mapping: MappingBody
    version: Annotated[int | None, msgspec.Meta(description="The version that it was made from; another one is refused.")] = None


class SwitchOn(Document):
    """How to switch a source on."""

    kept_calls: Annotated[KeptCalls, msgspec.Meta(description="What becomes of the calls that came before.")] = KeptCalls.QUIET


class CallsToRun(Document):
    """The calls that run again."""

    calls: Annotated[Annotated[list[Id], msgspec.Meta(max_length=1_000)] | None, msgspec.Meta(description="Null: all that wait.")] = None


class CallsRun(Document):
    """How many calls run again."""

    calls: int


class WaitingReason(Document):
    """Why calls would wait."""

    calls: int
    field: Annotated[str, msgspec.Meta(description="Of the registration document; empty for the call itself.")]
    path: str
    value: str
    reason: str
    cure: str


class CallTrialDocument(Document):
    """What the last calls would become. Nothing is recorded."""

    calls: int
    created: int
    updated: int
    unchanged: int
    waiting: Annotated[int, msgspec.Meta(description="Calls that would wait.")]
    reasons: list[WaitingReason]

    @classmethod
    def from_trial(cls, trial: CallTrial) -> CallTrialDocument:
        """The document of a trial."""
        return cls(
            calls=len(trial.calls),
            created=trial.outcomes[ItemOutcome.CREATED],
            updated=trial.outcomes[ItemOutcome.UPDATED],
            unchanged=trial.outcomes[ItemOutcome.UNCHANGED] + trial.outcomes[ItemOutcome.STALE],
            waiting=len(trial.waiting),
            reasons=[
                WaitingReason(len(calls), problem.target, problem.path, problem.value, problem.reason, problem.cure)
                for problem, calls in trial.reasons
            ],
        )


def mapping_from(body: dict[str, Any]) -> CallMapping:
    """The mapping of a body. Raises Invalid with the row, the field and the reason."""
    try:
        return CallMapping.from_body(body)
    except MappingError as error:
        raise Invalid({"mapping": [error.sentence]}) from None
