"""How many registrations use what is set up (P12). The states are JSON; an event's registrations are read once, by the database."""

from __future__ import annotations

from heliograph.platform.usage import Thing, Use
from heliograph.store.database import Database

_KEYED = {Thing.QUESTION: "answers", Thing.CUSTOM_FIELD: "custom"}  # objects whose keys are ids, in a registration's state


def uses_in_event(db: Database, account: int, event: int, thing: Thing, id: int) -> list[Use]:
    """The event's registrations that use the thing, as one Use with their number; none = not in use."""
    count = _count(db, thing, "r.account_id = :account AND r.event_id = :event", {"account": account, "event": event, "id": id})
    if not count:
        return []
    ((code,),) = db.all("SELECT code FROM event WHERE id = :id", {"id": event})
    return [Use("registrations", event, code, count)]


def uses_of_profile_field(db: Database, account: int, id: int) -> list[Use]:
    """Registrations of the whole account that have an answer to a custom profile field."""
    count = _count(db, Thing.CUSTOM_FIELD, "r.account_id = :account", {"account": account, "id": id})
    return [Use("registrations", account, "all events", count)] if count else []


def uses_of_event_field(db: Database, account: int, id: int) -> list[Use]:
    """Events that have an answer to a custom event field."""
    has = f"json_type(custom, '$.\"{int(id)}\"') IS NOT NULL" if db.vendor == "sqlite" else f"custom ? '{int(id)}'"
    return [
        Use("event", event, code)
        for event, code in db.all(f"SELECT id, code FROM event WHERE account_id = :account AND {has} ORDER BY code", {"account": account})
    ]


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
    """SQL: the state names the id. Ids are whole numbers, so they can stand in the text."""
    number = int(id)
    if thing is Thing.REGISTRATION_PROPERTY:
        if db.vendor == "sqlite":
            return f"EXISTS (SELECT 1 FROM json_each(r.state, '$.properties') WHERE value = {number})"
        return f"(r.state::jsonb -> 'properties') @> '{number}'::jsonb"
    key = _KEYED[thing]
    if db.vendor == "sqlite":
        return f"json_type(r.state, '$.{key}.\"{number}\"') IS NOT NULL"
    return f"jsonb_exists(r.state::jsonb -> '{key}', '{number}')"
