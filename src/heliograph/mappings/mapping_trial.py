"""Tries a mapping: what it would send for a registration, for an event, or for made-up data, and whether that can be sent (M7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_renderer import MappingPreview, preview
from heliograph.mappings.mapping_subjects import Subjects, Tried
from heliograph.mappings.unsendable_requests import UnsendableRequest, unsendable_requests
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class TrialChoice:
    """The data to try a mapping with: the newest registration or event, unless a field says otherwise."""

    key: str = ""
    """A registration or event by its key (`Match.key`)."""
    search: str = ""
    """Words of a registration or event; the first match counts."""
    id: int | None = None
    """A registration or event by its id."""
    made_up: bool = False


@dataclass(frozen=True, slots=True)
class MappingTrial:
    """A mapping that was tried."""

    mapping: FieldMapping
    uses: Sequence[tuple[Flow, Destination]]
    """The flows that use it, by name, each with the destination that uses it."""
    tried: Tried
    is_nobody: bool
    """Whether nothing matched the choice, so that the data is made up."""
    preview: MappingPreview

    @classmethod
    def of_mapping(
        cls, subjects: Subjects, mapping: FieldMapping, uses: Sequence[tuple[Flow, Destination]], choice: TrialChoice, now: datetime
    ) -> MappingTrial:
        """Tries a mapping.

        uses: the flows that use it, by name, each with the destination that uses it
        """
        flow_name = uses[0][0].name if uses else ""
        match = None if choice.made_up else subjects.tried(choice.key, choice.search, now, flow_name=flow_name, id=choice.id)
        tried = match or subjects.made_up(now, mapping)
        is_nobody = match is None and bool(choice.key or choice.search or choice.id) and not choice.made_up
        return cls(mapping, uses, tried, is_nobody, preview(mapping, tried.facts, timezone=tried.zone))

    def unsendable(self, db: Database, config: AccountConfig, *, as_query: bool) -> list[UnsendableRequest]:
        """The connections over which the request could not be sent as a whole. None are looked for if a single value has a problem.

        as_query: the values are shown as the query of a GET
        """
        if self.preview.problems:
            return []
        used = {destination.connection for _flow, destination in self.uses if destination.connection}
        return unsendable_requests(db, config, used, self.preview.rendered, self.mapping.kind, self.tried, as_query=as_query)
