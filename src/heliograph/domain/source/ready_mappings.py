"""The mappings with which a source of a platform that calls begins, where the platform's own code shows what it sends (S2).

People correct them on the page, as any other. A platform without an entry begins with an empty mapping: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from heliograph.domain.mapping.row import MappingRow, Otherwise, SourceValue, ValueMap
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_mapping import ACTIVE, CODE, EVENT, MODIFIED, CallMapping, CallRow

_IS_ACTIVE: Final = ValueMap((("attendee.created", "true"), ("attendee.updated", "true"), ("attendee.cancelled", "false")), Otherwise.ERROR)

HI_EVENTS: Final = CallMapping(
    only_field="event_type",
    only_values=("attendee.created", "attendee.updated", "attendee.cancelled"),
    rows=(
        CallRow(MappingRow(EVENT, (SourceValue("payload.event_id"),))),
        CallRow(MappingRow(CODE, (SourceValue("payload.public_id"),))),
        CallRow(MappingRow(MODIFIED, (SourceValue("event_sent_at"),))),
        CallRow(MappingRow(ACTIVE, (SourceValue("event_type", _IS_ACTIVE),))),
        CallRow(MappingRow("profile.first_name", (SourceValue("payload.first_name"),), trim=True)),
        CallRow(MappingRow("profile.last_name", (SourceValue("payload.last_name"),), trim=True)),
        CallRow(MappingRow("profile.email", (SourceValue("payload.email"),), trim=True, case=Case.LOWER)),
    ),
)
"""`{event_type, event_sent_at, payload: {id, public_id, event_id, email, first_name, last_name, status, …}}`. The number of the event becomes the
code of ours by a value map, which only the account knows."""
READY_MAPPINGS: Final[Mapping[str, CallMapping]] = {"hi-events": HI_EVENTS}
"""By the key of the platform."""
