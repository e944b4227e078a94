"""How many registrations use a thing of the set-up (P12). The states are JSON; the database reads an event's registrations once."""

from __future__ import annotations

from django.utils.translation import gettext as _

from heliograph.setup.usage import Thing, Use
from heliograph.store.database import Database
from heliograph.store.json_sql import each_item, each_key, has_item, has_key

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
    return [Use("registrations", account, _("all events"), count)] if count else []


def uses_of_event_field(db: Database, account: int, id: int) -> list[Use]:
    """Events with an answer to a custom event field."""
    has = has_key(db, "custom", id)
    return [
        Use("event", event, code)
        for event, code in db.all(f"SELECT id, code FROM event WHERE account_id = :account AND {has} ORDER BY code", {"account": account})
    ]


MOST_READ = 20_000
"""Most registrations of an event whose states are read for a list. With more, only one thing is counted, on request."""


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
        # The query `named` has a row for each id that a registration's state names.
        is_property = thing is Thing.REGISTRATION_PROPERTY
        id_sql, table = each_item(db, "r.state", "properties") if is_property else each_key(db, "r.state", _KEYED[thing])
        named = f"SELECT {id_sql} AS id FROM registration r, {table} WHERE r.account_id = :account AND r.event_id = :event"
        rows = db.all(f"SELECT found.id, count(*) FROM ({named}) found GROUP BY found.id", where)
    return {int(id): int(registrations) for id, registrations in rows}


def _count(db: Database, thing: Thing, where: str, values: dict[str, int]) -> int:
    if thing is Thing.SESSION:
        sql = "SELECT count(*) FROM session_registration s WHERE s.account_id = :account AND s.session_id = :id"
        values = {"account": values["account"], "id": values["id"]}
    else:
        id = values["id"]
        if thing in _COLUMNS:
            uses = f"r.{_COLUMNS[thing]} = :id"
        else:
            is_property = thing is Thing.REGISTRATION_PROPERTY
            uses = has_item(db, "r.state", id, "properties") if is_property else has_key(db, "r.state", id, _KEYED[thing])
            values = {name: value for name, value in values.items() if name != "id"}
        sql = f"SELECT count(*) FROM registration r WHERE {where} AND {uses}"
    ((count,),) = db.all(sql, values)
    return int(count)
