"""On SQLite the index of what was modified last also holds what lists are narrowed by; on PostgreSQL it stays as it is."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from heliograph.store.indexes import CoveringIndex

INDEX = CoveringIndex(
    fields=("account_id", "modified", "id"),
    also=("version", "event_id", "status_id", "attendee_type_id", "is_active", "is_test", "search"),
    name="registration_modified",
)


class OnSqlite(migrations.SeparateDatabaseAndState):
    """Operations that change Django's state on both databases, and only SQLite itself."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            super().database_backwards(app_label, schema_editor, from_state, to_state)


OPERATIONS: tuple[Any, ...] = (migrations.RemoveIndex("registration", INDEX.name), migrations.AddIndex("registration", INDEX))


class Migration(migrations.Migration):
    dependencies: ClassVar = [("store", "0006_search_without_accents")]
    operations: ClassVar = [OnSqlite(database_operations=OPERATIONS, state_operations=OPERATIONS)]
