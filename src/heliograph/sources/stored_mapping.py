"""The mapping that a source has (S2)."""

from __future__ import annotations

import json

from heliograph.domain.mapping.row import MappingError
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.sources.models import Source


def stored_mapping(source: Source) -> CallMapping:
    """The mapping of a source; an empty one if it has none, or one that this release cannot read."""
    try:
        return CallMapping.from_body(json.loads(source.mapping))
    except (MappingError, ValueError):
        return CallMapping()
