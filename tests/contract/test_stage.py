"""The ground of `bench` and `verify`: never a database in use."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.databases import DatabaseFacts

from heliograph.stage import ground
from heliograph.stage.ground_error import GroundError
from heliograph.stage.trial_database import MARK, TrialDatabase


def _tables(session: psycopg.Connection[Any]) -> set[str]:
    return {name for (name,) in session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()}


def test_a_used_database_is_refused_and_stays_as_it_is(fresh_database: DatabaseFacts) -> None:
    if fresh_database.vendor == "sqlite":  # there a trial has its own file and takes no other
        file = fresh_database.data / "heliograph.db"
        before_bytes = file.read_bytes()
        with pytest.raises(GroundError, match="postgresql://"), ground.ground("test", fresh_database.url):
            pass
        assert file.read_bytes() == before_bytes
        return
    with psycopg.connect(fresh_database.url, autocommit=True) as session:
        before = _tables(session)
        with pytest.raises(GroundError, match="is in use"), ground.ground("test", fresh_database.url):
            pass
        assert _tables(session) == before


def test_what_a_killed_trial_left_is_thrown_away(empty_database: DatabaseFacts) -> None:
    if empty_database.vendor == "sqlite":
        with pytest.raises(GroundError, match="postgresql://"), ground.ground("test", empty_database.url):
            pass
        assert not (empty_database.data / "heliograph.db").exists()
        return
    with psycopg.connect(empty_database.url, autocommit=True) as session:
        TrialDatabase(empty_database.url).close()
        assert _tables(session) == {MARK}
        session.execute("CREATE TABLE left_over (id bigserial PRIMARY KEY); CREATE VIEW seen AS SELECT * FROM left_over")
    claimed = TrialDatabase(empty_database.url)
    with psycopg.connect(empty_database.url, autocommit=True) as session:
        assert _tables(session) == {MARK}
    with pytest.raises(GroundError, match="Another trial"):
        TrialDatabase(empty_database.url)
    claimed.close()


def test_a_trial_that_has_restarted_its_server_clears_the_database(empty_database: DatabaseFacts) -> None:
    """`verify` restarts the server, and its own session ends with it (found by a trial of 200 kills, which then had no report)."""
    if empty_database.vendor == "sqlite":
        with pytest.raises(GroundError, match="cannot be reached"):
            TrialDatabase(f"postgresql://nobody@/none?host={empty_database.data}")
        return
    claimed = TrialDatabase(empty_database.url)
    with psycopg.connect(empty_database.url, autocommit=True) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'heliograph trial'"
        )
    claimed.clear()
    claimed.close()
    with psycopg.connect(empty_database.url, autocommit=True) as session:
        assert _tables(session) == set()
