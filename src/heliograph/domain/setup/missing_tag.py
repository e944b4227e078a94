"""What an untagged change waits for: one thing, though others of the change may have no tag either (F7).

Retry names it, and Tag coverage counts the change there and nowhere else, so that each number has a list as long.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from heliograph.domain.setup.compiled_setup import AccountSetup, EventConfig
from heliograph.domain.setup.tag_kinds import TagKind


@dataclass(frozen=True, slots=True)
class TaggedParts:
    """The parts of a change's state that can have tags, by their ids. An event's change has an event status and nothing else."""

    event_status: int | None = None
    session_status: int | None = None
    """None for a change of no session registration."""
    registration_status: int | None = None
    properties: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class UntaggedThing:
    """The status or property that has no tag."""

    kind: TagKind
    id: int
    name: str


def untagged_thing(parts: TaggedParts, account: AccountSetup, event: EventConfig) -> UntaggedThing | None:
    """The thing without a tag that keeps a change from being judged: the first of the session's status, the registration's status and its
    properties. If all have tags by now, the registration's status. None if it is gone."""
    if parts.event_status is not None:
        of_event = account.event_statuses.get(parts.event_status)
        return UntaggedThing(TagKind.EVENT_STATUS, parts.event_status, of_event.name) if of_event else None
    if parts.session_status is not None:
        of_session = account.session_statuses.get(parts.session_status)
        if of_session is not None and not of_session.tags:
            return UntaggedThing(TagKind.SESSION_STATUS, parts.session_status, of_session.name)
    if parts.registration_status is None:
        return None
    status = account.status(parts.registration_status, event)
    if status is None or status.tags:
        for each in (event.properties.get(id) for id in parts.properties):
            if each is not None and not each.tags:
                return UntaggedThing(TagKind.REGISTRATION_PROPERTY, each.id, each.name)
    return UntaggedThing(TagKind.REGISTRATION_STATUS, parts.registration_status, status.name) if status else None
