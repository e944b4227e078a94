"""How many registrations use a thing of the set-up (P12). The states are JSON; the database reads an event's registrations once."""

from __future__ import annotations

from heliograph.setup.usage import Thing, Use
from heliograph.store.database import Database

_KEYED = {Thing.QUESTION: "answers", Thing.CUSTOM_FIELD: "custom"}  # kinds of things whose ids are keys in a registration's state
_COLUMNS = {Thing.REGISTRATION_STATUS: "status_id", Thing.ATTENDEE_TYPE: "attendee_type_id"}


def uses_in_event(db: Database, account: int, event: int, thing: Thing, id: int) -> list[Use]:
    """The event's registrations that use the thing, as one Use with their number; empty = not in use."""
    count = _count(db, thing, "r.account_id = :account AND r.event_id = :event", {"account": account, "event": event, "id": id})
    if not count:
        return []
    ((code,),) = db.all("SELECT code FROM event WHERE id = :id", {"id": event})
    return [Use("registrations", event, code, count)]


def uses_of_profile_field(db: Database, account: int, id: int) -> list[Use]:
    """Registrations of the whole account with an answer to a custom profile field."""
    count = _count(db, Thing.CUSTOM_FIELD, "r.account_id = :account", {"account": account, "id": id})
    return [Use("registrations", account, "all events", count)] if count else []


def uses_of_event_field(db: Database, account: int, id: int) -> list[Use]:
    """Events with an answer to a custom event field."""
    has = f"json_type(custom, '$.\"{int(id)}\"') IS NOT NULL" if db.vendor == "sqlite" else f"custom ? '{int(id)}'"
    return [
        Use("event", event, code)
        for event, code in db.all(f"SELECT id, code FROM event WHERE account_id = :account AND {has} ORDER BY code", {"account": account})
    ]


MOST_READ = 20_000
"""Most registrations of an event whose states are read for a list; with more, only a single thing is counted, on request."""


def in_event(db: Database, account: int, event: int, thing: Thing) -> dict[int, int] | None:
    """How many registrations of the event use each thing of a kind, by id; None if counting would take too long."""
    where = {"account": account, "event": event}
    if thing in _COLUMNS:
        column = _COLUMNS[thing]
        rows = db.all(
            f"SELECT {column}, count(*) FROM registration WHERE account_id = :account AND event_id = :event AND {column} IS NOT NULL GROUP BY {column}",
            where,
        )
    elif thing is Thing.SESSION:
        rows = db.all(
            "SELECT x.session_id, count(*) FROM session_registration x JOIN session s ON s.id = x.session_id"
            " WHERE s.account_id = :account AND s.event_id = :event GROUP BY x.session_id",
            where,
        )
    else:
        ((registrations,),) = db.all(
            f"SELECT count(*) FROM (SELECT 1 FROM registration WHERE account_id = :account AND event_id = :event LIMIT {MOST_READ + 1}) found",
            where,
        )
        if registrations > MOST_READ:
            return None
        rows = db.all(
            f"SELECT found.id, count(*) FROM (SELECT {_each(db, thing)} WHERE r.account_id = :account AND r.event_id = :event) found GROUP BY found.id",
            where,
        )
    return {int(id): int(registrations) for id, registrations in rows}


def _each(db: Database, thing: Thing) -> str:
    """SQL: one row for each id that a registration's state names."""
    if thing is Thing.REGISTRATION_PROPERTY:
        if db.vendor == "sqlite":
            return "each.value AS id FROM registration r, json_each(r.state, '$.properties') each"
        return "value AS id FROM registration r CROSS JOIN LATERAL jsonb_array_elements_text(r.state::jsonb -> 'properties') value"
    key = _KEYED[thing]
    if db.vendor == "sqlite":
        return f"each.key AS id FROM registration r, json_each(r.state, '$.{key}') each"
    return f"key AS id FROM registration r CROSS JOIN LATERAL jsonb_object_keys(r.state::jsonb -> '{key}') key"


def _count(db: Database, thing: Thing, where: str, values: dict[str, int]) -> int:
    if thing is Thing.SESSION:
        sql = "SELECT count(*) FROM session_registration s WHERE s.account_id = :account AND s.session_id = :id"
        values = {"account": values["account"], "id": values["id"]}
    else:
        uses = {Thing.REGISTRATION_STATUS: "r.status_id = :id", Thing.ATTENDEE_TYPE: "r.attendee_type_id = :id"}.get(thing)
        sql = f"SELECT count(*) FROM registration r WHERE {where} AND {uses or _in_state(db, thing, values['id'])}"
        if uses is None:
            values = {name: value for name, value in values.items() if name != "id"}
    ((count,),) = db.all(sql, values)
    return int(count)


def _in_state(db: Database, thing: Thing, id: int) -> str:
    """SQL: the state names the id. Ids are integers, so they can be part of the SQL."""
    number = int(id)
    if thing is Thing.REGISTRATION_PROPERTY:
        if db.vendor == "sqlite":
            return f"EXISTS (SELECT 1 FROM json_each(r.state, '$.properties') WHERE value = {number})"
        return f"(r.state::jsonb -> 'properties') @> '{number}'::jsonb"
    key = _KEYED[thing]
    if db.vendor == "sqlite":
        return f"json_type(r.state, '$.{key}.\"{number}\"') IS NOT NULL"
    return f"jsonb_exists(r.state::jsonb -> '{key}', '{number}')"
