"""The key of what waits for one tag, by which pages below Retry link to its list."""

from __future__ import annotations

from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.setup.tag_kinds import TagKind


def untagged_key(event: int, kind: TagKind | None, name: str, cause: Cause = Cause.UNTAGGED) -> str:
    """The key of a group of runs in the Retry Queue (`retry.retry_items.group_key`).

    kind, name: what has no tag. The kind is named, because a session status and a registration status may have the same name; None if it is not
        known
    cause: of runs that are judged again
    """
    return f"{cause.value}~~{event}~{f'{kind.value}:{name}' if kind else ''}"
