"""Dumps one instant of a PostgreSQL database, checks the dump and restores it (O13, O14), by PostgreSQL's own programs.

`pg_dump` reads the snapshot of a session of ours, in which the rows are counted: so the counts are of the same instant. The dump is checked by
reading it back as a whole and counting the rows of each table.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store import driver_errors
from heliograph.store.backup.manifest import SnapshotFacts
from heliograph.store.backup.postgres_programs import (
    PostgresProgram,
    ProgramFailed,
    connection_arguments,
    failure_of,
    find_program,
    run_program,
)
from heliograph.store.backup.snapshot_facts import read_facts
from heliograph.store.database import Database
from heliograph.store.postgres_database import open_postgres

_PLAIN: Final = ("--no-owner", "--no-privileges", "--no-comments")
"""A restored database belongs to whoever restores it. Comments on extensions belong to a superuser."""
_LAST_TABLE: Final = "django_migrations"
"""Restored last: without its rows no process of ours uses a database."""


class NotEmpty(HeliographError):
    """The database has tables already."""


def server_major(db: Database) -> tuple[int, str]:
    """The server's major version, and its whole version."""
    ((number, version),) = db.all("SELECT current_setting('server_version_num'), split_part(current_setting('server_version'), ' ', 1)")
    return int(number) // 10_000, str(version)


def dump_database(url: str, target: Path) -> tuple[SnapshotFacts, str, str]:
    """Dumps the database into a new file. Returns what its instant holds, and the versions of the server and of pg_dump.

    Raises NoProgram, ProgramFailed.
    """
    with contextlib.closing(open_postgres(url, idle_timeout_ms=0)) as db:
        major, version = server_major(db)
        program = find_program("pg_dump", major)
        find_program("pg_restore", program.major)  # the check needs it
        instant = db.now()
        db.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        ((snapshot,),) = db.all("SELECT pg_export_snapshot()")
        db.run("SET LOCAL enable_seqscan = on")  # counting reads whole tables
        db.run("SET LOCAL max_parallel_workers_per_gather = 0")  # and leaves the other processors to deliveries
        facts = read_facts(db, instant)
        arguments, environment = connection_arguments(url)
        dump = ["--format=custom", "--compress=1", *_PLAIN, f"--snapshot={snapshot}", "--lock-wait-timeout=60s", f"--file={target}"]
        run_program(program, [*dump, *arguments], environment)
        db.run("COMMIT")
    return facts, version, program.version


def count_dumped_rows(file: Path, least: int) -> dict[str, int]:
    """Reads a whole dump, and counts the rows of each table. Raises NoProgram, ProgramFailed.

    least: the major version of the pg_dump that wrote it
    """
    program = find_program("pg_restore", least)
    counts: dict[str, int] = {}
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen([program.path, "--data-only", "--file=-", file], stdout=subprocess.PIPE, stderr=errors) as process,  # noqa: S603 -- PostgreSQL's program
    ):
        assert process.stdout is not None
        _count_copied_rows(process.stdout, counts)
        if process.wait():
            errors.seek(0)
            raise ProgramFailed(failure_of(program, errors.read()))
    return counts


def _count_copied_rows(lines: Iterable[bytes], counts: dict[str, int]) -> None:
    """Counts the rows between each COPY and its end. A line break inside a value is escaped, so one line is one row."""
    table = ""
    count = 0
    for line in lines:
        if table:
            if line == b"\\.\n":
                counts[table], table = count, ""
            else:
                count += 1
        elif line.startswith(b"COPY ") and line.endswith(b"FROM stdin;\n"):
            table, count = line[5:].split(b" (", 1)[0].decode(), 0


def check_is_empty(db: Database) -> None:
    """Raises NotEmpty if the database has a table, a view or a sequence."""
    ((name, count),) = db.all(
        "SELECT min(c.relname::text), count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
    )
    if count:
        raise NotEmpty(
            f"The database is not empty: it has {count} tables and sequences, such as {name}. A backup is restored only into an empty database."
            " Create one (createdb), and name it in HELIOGRAPH_DATABASE_URL."
        )


def restore_tables(url: str, file: Path, program: PostgresProgram) -> None:
    """Restores everything but the rows of django_migrations, in one transaction: if it fails, the database is as empty as before.

    Raises ProgramFailed.
    """
    listed = subprocess.run([program.path, "--list", file], capture_output=True, check=False)  # noqa: S603 -- PostgreSQL's program
    if listed.returncode:
        raise ProgramFailed(failure_of(program, listed.stderr))
    lines = [line for line in listed.stdout.splitlines() if not _is_last_table(line)]
    with tempfile.NamedTemporaryFile(prefix="heliograph-restore-") as use_list:
        use_list.write(b"\n".join(lines) + b"\n")
        use_list.flush()
        _restore(url, file, program, f"--use-list={use_list.name}")


def restore_last_table(url: str, file: Path, program: PostgresProgram) -> None:
    """Restores the rows of django_migrations, by which processes know that they may use the database. Raises ProgramFailed."""
    _restore(url, file, program, "--data-only", f"--table={_LAST_TABLE}")


def _restore(url: str, file: Path, program: PostgresProgram, *arguments: str) -> None:
    connection, environment = connection_arguments(url)
    run_program(program, ["--single-transaction", "--exit-on-error", *_PLAIN, *arguments, *connection, str(file)], environment)


def _is_last_table(line: bytes) -> bool:
    """Whether a line of a dump's list is the data of django_migrations, such as "3712; 0 16390 TABLE DATA public django_migrations owner"."""
    return b" TABLE DATA " in line and _LAST_TABLE.encode() in line.split()


def analyze(db: Database) -> None:
    """Gives the planner its statistics, which a dump does not hold. It goes on without them where that fails."""
    with contextlib.suppress(*driver_errors.all_errors()):
        db.run("ANALYZE")


def without_migrations(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts without django_migrations, for a database whose last table is not restored yet."""
    return {table: count for table, count in counts.items() if table.rpartition(".")[2] != _LAST_TABLE}
