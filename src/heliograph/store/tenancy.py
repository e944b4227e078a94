"""The database itself ensures that a row refers only to rows of its own account (docs/design/security.md, section 1).

PostgreSQL does it by a composite foreign key, SQLite by triggers. Django recreates a SQLite table on any alteration, so a migration that
alters a guarded table must repeat its guard (the catalogue test checks that).
"""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation


class SameAccount(Operation):
    """Guards `child.column`: it must refer to a row of `parent` with the same account, or be null."""

    reversible = True

    def __init__(self, child: str, column: str, parent: str, *, account: str = "account_id") -> None:
        self.child, self.column, self.parent, self.account = child, column, parent, account

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.child, self.column, self.parent], {"account": self.account}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    @property
    def _name(self) -> str:
        return f"{self.child}_{self.column}_same_account"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for sql in self._postgres() if schema_editor.connection.vendor == "postgresql" else self._sqlite():
            schema_editor.execute(sql)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f'ALTER TABLE "{self.child}" DROP CONSTRAINT IF EXISTS "{self._name}"')
        else:
            for when in ("insert", "update", "parent"):
                schema_editor.execute(f'DROP TRIGGER IF EXISTS "{self._name}_{when}"')

    def _postgres(self) -> list[str]:
        return [
            f'CREATE UNIQUE INDEX IF NOT EXISTS "{self.parent}_account_and_id" ON "{self.parent}" (account_id, id)',
            (
                f'ALTER TABLE "{self.child}" ADD CONSTRAINT "{self._name}" FOREIGN KEY ({self.account}, {self.column})'
                f' REFERENCES "{self.parent}" (account_id, id) DEFERRABLE INITIALLY DEFERRED'
            ),
        ]

    def _sqlite(self) -> list[str]:
        refused = f"RAISE(ABORT, 'FOREIGN KEY: {self.child}.{self.column} names a row of another account')"
        check = (
            f'SELECT {refused} WHERE NEW.{self.column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "{self.parent}" p'
            f" WHERE p.id = NEW.{self.column} AND p.account_id = NEW.{self.account})"
        )
        return [
            f'CREATE TRIGGER IF NOT EXISTS "{self._name}_insert" BEFORE INSERT ON "{self.child}" BEGIN {check}; END',
            f'CREATE TRIGGER IF NOT EXISTS "{self._name}_update" BEFORE UPDATE OF {self.account}, {self.column} ON "{self.child}" BEGIN {check}; END',
            (
                f'CREATE TRIGGER IF NOT EXISTS "{self._name}_parent" BEFORE UPDATE OF account_id ON "{self.parent}"'
                f" WHEN NEW.account_id <> OLD.account_id BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY: a row cannot move to another account'); END"
            ),
        ]

    def describe(self) -> str:
        return f"{self.child}.{self.column} names a {self.parent} of the same account"
