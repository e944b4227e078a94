"""Versions of configuration: who may read and change it when, and which version is in force (docs/design/configuration.md, sections 1 and
3; F2, F10).

There are two scopes, account and event. Each has a version that every save raises. record() holds a shared lock on a scope while it
decides; a saver holds an exclusive one. So every rule behind a decision was committed before it, and a saved rule is in force from its
commit on. SQLite needs no such locks, because its writers queue.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from heliograph.domain.snapshot import HistoryEntry
from heliograph.store.database import Database

ACCOUNT, EVENT = 1, 2
ERASURES = 4
"""Stands in what `lock_and_read` returns for the accounts that have erased codes. No row of config_version has it."""
_SAVES = 3
"""The scope of the row in config_version that counts all saves of an account. No configuration has this count as its version."""
OF_ACCOUNT = (
    f"scope IN ({ACCOUNT}, {_SAVES}) AND scope_id = :account"
    f" OR scope = {EVENT} AND scope_id IN (SELECT id FROM {{schema}}.event WHERE account_id = :account)"
)
"""The condition of an account's rows of config_version, with {schema} before the other table."""
MOST_SAVED = 50
"""Versions that `versions_saved` looks at."""
_EVENT_LOCKS = 8  # an account's events share this many locks, because PostgreSQL's table of advisory locks has a fixed size

_takes_locks: ContextVar[bool] = ContextVar("takes_locks", default=True)


@contextmanager
def without_locks() -> Iterator[None]:
    """Inside this context a saver takes no locks. For a rehearsal, of which nobody sees anything (`store.rehearsal`)."""
    token = _takes_locks.set(False)
    try:
        yield
    finally:
        _takes_locks.reset(token)


def _keys(accounts: Iterable[int], events: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Lock keys in the one global order: accounts, then events as (account, event)."""
    return sorted({(ACCOUNT, a) for a in accounts} | {(EVENT, (a * _EVENT_LOCKS + e % _EVENT_LOCKS) & 0x7FFFFFFF) for a, e in events})


def all_events(account: int) -> list[tuple[int, int]]:
    """Pairs of (account, event) that lock all events of the account, including events that are created later."""
    return [(account, number) for number in range(_EVENT_LOCKS)]


def lock_shared(db: Database, accounts: Iterable[int], events: Iterable[tuple[int, int]] = ()) -> None:
    """Keeps configuration unchanged until the transaction ends. events: (account, event)."""
    if db.vendor == "postgresql":
        keys = _keys(accounts, events)
        # The query's ORDER BY sorts first, so the lock function is called in that order.
        db.run(
            "SELECT pg_advisory_xact_lock_shared(s, k) FROM unnest(:scopes::int[], :keys::int[]) WITH ORDINALITY t(s, k, o) ORDER BY o",
            {"scopes": [scope for scope, _ in keys], "keys": [key for _, key in keys]},
        )


def lock_exclusive(
    db: Database, *, accounts: Iterable[int] = (), events: Iterable[tuple[int, int]] = (), read_accounts: Iterable[int] = ()
) -> None:
    """Takes all locks of a saver at once: exclusive for what it writes, shared for what it only reads. A rehearsal takes none."""
    if db.vendor == "postgresql" and _takes_locks.get():
        written = _keys(accounts, events)
        for scope, key in sorted({*written, *_keys(read_accounts, ())}):
            share = "" if (scope, key) in written else "_shared"
            db.all(f"SELECT pg_advisory_xact_lock{share}(:scope, :key)", {"scope": scope, "key": key})


def versions(db: Database, accounts: Iterable[int], events: Iterable[int]) -> dict[tuple[int, int], int]:
    """(scope, id) -> version, for the scopes that exist."""
    return ask_versions(db, accounts, events)()


def ask_versions(db: Database, accounts: Iterable[int], events: Iterable[int]) -> Callable[[], dict[tuple[int, int], int]]:
    """Like `versions`, but returns a function that waits for the result (`Database.ask`)."""
    params = {"accounts": list(accounts), "events": list(events)}
    statements = [
        f"SELECT scope, scope_id, version FROM config_version WHERE scope = {scope} AND {db.member('scope_id', name)}"
        for scope, name in ((ACCOUNT, "accounts"), (EVENT, "events"))
        if params[name]
    ]
    if not statements:
        return dict
    rows = db.ask(" UNION ALL ".join(statements), params)
    return lambda: {(scope, id): version for scope, id, version in rows()}


def lock_and_read(db: Database, accounts: Sequence[int], events: Sequence[tuple[int, int]]) -> tuple[dict[tuple[int, int], int], int]:
    """Locks the configuration against changes until the transaction ends. Returns the versions in force and the database's clock.

    events: pairs of (account, event)

    For an account with erased codes the versions have the key (ERASURES, account), too.
    """
    lock_shared(db, accounts, events)
    in_force = (
        f"SELECT scope, scope_id, version FROM config_version WHERE scope = {ACCOUNT} AND {db.member('scope_id', 'accounts')}"
        f" UNION ALL SELECT scope, scope_id, version FROM config_version WHERE scope = {EVENT} AND {db.member('scope_id', 'events')}"
        f" UNION ALL SELECT {ERASURES}, account_id, 1 FROM erasure_key WHERE {db.member('account_id', 'accounts')}"
    )
    params = {"accounts": list(accounts), "events": [event for _, event in events]}
    if db.vendor == "sqlite":
        return {(scope, id): version for scope, id, version in db.all(in_force, params)}, db.now()
    clock_too = f"{in_force} UNION ALL SELECT 0, 0, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    versions_and_clock = {(scope, id): version for scope, id, version in db.all(clock_too, params)}
    clock = versions_and_clock.pop((0, 0))
    return versions_and_clock, int(clock)


def entries(db: Database, scope: int, scope_id: int, version: int | None = None) -> tuple[int, int, list[HistoryEntry]]:
    """(account, version, entries in force) of the newest or an earlier version. Raises KeyError for a scope without versions."""
    rows = db.all(
        "SELECT h.account_id, v.version, h.kind, h.entity_id, h.number, h.body FROM config_version v JOIN config_history h ON h.scope = v.scope AND h.scope_id = v.scope_id"
        " WHERE v.scope = :scope AND v.scope_id = :id AND "
        + ("h.until IS NULL" if version is None else "h.since <= :version AND (h.until IS NULL OR h.until > :version)")
        + " ORDER BY h.kind, h.entity_id",
        {"scope": scope, "id": scope_id, "version": version} if version is not None else {"scope": scope, "id": scope_id},
    )
    if not rows:
        raise KeyError(scope_id)
    return (
        rows[0][0],
        version if version is not None else rows[0][1],
        [HistoryEntry(kind, id, number, json.loads(body)) for _, _, kind, id, number, body in rows],
    )


def count_of_saves(db: Database, account: int) -> int:
    """The number of saves of an account so far."""
    rows = db.all("SELECT version FROM config_version WHERE scope = :scope AND scope_id = :id", {"scope": _SAVES, "id": account})
    return int(rows[0][0]) if rows else 0


def count_save(db: Database, account: int) -> int:
    """Adds one to the account's count of saves and returns it. On PostgreSQL other savers wait here until this transaction ends."""
    ((saves,),) = db.all(
        "INSERT INTO config_version (scope, scope_id, version) VALUES (:scope, :id, 1)"
        " ON CONFLICT (scope, scope_id) DO UPDATE SET version = config_version.version + 1 RETURNING version",
        {"scope": _SAVES, "id": account},
    )
    return int(saves)


def versions_at(db: Database, account: int, times: Collection[int]) -> dict[int, int]:
    """The version of an account's configuration that was in force at each of these times (microseconds); 0 for none."""
    rows = db.all(
        "SELECT t.at, coalesce((SELECT max(h.since) FROM config_history h"
        " WHERE h.scope = :scope AND h.scope_id = :account AND h.at <= t.at), 0)"
        f" FROM {db.listed('times', 't', 'at')}",
        {"scope": ACCOUNT, "account": account, "times": sorted(set(times))},
    )
    return {int(at): int(version) for at, version in rows}


def past_body(db: Database, account: int, kind: str, entity: int, number: int) -> tuple[int, Mapping[str, Any]] | None:
    """Version `number` of a flow, mapping or connection: the account's version since which it was in force, and its body; None if that
    version is no longer stored."""
    rows = db.all(
        "SELECT since, body FROM config_history WHERE scope = :scope AND scope_id = :account AND kind = :kind AND entity_id = :entity AND number = :number",
        {"scope": ACCOUNT, "account": account, "kind": kind, "entity": entity, "number": number},
    )
    return (int(rows[0][0]), json.loads(rows[0][1])) if rows else None


def past_bodies(db: Database, account: int, kind: str, versions: Collection[tuple[int, int]]) -> dict[tuple[int, int], Mapping[str, Any]]:
    """The bodies of versions of flows, mappings or connections, by (id, number). Those that are no longer stored are absent."""
    if not versions:
        return {}
    rows = db.all(
        "SELECT entity_id, number, body FROM config_history WHERE scope = :scope AND scope_id = :account AND kind = :kind"
        f" AND {db.member('entity_id', 'ids')} AND {db.member('number', 'numbers')}",
        {
            "scope": ACCOUNT,
            "account": account,
            "kind": kind,
            "ids": sorted({id for id, _number in versions}),
            "numbers": sorted({number for _id, number in versions}),
        },
    )
    return {(id, number): json.loads(body) for id, number, body in rows if (id, number) in versions}


def bodies_of(db: Database, account: int, kind: str, entities: Iterable[int], most: int) -> list[Mapping[str, Any]]:
    """The bodies of all versions of things of an account's configuration, in no order; `most` at most."""
    ids = sorted(set(entities))
    if not ids:
        return []
    rows = db.all(
        "SELECT body FROM config_history WHERE scope = :scope AND scope_id = :account AND kind = :kind"
        f" AND {db.member('entity_id', 'ids')} LIMIT :most",
        {"scope": ACCOUNT, "account": account, "kind": kind, "ids": ids, "most": most},
    )
    return [json.loads(body) for (body,) in rows]


def connections_of_destinations(db: Database, account: int) -> dict[int, set[int]]:
    """The connections that each destination has had in all versions of the account's flows, by the destination's id."""
    rows = db.all(
        "SELECT body FROM config_history WHERE scope = :scope AND scope_id = :account AND kind = 'flow'",
        {"scope": ACCOUNT, "account": account},
    )
    connections: defaultdict[int, set[int]] = defaultdict(set)
    for (body,) in rows:
        for destination in json.loads(body)["destinations"]:
            if destination["connection"] is not None:
                connections[destination["id"]].add(destination["connection"])
    return connections


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """One version of a flow, mapping or connection, with the body of the version before it."""

    number: int
    at: int
    """When it was saved, in microseconds."""
    by: str
    """Who saved it."""
    body: Mapping[str, Any]
    before: Mapping[str, Any] | None
    """The body of the version before; None for the first version, and if that body is no longer stored."""


def versions_saved(db: Database, account: int, kind: str, entity: int, since: int, until: int) -> list[SavedVersion]:
    """The versions of a flow, mapping or connection that were saved in [since, until] (microseconds): the newest MOST_SAVED, newest first."""
    rows = db.all(
        "SELECT number, at, by, body FROM config_history"
        " WHERE scope = :scope AND scope_id = :account AND kind = :kind AND entity_id = :entity AND at <= :until"
        f" ORDER BY number DESC LIMIT {MOST_SAVED + 1}",
        {"scope": ACCOUNT, "account": account, "kind": kind, "entity": entity, "until": until},
    )
    bodies = [json.loads(body) for _number, _at, _by, body in rows] + [None]
    return [
        SavedVersion(int(number), int(at), str(by), bodies[index], bodies[index + 1])
        for index, (number, at, by, _body) in enumerate(rows)
        if at >= since
    ]


def save(
    db: Database, account: int, scope: int, scope_id: int, bodies: Mapping[tuple[str, int], Mapping[str, object] | None], *, by: str
) -> int:
    """Like `make_version`, but returns the version that is in force then."""
    made = make_version(db, account, scope, scope_id, bodies, by=by)
    return _version(db, scope, scope_id) if made is None else made


def make_version(
    db: Database,
    account: int,
    scope: int,
    scope_id: int,
    bodies: Mapping[tuple[str, int], Mapping[str, object] | None],
    *,
    by: str,
    made: int | None = None,
) -> int | None:
    """Writes new versions of what differs and raises the scope's version.

    bodies: (kind, entity id) -> body, None = deleted. The caller holds the scope's lock exclusively. A body equal to its newest version
        creates none
    made: the version of the scope that this transaction has made before; the bodies become part of it

    Returns the version of the scope that this transaction has made; None if it has made none.
    """
    new = _version(db, scope, scope_id) + 1 if made is None else made
    at, changed = db.now(), False
    for (kind, entity), body in sorted(bodies.items(), key=lambda item: item[0]):
        text = None if body is None else json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        changed |= _save_body(db, (account, scope, scope_id, kind, entity), text, new, at=at, by=by)
    if not changed or made is not None:
        return made
    db.run(
        "INSERT INTO config_version (scope, scope_id, version) VALUES (:scope, :id, :new) ON CONFLICT (scope, scope_id) DO UPDATE SET version = excluded.version",
        {"scope": scope, "id": scope_id, "new": new},
    )
    return new


def _version(db: Database, scope: int, scope_id: int) -> int:
    """The version of a scope; 0 if it has none."""
    rows = db.all("SELECT version FROM config_version WHERE scope = :scope AND scope_id = :id", {"scope": scope, "id": scope_id})
    return int(rows[0][0]) if rows else 0


def _save_body(db: Database, entity_key: tuple[int, int, int, str, int], text: str | None, new: int, *, at: int, by: str) -> bool:
    """Writes the body of one entity into the version `new` of its scope. Returns False if it is equal to the newest one.

    entity_key: account, scope, scope id, kind, entity
    """
    account, *key_values = entity_key
    key: dict[str, object] = dict(zip(("scope", "id", "kind", "entity"), key_values, strict=True))
    where = "scope = :scope AND scope_id = :id AND kind = :kind AND entity_id = :entity"
    newest = db.all(f"SELECT number, body, since, until FROM config_history WHERE {where} ORDER BY number DESC LIMIT 1", key)
    number, in_force, since = 0, None, None
    if newest:
        number, in_force, since = (newest[0][0], newest[0][1] if newest[0][3] is None else None, newest[0][2])
    if text == in_force:
        return False
    if in_force is not None and since == new:  # this transaction has written it, and nobody has seen it
        if text is None:
            db.run(f"DELETE FROM config_history WHERE {where} AND number = :number", key | {"number": number})
        else:
            db.run(f"UPDATE config_history SET body = :body WHERE {where} AND number = :number", key | {"number": number, "body": text})
        return True
    if in_force is not None:
        db.run(f"UPDATE config_history SET until = :new WHERE {where} AND until IS NULL", key | {"new": new})
    if text is not None:
        db.run(
            "INSERT INTO config_history (account_id, scope, scope_id, kind, entity_id, number, body, since, at, by)"
            " VALUES (:account, :scope, :id, :kind, :entity, :number, :body, :new, :at, :by)",
            key | {"account": account, "number": number + 1, "body": text, "new": new, "at": at, "by": by},
        )
    return True
