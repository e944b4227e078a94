"""The saves that are credited with the cure of a cause (D6): they changed a setting on which the cause depends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.cure import RENEWED, can_cure, changed_settings
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.errors import HeliographError
from heliograph.domain.flow.flow import Flow
from heliograph.retry.cure_words import Failure


def connection_cures(before: Mapping[str, Any], after: Mapping[str, Any], failure: Failure) -> bool:
    """Whether the step from one version's body of a connection to the next can have cured a failure."""
    replaced = after.get(RENEWED, ()) if before.get("edition", 0) != after.get("edition", 0) else ()
    try:
        settings = changed_settings(Connection.from_body(before), Connection.from_body(after), frozenset(map(str, replaced)))
    except ConnectionSetupError:  # a version from another release
        return False
    return can_cure(settings, failure.cause, failure.status, failure.refusal.error)


def flow_cures(before: Mapping[str, Any], after: Mapping[str, Any], cause: Cause | None) -> bool:
    """Whether the step from one version's body of a flow to the next can have cured a cause."""
    try:
        then, now = Flow.from_body(0, 0, before), Flow.from_body(0, 0, after)
    except HeliographError:  # a version from another release
        return False
    match cause:
        case Cause.FLOW_INACTIVE:
            return now.active and not then.active
        case Cause.FLOW_MODE:
            return now.mode is not then.mode
        case Cause.FLOW_WATCH:
            return now.watch is not then.watch
        case Cause.CONNECTION_GONE:
            return {each.id: each.connection for each in now.destinations} != {each.id: each.connection for each in then.destinations}
        case Cause.MAPPING_GONE:
            return _mappings(now) != _mappings(then)
        case Cause.FLOW_INCOMPLETE:
            return after != before
        case _:
            return False


def _mappings(flow: Flow) -> dict[int, tuple[int | None, int | None]]:
    return {each.id: (each.payload_mapping, each.header_mapping) for each in flow.destinations}
