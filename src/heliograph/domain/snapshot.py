"""Configuration, compiled once per version and never changed afterwards (docs/design/configuration.md, section 2; F10).

An `AccountConfig` contains the account's set-up (tags, statuses, fields, connections, mappings, flows), an `EventConfig` that of one event.
Both are compiled from the bodies of `config_history` rows, those in force now or at any earlier version, by the same code. So a decision
and its later explanation read the same data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from heliograph.domain.connection.connection import Connection
from heliograph.domain.delivery.retry_policy import SECOND, SEVERITY, RetryPolicy, intervals_of
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import is_complete
from heliograph.domain.flow.flow import Flow
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.registration.change import Facet
from heliograph.domain.setup.compiled_setup import EventConfig, EventState, Field, Named, Session, Status, Values
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import STANDARD_TAGS, Tag, TagKind


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One history row: the entity, its version number, its body."""

    kind: str  # account scope: account, tags, statuses, fields, flow, mapping, connection; event scope: event, setup
    id: int
    number: int
    body: Mapping[str, object]


class ConfigProvider(Protocol):
    """Loads configuration; `store.config_cache` implements it."""

    def account(self, account: int, version: int | None = None) -> AccountConfig:
        """The account's configuration at `version` (None: the newest committed)."""

    def event(self, event: int, version: int | None = None) -> EventConfig:
        """The event's configuration at `version` (None: the newest committed). Raises KeyError for an unknown event."""


def compile_account(id: int, version: int, entries: Iterable[HistoryEntry]) -> AccountConfig:
    """Compiles an account's entries. The bodies, by kind (written by `setup.version_bodies` and `setup.services.versions`):

    account     {code, name, timezone, signal_enabled,
                 retry: {category: [seconds, seconds, seconds]}, or null for the defaults of D5,
                 networks: [non-public addresses that the operator allowed]}
    tags        {tags: [{id, name, label, kinds}]}
    statuses    {registration: [{id, code, name, class, tags}], session: [{id, code, name, tags}], event: [...]}
    fields      {profile: [{id, code, label, type, options}], event: [...]}
    flow, mapping, connection    their own `to_body`
    """
    facts: dict[str, Mapping[str, object]] = {}
    flows: dict[int, Flow] = {}
    mappings: dict[int, FieldMapping] = {}
    connections: dict[int, Connection] = {}
    numbers: dict[tuple[str, int], int] = {}
    for entry in entries:
        numbers[entry.kind, entry.id] = entry.number
        if entry.kind == "flow":
            flows[entry.id] = Flow.from_body(entry.id, entry.number, entry.body)
        elif entry.kind == "mapping":
            mappings[entry.id] = FieldMapping.from_body(entry.body)
        elif entry.kind == "connection":
            connections[entry.id] = Connection.from_body(entry.body)
        else:
            facts[entry.kind] = entry.body
    account, statuses, fields = facts.get("account", {}), facts.get("statuses", {}), facts.get("fields", {})
    tags = {
        int(tag["id"]): Tag(int(tag["id"]), tag["name"], tag["label"], frozenset(TagKind(k) for k in tag["kinds"]))
        for tag in _list(facts.get("tags", {}), "tags")
    }
    config = AccountConfig(
        id=id,
        version=version,
        code=str(account.get("code", "")),
        name=str(account.get("name", "")),
        timezone=str(account.get("timezone", "UTC")),
        signal_enabled=bool(account.get("signal_enabled", True)),
        retry=retry_policy(account.get("retry")),
        networks=_values(account.get("networks")),
        tags=STANDARD_TAGS | tags,
        statuses=_statuses(statuses, "registration"),
        session_statuses=_statuses(statuses, "session"),
        event_statuses=_statuses(statuses, "event"),
        profile_fields=_fields(fields, "profile"),
        event_fields=_fields(fields, "event"),
        flows=flows,
        mappings=mappings,
        connections=connections,
        numbers=numbers,
    )
    running = [f for _, f in sorted(flows.items()) if f.active and config.signal_enabled and is_complete(f, config)]
    by_facet = {facet: tuple(f for f in running if f.watch is not None and facet & f.watch.facets) for facet in Facet}
    return replace(config, by_facet=by_facet)


def compile_event(id: int, account: int, version: int, entries: Iterable[HistoryEntry]) -> EventConfig:
    """Compiles an event's entries. Bodies: event {code, name, status, start, end, timezone, location, custom {field id: [values]}, tags};
    setup {statuses: [{id, code, name, class, tags}], types: [{id, code, name, tags}], questions: [{id, code, label, type, options, tag}],
    properties: [{id, code, name, tags}], sessions: [{id, code, name, start, end}]}. Instants are ISO 8601 with an offset.
    """
    bodies = {entry.kind: entry.body for entry in entries}
    setup = bodies.get("setup", {})
    return EventConfig(
        id=id,
        account=account,
        version=version,
        state=event_state(bodies["event"]),
        statuses=_statuses(setup, "statuses"),
        types={n.id: n for n in map(_named, _list(setup, "types"))},
        questions=_fields(setup, "questions"),
        properties={n.id: n for n in map(_named, _list(setup, "properties"))},
        sessions={
            int(session["id"]): Session(
                int(session["id"]), session["code"], session["name"], _instant(session.get("start")), _instant(session.get("end"))
            )
            for session in _list(setup, "sessions")
        },
    )


def retry_policy(intervals: object) -> RetryPolicy:
    """The policy of `retry` in an account's body. Raises BadIntervals if it would retry a less serious failure sooner than a more serious
    one."""
    if not isinstance(intervals, Mapping):
        return RetryPolicy()
    return RetryPolicy({c: intervals_of(c, (float(seconds) * SECOND for seconds in intervals[c.value])) for c in SEVERITY})


def event_state(body: Mapping[str, object]) -> EventState:
    """An event's state from its body."""
    custom = body.get("custom")
    tags = body.get("tags")
    return EventState(
        code=str(body["code"]),
        name=str(body["name"]),
        status=int(str(body["status"])),
        start=_instant(body.get("start")),
        end=_instant(body.get("end")),
        timezone=str(body.get("timezone", "UTC")),
        location=str(body.get("location", "")),
        custom={int(k): _values(v) for k, v in custom.items()} if isinstance(custom, Mapping) else {},
        tags=tuple(int(t) for t in tags) if isinstance(tags, (list, tuple)) else (),
    )


def event_body(state: EventState) -> dict[str, object]:
    """The body that `event_state` reads back."""
    return {
        "code": state.code,
        "name": state.name,
        "status": state.status,
        "start": state.start.isoformat() if state.start else None,
        "end": state.end.isoformat() if state.end else None,
        "timezone": state.timezone,
        "location": state.location,
        "custom": {str(k): list(v) for k, v in state.custom.items()},
        "tags": list(state.tags),
    }


def _list(body: Mapping[str, object], key: str) -> list[dict[str, Any]]:
    rows = body.get(key, [])
    return rows if isinstance(rows, list) else []


def _values(value: object) -> Values:
    return tuple(str(v) for v in value) if isinstance(value, (list, tuple)) else ()


def _instant(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None


def _tags(row: Mapping[str, object]) -> frozenset[int]:
    tags = row.get("tags", ())
    return frozenset(int(t) for t in tags) if isinstance(tags, (list, tuple)) else frozenset()


def _statuses(body: Mapping[str, object], key: str) -> dict[int, Status]:
    return {
        int(str(row["id"])): Status(
            int(str(row["id"])),
            str(row["code"]),
            str(row["name"]),
            _tags(row),
            StatusClass(str(row["class"])) if row.get("class") else None,
        )
        for row in _list(body, key)
    }


def _fields(body: Mapping[str, object], key: str) -> dict[int, Field]:
    return {
        int(str(row["id"])): Field(
            int(str(row["id"])),
            str(row["code"]),
            str(row["label"]),
            str(row["type"]),
            _values(row.get("options")),
            int(str(row["tag"])) if row.get("tag") else None,
        )
        for row in _list(body, key)
    }


def _named(row: Mapping[str, object]) -> Named:
    return Named(int(str(row["id"])), str(row["code"]), str(row["name"]), _tags(row))
