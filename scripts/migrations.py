"""Keeps released migrations as they are, and new ones such that the release before still runs on the schema (docs/running/releases.md).

    scripts/migrations.py check     whether each released migration is what it was; a step of `make check`
    scripts/migrations.py freeze    writes the digests of all others under this version; a step of a release

A database that has applied a migration never applies it again. Whoever changes it afterwards gives new installations another schema than old ones.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
RELEASED: Final = Path("requirements") / "released-migrations.json"
"""By release, the digest (SHA-256 of the file) of each migration that came with it: {"0.1.0rc1": {"store.0001_initial": "9f2c…"}}."""

REBUILT: Final = ("NOT_NULL",)
"""Rules of the linter that say nothing on SQLite: Django builds a table anew for almost any change, so each of its columns seems to be a new one. What really is
new is judged on PostgreSQL, from the same operations."""
STYLE: Final = (
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-robust-stmts",
    "prefer-text-field",
    "require-lock-timeout",
    "require-statement-timeout",
)
"""Rules of squawk about types, which are Django's, and about what the one who runs `heliograph migrate` decides."""
EXCEPTIONS: Final = "lint_exceptions"
"""An attribute of a migration: why a rule may be broken, by the rule's name, e.g. {"DROP_COLUMN": "No release since 0.3.0 reads it."}."""


def digests(root: Path = ROOT) -> dict[str, str]:
    """Each migration, such as store.0001_initial, with the digest of its file."""
    files = sorted((root / "src" / "heliograph").glob("*/migrations/[0-9]*.py"))
    return {f"{file.parent.parent.name}.{file.stem}": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def released(root: Path = ROOT) -> dict[str, dict[str, str]]:
    stored: dict[str, dict[str, str]] = json.loads((root / RELEASED).read_text("utf-8"))
    return stored


def unreleased(root: Path = ROOT) -> list[str]:
    """The migrations that no release has."""
    known = {name for migrations in released(root).values() for name in migrations}
    return [name for name in digests(root) if name not in known]


def changed(root: Path = ROOT) -> Iterator[str]:
    """A sentence for each released migration that is not what it was."""
    now = digests(root)
    for release, migrations in released(root).items():
        for name, digest in migrations.items():
            if name not in now:
                yield f"The migration {name} was released with {release} and is missing: put it back. Databases have applied it, and others depend on it."
            elif now[name] != digest:
                yield (
                    f"The migration {name} was released with {release} and has changed: put it back, and write a new migration. A database that has"
                    " applied it never applies it again, so it would keep another schema than a new one."
                )


def freeze(version: str, root: Path = ROOT) -> list[str]:
    """Adds the migrations that no release has to this version, and returns them."""
    names = unreleased(root)
    if names:
        now, stored = digests(root), released(root)
        stored[version] = {**stored.get(version, {}), **{name: now[name] for name in names}}
        (root / RELEASED).write_text(json.dumps(stored, indent=2) + "\n", "utf-8")
    return names


def complaints(migration: Any, statements: Sequence[str], vendor: str) -> list[str]:
    """What would break the release before, or block its processes for long, in one migration, as "rule: why". Empty if it only expands.

    migration: of Django
    statements: its SQL on this database, as `sqlmigrate` shows it
    vendor: "sqlite" or "postgresql"
    """
    findings = {**_of_linter(migration, statements, vendor), **(_of_squawk(statements) if vendor == "postgresql" else {})}
    excepted = getattr(migration, EXCEPTIONS, {})
    return [f"{rule}: {why}" for rule, why in findings.items() if rule not in excepted]


def _of_linter(migration: Any, statements: Sequence[str], vendor: str) -> Mapping[str, str]:
    """Errors of django-migration-linter. Its warnings are about locks, which squawk knows better, and about ways back, of which there are none."""
    from django.db.migrations import RunPython  # noqa: PLC0415 -- `check` and `freeze` need neither Django nor the linter
    from django_migration_linter.migration_linter import MigrationLinter  # noqa: PLC0415
    from django_migration_linter.sql_analyser.analyser import analyse_sql_statements, get_sql_analyser_class  # noqa: PLC0415

    errors, _ignored, _warnings = analyse_sql_statements(
        get_sql_analyser_class(vendor), list(statements), REBUILT if vendor == "sqlite" else ()
    )
    for operation in migration.operations:
        if isinstance(operation, RunPython):
            errors += MigrationLinter.get_runpython_model_import_issues(operation.code)
    return {error.code: error.message for error in errors}


def _of_squawk(statements: Sequence[str]) -> Mapping[str, str]:
    """Everything that squawk says of the statements, which are one transaction."""
    program = Path(sys.executable).parent / "squawk"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "migration.sql"
        file.write_text("\n".join(statements) + "\n", "utf-8")
        options = ["--reporter", "json", "--pg-version", "15", "--assume-in-transaction", *(f"--exclude={rule}" for rule in STYLE)]
        done = subprocess.run([program, *options, file], capture_output=True, text=True, check=False)
    return {each["rule_name"]: each["message"] for each in json.loads(done.stdout)}


def main(arguments: Sequence[str]) -> int:
    if arguments == ["freeze"]:
        from heliograph import __version__  # noqa: PLC0415

        if ".dev" in __version__:
            print(f"Version {__version__} is under development: set the version of the release first.", file=sys.stderr)
            return 1
        names = freeze(__version__)
        print(f"Frozen with {__version__}: {', '.join(names) or 'nothing, there is no new migration'}.")
        return 0
    if arguments != ["check"]:
        print(__doc__, file=sys.stderr)
        return 2
    sentences = list(changed())
    for sentence in sentences:
        print(sentence)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
