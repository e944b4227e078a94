"""Reads what one instant of a database holds. The caller's transaction is the instant (O13)."""

from __future__ import annotations

from typing import Final

from heliograph.domain.delivery.action import ActionState
from heliograph.store.backup.manifest import SnapshotFacts, WaitingWork
from heliograph.store.database import Database
from heliograph.store.instants import from_micros
from heliograph.store.row_states import ACTION_OPEN, STUCK_RUN_WAITING

_TABLES: Final = {
    # Without virtual tables, whose rows are in tables of their own
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%'",
    # Tables with rows of their own: of a partitioned one, its partitions
    "postgresql": "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')",
}
_OPEN_JOBS: Final = "state NOT IN ('done', 'failed', 'cancelled')"


def table_counts(db: Database) -> dict[str, int]:
    """The number of rows of each table, by its name; on PostgreSQL with its schema, quoted as in a dump."""
    names = sorted(name for (name,) in db.all(_TABLES[db.vendor]))
    quoted = (lambda name: f'"{name}"') if db.vendor == "sqlite" else str
    counts = {}
    for name in names:
        ((count,),) = db.all(f"SELECT count(*) FROM {quoted(name)}")
        counts[name] = int(count)
    return counts


def applied_migrations(db: Database) -> list[tuple[str, str]]:
    """App and name of each migration that the database has, sorted."""
    return sorted((app, name) for app, name in db.all("SELECT app, name FROM django_migrations"))


def waiting_work(db: Database) -> WaitingWork:
    """The work that the database holds for workers and the runner of jobs."""
    states: dict[int, int] = dict(db.all(f"SELECT state, count(*) FROM action WHERE {ACTION_OPEN} GROUP BY state"))
    ((untagged,),) = db.all(f"SELECT count(*) FROM stuck_run WHERE {STUCK_RUN_WAITING}")
    jobs = db.all(f"SELECT kind, count(*) FROM jobs_job WHERE {_OPEN_JOBS} GROUP BY kind ORDER BY kind")
    return WaitingWork(
        first_attempts=int(states.get(ActionState.PENDING, 0)),
        retries=sum(int(n) for state, n in states.items() if state != ActionState.PENDING),
        untagged=int(untagged),
        jobs={kind: int(n) for kind, n in jobs},
    )


def read_facts(db: Database, instant: int) -> SnapshotFacts:
    """Everything that a manifest says of the instant.

    instant: the database's clock before the transaction first read, in microseconds
    """
    last = db.all("SELECT at FROM change WHERE id = (SELECT max(id) FROM change)")
    return SnapshotFacts(
        instant=from_micros(instant),
        last_change=from_micros(last[0][0]) if last else None,
        migrations=applied_migrations(db),
        counts=table_counts(db),
        waiting=waiting_work(db),
    )
