"""A database that explains each statement before running it, and collects those that read a whole hot table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from heliograph.store.database import Database, Row
from heliograph.store.postgres_database import PostgresDatabase, as_arrays, pyformat

HOT: Final = frozenset(
    [
        "action",
        "attempt",
        "attempt_content",
        "change",
        "change_content",
        "config_history",
        "idempotency",
        "stuck_run",
        "lane",
        "registration",
        "run",
        "session_registration",
        "source_call",
    ]
)
"""Tables that grow with traffic. Small by nature: slot, worker, sequence, connection_state, config_version, figure_delta (folded
continuously)."""


_BY_ACCOUNT: Final = re.compile(r"SEARCH (\w+) USING INDEX \w+ \(account_id=\?(?: AND mode=\?)?\)")
"""SQLite estimates ten rows per account, and prefers that index to a list of ids."""


class Explaining:
    """A Database for the code under test. scans: (table, how, statement) of statements that read a whole hot table, or all of an account's
    rows in it.

    plans: on SQLite, all its output, line by line.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self.scans: list[tuple[str, str, str]] = []
        self.plans: list[str] = []
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def all(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        self._explain(sql, params)
        return self._db.all(sql, params)

    def run(self, sql: str, params: Mapping[str, Any] | None = None) -> int:
        self._explain(sql, params)
        return self._db.run(sql, params)

    def many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        kept = list(rows)
        if kept:
            self._explain(sql, kept[0])
        self._db.many(sql, kept)

    def _explain(self, sql: str, params: Mapping[str, Any] | None) -> None:
        if sql.split(None, 1)[0].upper() not in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
            return
        self.statements += 1
        found = self._on_sqlite(sql, params) if self._db.vendor == "sqlite" else self._on_postgres(sql, params)
        self.scans += [(table, how, sql) for table, how in found]

    def _on_sqlite(self, sql: str, params: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
        plan = [str(how) for *_, how in self._db.all(f"EXPLAIN QUERY PLAN {sql}", params)]
        # A walk in index order ends with the page; any other access by account alone reads all its rows.
        walks = "LIMIT" in sql.upper() and "ORDER BY" in sql.upper() and not any("TEMP B-TREE FOR ORDER BY" in how for how in plan)
        self.plans += plan
        for how in plan:
            match = re.match(r"SCAN (\w+)", how) or (None if walks else _BY_ACCOUNT.match(how))
            if match is None:
                continue
            alias = re.search(rf"\b({'|'.join(HOT)})\s+(?:AS\s+)?{match[1]}\b", sql)
            table = alias[1] if alias else match[1]
            if table in HOT:
                yield table, how

    def _on_postgres(self, sql: str, params: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
        assert isinstance(self._db, PostgresDatabase)
        with self._db._cursor() as cursor:
            ((plans,),) = cursor.execute(f"EXPLAIN (FORMAT JSON) {pyformat(sql)}", as_arrays(params)).fetchall()
        nodes = [(plans[0]["Plan"], False)]
        while nodes:
            node, limited = nodes.pop()
            limited = limited or node["Node Type"] == "Limit"
            nodes += [(inner, limited) for inner in node.get("Plans", ())]
            table = node.get("Relation Name", "")
            partition_of = next((hot for hot in HOT if table.startswith(f"{hot}_")), "") if table not in HOT else table
            whole_index = node["Node Type"] in ("Index Scan", "Index Only Scan") and "Index Cond" not in node and not limited
            if partition_of and (node["Node Type"] == "Seq Scan" or whole_index):
                yield table, node["Node Type"]


def kept_plans(db: PostgresDatabase) -> Iterator[tuple[str, str, str]]:
    """The index scans in the plans that the connection's prepared statements keep, as (statement, index, condition; "" = none).

    With `prepare_threshold` 0, these are all statements since the connection was opened."""
    with db._cursor() as cursor:
        prepared = cursor.execute(
            "SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements WHERE statement ~ '^(SELECT|INSERT|UPDATE|DELETE|WITH) '"
        ).fetchall()
        for name, statement, parameters in prepared:
            values = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
            ((plans,),) = cursor.execute(f'EXPLAIN (FORMAT JSON) EXECUTE "{name}"{values}', prepare=False).fetchall()
            nodes = [plans[0]["Plan"]]
            while nodes:
                node = nodes.pop()
                nodes += node.get("Plans", ())
                if "Index Name" in node:
                    yield statement, node["Index Name"], node.get("Index Cond", "")
