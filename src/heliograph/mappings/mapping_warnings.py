"""Warnings about a mapping that may still be saved: joined answers (M8), deleted fields, personal data in a URL (C2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from heliograph.domain.connection.connection import Method
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.fields import FieldGroup, parse_source
from heliograph.setup.affected_flows import may_take
from heliograph.setup.models import Question
from heliograph.store.config_cache import Committed

PERSONAL = frozenset({FieldGroup.PROFILE, FieldGroup.PROFILE_CUSTOM, FieldGroup.QUESTION_TAGS, FieldGroup.PREVIOUS})


@dataclass(frozen=True, slots=True)
class Joined:
    """An event in which several questions carry the same tag, so that their answers are joined."""

    event: str
    """Its code."""
    questions: tuple[str, ...]
    """The labels of the questions, in their order."""


MOST_ASKED = 100
"""Most events for which `takes` is called: the newest."""


def joined_answers(tags: Iterable[int], takes: Callable[[int], bool] | None = None) -> dict[int, Joined]:
    """By tag, the newest event in which the answers to its questions would be joined. Needs the account's scope.

    takes: whether any flow takes changes in an event, by the event's id; None for all events
    """
    tag_ids = sorted(set(tags))
    if not tag_ids:
        return {}
    labels_by_event: dict[tuple[int, int, str], list[str]] = {}
    rows = Question.objects.filter(tag__in=tag_ids).order_by("-event_id", "position", "pk")
    for tag, event, code, label in rows.values_list("tag_id", "event_id", "event__code", "label"):
        labels_by_event.setdefault((tag, event, code), []).append(label)
    joined: dict[int, Joined] = {}
    taken: dict[int, bool] = {}
    for (tag, event, code), labels in labels_by_event.items():
        if len(labels) < 2 or tag in joined:
            continue
        if takes is not None and event not in taken:
            if len(taken) == MOST_ASKED:
                break
            taken[event] = takes(event)
        if taken.get(event, True):
            joined[tag] = Joined(code, tuple(labels))
    return joined


def taken_by(flows: Sequence[Flow], config: AccountConfig, provider: Committed) -> Callable[[int], bool]:
    """A function that says whether any of these flows may take changes in an event, by the event's id."""
    return lambda event: any(may_take(flow, provider.event(event), config) for flow in flows)


def answer_tags(keys: Iterable[str]) -> dict[str, int]:
    """The tags of the source fields that read answers or questions, by source key."""
    parsed_keys = {key: parse_source(key) for key in keys}
    return {key: each.id for key, each in parsed_keys.items() if each.id is not None and each.name in ("answer", "question")}


def is_personal(key: str) -> bool:
    """Whether a source field contains personal data."""
    return parse_source(key).group in PERSONAL


def used_by(config: AccountConfig, mapping: int) -> list[tuple[Flow, Destination]]:
    """The flows that use a mapping, by name, each with the destination that uses it (M1)."""
    uses = [
        (flow, destination)
        for flow in config.flows.values()
        for destination in flow.destinations
        if mapping in (destination.payload_mapping, destination.header_mapping)
    ]
    return sorted(uses, key=lambda pair: (natural_order(pair[0].name), pair[0].id, pair[1].id))


def in_address(config: AccountConfig, uses: Iterable[tuple[Flow, Destination]], mapping: int) -> list[str]:
    """The names of the connections that send the mapping in the query of a URL, which servers on the way may log."""
    names = []
    for _, destination in uses:
        connection = config.connections.get(destination.connection or 0)
        if connection and connection.method is Method.GET and destination.payload_mapping == mapping and connection.name not in names:
            names.append(connection.name)
    return names
