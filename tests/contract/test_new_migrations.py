"""A migration that no release has only expands the schema, so that processes of the release before go on (O18).

django-migration-linter judges its SQL on both databases, squawk that of PostgreSQL (scripts/migrations.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from scripts import migrations as policy

from heliograph.store.models import BackupRun

pytestmark = pytest.mark.django_db(transaction=True)


def _complaints(migration: migrations.Migration, loader: MigrationLoader, vendor: str) -> list[str]:
    """What is said about the migration after all that it depends on."""
    state = loader.project_state(migration.dependencies or loader.graph.leaf_nodes())
    with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
        migration.apply(state, editor, collect_sql=True)
    statements = [line for line in editor.collected_sql or () if not line.startswith("--")]
    return policy.complaints(migration, statements, vendor)


def test_O18_each_unreleased_migration_only_expands_the_schema(vendor: str) -> None:
    loader = MigrationLoader(connection, replace_migrations=False)
    complaints = {
        name: found for name in policy.unreleased() if (found := _complaints(loader.get_migration(*name.split(".", 1)), loader, vendor))
    }
    assert not complaints, (
        f"{complaints}\nProcesses of the release before run on this schema, and write meanwhile. Expand now, and contract in a later release. If it does"
        f" no harm, say why in the migration's {policy.EXCEPTIONS}."
    )


NOTE = migrations.CreateModel(
    "Note",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("slot", models.ForeignKey("store.Slot", models.CASCADE)),
        ("at", models.BigIntegerField()),
    ],
    options={"indexes": [models.Index(fields=["at"], name="note_at")]},
)
ONE_BEGINS_AT_A_TIME = models.UniqueConstraint(fields=["begun"], name="backup_begun")
OPERATIONS: dict[str, tuple[Operation, set[str], set[str]]] = {
    # What is done, and the rules that it breaks on SQLite and on PostgreSQL.
    "nullable column": (migrations.AddField("Attempt", "note", models.CharField(max_length=60, null=True)), set(), set()),
    "default of the database": (migrations.AddField("Attempt", "note", models.CharField(max_length=60, db_default="")), set(), set()),
    "new table": (NOTE, set(), set()),
    "default of Django": (
        migrations.AddField("Attempt", "note", models.CharField(max_length=60, default="")),
        set(),
        {"NOT_NULL", "ban-drop-default"},
    ),
    "dropped column": (migrations.RemoveField("BackupRun", "failure"), {"DROP_COLUMN"}, {"DROP_COLUMN", "ban-drop-column"}),
    "dropped table": (migrations.DeleteModel("BackupRun"), {"DROP_TABLE"}, {"DROP_TABLE", "ban-drop-table"}),
    "renamed column": (migrations.RenameField("BackupRun", "failure", "reason"), {"RENAME_COLUMN"}, {"RENAME_COLUMN", "renaming-column"}),
    "renamed table": (migrations.AlterModelTable("BackupRun", "backups"), {"RENAME_TABLE"}, {"RENAME_TABLE", "renaming-table"}),
    "other type": (
        migrations.AlterField("BackupRun", "size", models.CharField(max_length=20, null=True)),
        set(),
        {"ALTER_COLUMN", "changing-column-type"},
    ),
    "index": (
        migrations.AddIndex("Attempt", models.Index(fields=["status"], name="attempt_status")),
        set(),
        {"require-concurrent-index-creation"},
    ),
    "unique": (
        migrations.AddConstraint("BackupRun", ONE_BEGINS_AT_A_TIME),
        set(),
        {"ADD_UNIQUE", "constraint-missing-not-valid", "disallowed-unique-constraint"},
    ),
}


def test_O18_what_contracts_the_schema_or_blocks_it_is_named(vendor: str) -> None:
    loader = MigrationLoader(connection, replace_migrations=False)
    named = {name: _rules(operation, loader, vendor) for name, (operation, _sqlite, _postgres) in OPERATIONS.items()}
    assert named == {name: sqlite if vendor == "sqlite" else postgres for name, (_operation, sqlite, postgres) in OPERATIONS.items()}


def test_O18_a_migration_may_say_why_it_breaks_a_rule(vendor: str) -> None:
    loader = MigrationLoader(connection, replace_migrations=False)
    operation, sqlite, postgres = OPERATIONS["dropped column"]
    rules = sqlite if vendor == "sqlite" else postgres
    assert _rules(operation, loader, vendor, excepted=rules) == set()
    assert _rules(operation, loader, vendor, excepted=rules - {"DROP_COLUMN"}) == {"DROP_COLUMN"}


def _rules(operation: Operation, loader: MigrationLoader, vendor: str, excepted: Collection[str] = ()) -> set[str]:
    migration = _migration(operation, dict.fromkeys(excepted, "No release since 0.3.0 reads it."))
    return {complaint.split(":")[0] for complaint in _complaints(migration, loader, vendor)}


def _migration(operation: Operation, exceptions: Mapping[str, str] = MappingProxyType({})) -> migrations.Migration:
    """The next migration of the app `store`."""
    parts = {"operations": [operation], policy.EXCEPTIONS: exceptions}
    made: migrations.Migration = type("Migration", (migrations.Migration,), parts)("9999_next", "store")
    return made


def test_O18_a_migration_does_not_use_the_models_of_today(vendor: str) -> None:
    def fill(apps: object, schema_editor: object) -> None:
        BackupRun.objects.filter(size=None).delete()

    migration = _migration(migrations.RunPython(fill))
    (complaint,) = _complaints(migration, MigrationLoader(connection, replace_migrations=False), vendor)
    assert complaint.startswith("RUNPYTHON_MODEL_IMPORT")
