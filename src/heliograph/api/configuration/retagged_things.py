"""Things of an account whose tags a configuration file changes. A flow that selects by these tags may act on more by that (B5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.api.configuration.section import StoredEntry
from heliograph.domain.flow.flow import EVENT_STATUSES, PROPERTIES, SESSION_STATUSES, STATUSES
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS

_PLACES: Final[Mapping[str, str]] = {
    "registration_statuses": STATUSES,
    "events.registration_statuses": STATUSES,
    "session_statuses": SESSION_STATUSES,
    "event_statuses": EVENT_STATUSES,
    "events.properties": PROPERTIES,
    "events": EVENT_TAGS,
    "events.attendee_types": ATTENDEE_TYPE_TAGS,
}
"""The list of a flow, or the field of a filter, that selects by the tags of a section's things."""


@dataclass(frozen=True, slots=True)
class RetaggedThing:
    """A thing whose tags change."""

    place: str
    """The list of a flow, or the field of a filter, that selects by them."""
    before: frozenset[int]
    after: frozenset[int]


def retagged_things(before: Mapping[str, Sequence[StoredEntry]], after: Mapping[str, Sequence[StoredEntry]]) -> list[RetaggedThing]:
    """The things that exist before and afterwards, with other tags. A tag that was only renamed is the same one.

    before, after: what the account has, by the place of the section in the file
    """
    things = []
    for section, place in _PLACES.items():
        was, now = _tags_by_thing(before, section), _tags_by_thing(after, section)
        things += [RetaggedThing(place, tags, now[id]) for id, tags in was.items() if now.get(id, tags) != tags]
    return things


def _tags_by_thing(account: Mapping[str, Sequence[StoredEntry]], section: str) -> dict[int, frozenset[int]]:
    """The ids of the tags of each thing of a section, by its id."""
    tag_ids = {tag.name: tag.id for tag in account["tags"]}
    return {thing.id: frozenset(tag_ids[name] for name in thing.document["tags"]) for thing in account[section]}
