"""Moving an installation from SQLite to PostgreSQL and back (O15). One run is enough: it has both databases."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connections
from tests.databases import DatabaseFacts
from tests.postgres import Server
from tests.processes import Process, Starter
from tests.story import Story

from heliograph.store.moving.database_move import DatabaseMove, NotMoved
from heliograph.store.postgres_database import open_postgres
from heliograph.store.sqlite_database import open_sqlite

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    own = Server(fsync=False)
    try:
        yield own
    finally:
        own.stop()


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """An empty database of PostgreSQL."""
    name = f"move{os.urandom(4).hex()}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield server.url(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def sentence(process: Process) -> str:
    """What a refused command says: a sentence, and nothing else."""
    assert process.returncode == 1, process.output
    assert "Traceback" not in process.output
    return process.output


def done(process: Process) -> str:
    assert process.returncode == 0, process.output
    return process.output


def waits(story: Story) -> None:
    """Gives the account what came to an end, what failed, and a change that nobody has sent yet."""
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    with story.worker():
        story.record("R1", status="Attended", profile={"first_name": "花子", "last_name": "O'Brien"})
        story.arrived("/crm", 1)
    story.record("R2", status="Attended")
    connections.close_all()


def rows_of(file: Path) -> dict[str, list[str]]:
    """The rows of all tables of an installation, without what the migrations note. JSON as it is stored by either database."""
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'").fetchall()
        left_out = {"django_migrations", "django_content_type", "auth_permission", "sqlite_sequence", "worker"}
        return {
            name: sorted(repr([canonical(value) for value in row]) for row in db.execute(f'SELECT * FROM "{name}"'))
            for (name,) in tables
            if name not in left_out and not name.startswith("registration_search")
        }


def canonical(value: Any) -> Any:

    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return json.dumps(json.loads(value), sort_keys=True)
    return value


def test_O15_an_installation_moves_to_postgres_and_back(
    forgetful_story: Story, database: DatabaseFacts, heliograph: Starter, url: str, tmp_path: Path
) -> None:
    """Every row is there, numbers go on where they were, and what waited is sent from the new database. The original refuses to be used."""
    waits(forgetful_story)
    file = database.data / "heliograph.db"
    before = rows_of(file)
    said = done(heliograph.run("move", "--to", url))
    assert "Each was read again, and has the same rows." in said
    assert not file.exists()
    assert file.with_name("heliograph.db.moved").exists()
    without_password = re.sub(r":[^:@/]*@", "@", url.partition("?")[0])
    for command in (["serve"], ["migrate"], ["status"], ["doctor"]):
        refusal = sentence(heliograph.run(*command, HELIOGRAPH_DATABASE_URL=""))
        assert f"was moved to {without_password}" in refusal, command
        assert not file.exists()
    with contextlib.closing(open_postgres(url)) as db:
        ((last,),) = db.all("SELECT max(id) FROM action")
        assert min(db.draw({"action_id": 1})["action_id"]) > last
        assert db.all("SELECT nextval(pg_get_serial_sequence('tag', 'id')) > (SELECT max(id) FROM tag)") == [(True,)]
    heliograph.serves(HELIOGRAPH_DATABASE_URL=url)
    forgetful_story.arrived("/crm", 2)
    heliograph.started[-1].terminate()
    back = tmp_path / "back"
    done(heliograph.run("move", "--to", str(back), HELIOGRAPH_DATABASE_URL=url))
    after = rows_of(back / "heliograph.db")
    assert after.keys() == before.keys()
    for table in ("tag", "flow", "connection", "config_history", "registration", "accounts_user", "secret", "event"):
        assert set(before[table]) <= set(after[table]), table
    assert len(after["attempt"]) == len(before["attempt"]) + 1
    assert "was moved to another database" in sentence(heliograph.run("serve", HELIOGRAPH_DATABASE_URL=url))
    heliograph.serves(HELIOGRAPH_DATABASE_URL="", HELIOGRAPH_DATA=str(back))


def test_O15_an_original_that_gets_its_name_back_is_used_again(
    forgetful_story: Story, database: DatabaseFacts, heliograph: Starter, url: str
) -> None:
    forgetful_story.record("R1", status="Attended")
    connections.close_all()
    file = database.data / "heliograph.db"
    done(heliograph.run("move", "--to", url))
    file.with_name("heliograph.db.moved").rename(file)
    heliograph.serves(HELIOGRAPH_DATABASE_URL="")


def test_O15_an_interrupted_move_goes_on(forgetful_story: Story, database: DatabaseFacts, heliograph: Starter, url: str) -> None:
    waits(forgetful_story)
    done(heliograph.run("migrate", HELIOGRAPH_DATABASE_URL=url))

    class Interrupted(Exception):
        pass

    def stop(table: str, _rows: int) -> None:
        if table == "change":
            raise Interrupted

    def moved(on_piece: Any = lambda _table, _rows: None, origin: str = "here") -> int:
        with contextlib.closing(open_sqlite(database.data / "heliograph.db")) as source, contextlib.closing(open_postgres(url)) as target:
            return sum(table.rows for table in DatabaseMove(source, target, origin, on_piece).run())

    with pytest.raises(Interrupted):
        moved(stop)
    with pytest.raises(NotMoved, match="from another original"):
        moved(origin="elsewhere")
    assert moved() > 50
    with pytest.raises(NotMoved, match="is not empty"):
        moved()


def test_O15_a_difference_is_found(forgetful_story: Story, database: DatabaseFacts, heliograph: Starter, url: str) -> None:
    """A row that changes while it is moved is noticed by the digest, not only by the number of rows."""
    waits(forgetful_story)
    done(heliograph.run("migrate", HELIOGRAPH_DATABASE_URL=url))
    with contextlib.closing(open_sqlite(database.data / "heliograph.db")) as source, contextlib.closing(open_postgres(url)) as target:

        def spoil(table: str, _rows: int) -> None:
            if table == "tag":
                with target.transaction():
                    target.run("UPDATE tag SET label = 'Another' WHERE id = (SELECT min(id) FROM tag)")

        with pytest.raises(NotMoved, match="The table tag of the new database differs"):
            DatabaseMove(source, target, "here", spoil).run()


def test_O15_what_speaks_against_a_move_is_said(forgetful_story: Story, heliograph: Starter, url: str, tmp_path: Path) -> None:
    waits(forgetful_story)
    assert "uses SQLite: it moves to PostgreSQL" in sentence(heliograph.run("move", "--to", str(tmp_path / "folder")))
    assert "The schema of the new database cannot be made" in sentence(heliograph.run("move", "--to", f"{url}-absent"))
    heliograph.serves()
    assert "Another Heliograph is using this data folder" in sentence(heliograph.run("move", "--to", url))
    heliograph.started[-2].terminate()
    done(heliograph.run("migrate", HELIOGRAPH_DATABASE_URL=url))
    assert "uses PostgreSQL: it moves to SQLite" in sentence(heliograph.run("move", "--to", url, HELIOGRAPH_DATABASE_URL=url))
    assert "Move it: unset HELIOGRAPH_DATABASE_URL" in sentence(heliograph.run("serve", HELIOGRAPH_DATABASE_URL=url))
