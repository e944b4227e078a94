"""SQL on columns with JSON. Their type is text, or jsonb on PostgreSQL. Keys and items are ids, which are part of the SQL."""

from __future__ import annotations

from heliograph.store.database import Database


def has_key(db: Database, column: str, id: int, field: str = "") -> str:
    """The condition that an object has a key.

    field: the field of the column that contains the object; "" if the column itself is the object
    """
    if db.vendor == "sqlite":
        return f"json_type({column}, '${_path(field)}.\"{int(id)}\"') IS NOT NULL"
    return f"jsonb_exists({_field(column, field)}, '{int(id)}')"


def has_item(db: Database, column: str, id: int, field: str) -> str:
    """The condition that the array in a field has an item."""
    if db.vendor == "sqlite":
        return f"EXISTS (SELECT 1 FROM json_each({column}, '${_path(field)}') WHERE value = {int(id)})"
    return f"({_field(column, field)}) @> '{int(id)}'::jsonb"


def each_key(db: Database, column: str, field: str) -> tuple[str, str]:
    """The keys of an object: the column with the key, and the table to add to a FROM clause that already has the column's table."""
    if db.vendor == "sqlite":
        return "each.key", f"json_each({column}, '${_path(field)}') each"
    return "each.key", f"jsonb_object_keys({_field(column, field)}) each(key)"


def each_item(db: Database, column: str, field: str) -> tuple[str, str]:
    """The items of the array in a field, like `each_key`."""
    if db.vendor == "sqlite":
        return "each.value", f"json_each({column}, '${_path(field)}') each"
    return "each.value", f"jsonb_array_elements_text({_field(column, field)}) each(value)"


def stored_document(db: Database, name: str) -> str:
    """The value of a parameter that is a document in JSON."""
    return f":{name}::jsonb" if db.vendor == "postgresql" else f":{name}"


def _path(field: str) -> str:
    return f".{field}" if field else ""


def _field(column: str, field: str) -> str:
    return f"{column}::jsonb -> '{field}'" if field else f"{column}::jsonb"
