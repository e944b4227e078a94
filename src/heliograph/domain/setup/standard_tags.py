"""The standard tags of the eleven registration statuses: what a new account can begin with (guide: Applying Tags in an Account; P3, P11).

A status has one of them. Attended has no Registered besides: a flow that tells of somebody who registers would tell it again at the door.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from heliograph.domain.setup.compiled_setup import Status
from heliograph.domain.setup.statuses import NEW
from heliograph.domain.setup.tag_kinds import Tag, TagKind

TAG_BY_STATUS: Final[Mapping[str, str]] = {
    NEW: "New",
    "Pre-Registered": "Registered",
    "No-show": "No-show",
    "Attended": "Attended",
    "Requested Invitation": "Waitlisted",
    "Waitlist Hold": "Waitlisted",
    "Invited": "Invited",
    "Invitation Sent": "Invited",
    "Declined Invitation": "Declined",
    "Request Denied": "Declined",
    "Cancelled": "Cancelled",
}
"""The name of the standard tag of each registration status, by the status's name."""


@dataclass(frozen=True, slots=True)
class StandardTagsPlan:
    """What using the standard tags would do. A status that has a tag keeps what it has."""

    new: tuple[str, ...]
    """The names of the tags to create, in the order of the statuses."""
    widened: tuple[Tag, ...]
    """Tags that exist, but are not made for registration statuses yet."""
    tag_of: Mapping[int, str]
    """The name of the tag for each status without one, by the status's id."""
    already_tagged: int
    """The number of statuses that have a tag already."""


def plan_standard_tags(statuses: Iterable[Status], tags: Iterable[Tag]) -> StandardTagsPlan:
    """The plan for an account.

    statuses: the account's registration statuses
    tags: its tags; one with the standard name is used, whatever its case
    """
    by_name = tags_by_name(tags)
    tag_of: dict[int, str] = {}
    already_tagged = 0
    for status in statuses:
        if status.tags:
            already_tagged += 1
        elif status.name in TAG_BY_STATUS:
            tag_of[status.id] = TAG_BY_STATUS[status.name]
    names = list(dict.fromkeys(tag_of.values()))
    existing_tags = [by_name[name.casefold()] for name in names if name.casefold() in by_name]
    return StandardTagsPlan(
        new=tuple(name for name in names if name.casefold() not in by_name),
        widened=tuple(tag for tag in existing_tags if TagKind.REGISTRATION_STATUS not in tag.kinds),
        tag_of=tag_of,
        already_tagged=already_tagged,
    )


def tags_by_name(tags: Iterable[Tag]) -> dict[str, Tag]:
    """The tags of the account by their names in lower case, without those of the five standard properties."""
    return {tag.name.casefold(): tag for tag in tags if tag.id > 0}
