"""What a destination of a flow usually has for its connection: a name, a mapping, and what a request does (F8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from heliograph.domain.connection.presets import Preset, preset_of
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import fits
from heliograph.domain.flow.flow import Destination
from heliograph.domain.mapping.mapping import MappingKind


def usual_mapping(config: AccountConfig, connection: int, subject: str | None = None) -> int | None:
    """The payload mapping with which a connection is used; None if that is not known.

    It is that of the first destination with this connection, else the one that was made with it and has its name ("Slack mapping").
    subject: what the mapping has to fit; None for any
    """
    used = (
        destination.payload_mapping
        for flow in config.flows.values()
        for destination in sorted(flow.destinations, key=lambda each: each.id)
        if destination.connection == connection
    )
    beginning = f"{config.connections[connection].name.casefold()} " if connection in config.connections else "\0"
    named = (id for id, mapping in sorted(config.mappings.items()) if f"{mapping.name.casefold()} ".startswith(beginning))
    for id in (*used, *named):
        mapping = config.mappings.get(id or 0)
        if mapping is not None and mapping.kind is MappingKind.PAYLOAD and (subject is None or fits(mapping.subject.value, subject)):
            return id
    return None


def usual_does(config: AccountConfig, connection: int, presets: Iterable[Preset]) -> Does | None:
    """What a request over a connection does: as its preset says, else as the first destination that uses it; None if neither is known."""
    facts = config.connections.get(connection)
    preset = preset_of(facts, presets) if facts is not None else None
    if preset is not None:
        return preset.does
    destinations = (each for flow in config.flows.values() for each in flow.destinations)
    return next((each.does for each in destinations if each.connection == connection), None)


def with_defaults(destination: Destination, config: AccountConfig, presets: Iterable[Preset], subject: str | None) -> Destination:
    """The destination with what is empty filled in. What a request does is chosen together with the mapping, so that a later choice stays."""
    id = destination.connection
    if id is None or id not in config.connections:
        return destination
    if not destination.name.strip():
        destination = replace(destination, name=config.connections[id].name)
    mapping = usual_mapping(config, id, subject) if destination.payload_mapping is None else None
    if mapping is None:
        return destination
    does = usual_does(config, id, presets)
    return replace(destination, payload_mapping=mapping, does=destination.does if does is None else does)
