"""The key of what waits for one tag, by which pages below Retry link to its list."""

from __future__ import annotations

from typing import Final

from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.setup.tag_kinds import TagKind

ANY_EVENT: Final = 0
"""Stands in place of an event's id. A status of the account is a status of every event."""


def untagged_key(event: int, kind: TagKind | None, name: str, cause: Cause = Cause.UNTAGGED) -> str:
    """The key of a group of runs in the Retry Queue (`retry.retry_items.group_key`).

    event: its id; ANY_EVENT for the groups of all events (`retry.retry_items.is_in_group`)
    kind, name: what has no tag. The kind is named, because a session status and a registration status may have the same name; None if it is not
        known
    cause: of runs that are judged again
    """
    return f"{cause.value}~~{event or ''}~{f'{kind.value}:{name}' if kind else ''}"
