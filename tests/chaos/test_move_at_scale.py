"""An installation of any size is moved to PostgreSQL and back (O15): all three databases answer every read of the REST API alike, and send the same
next deliveries."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connections
from tests.databases import DatabaseFacts
from tests.postgres import Server
from tests.processes import Starter
from tests.story import Story

pytestmark = pytest.mark.once
WAITING = 60
"""Changes that nobody has sent when the installation is moved."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An empty database of PostgreSQL."""
    server = Server(fsync=False)
    try:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE moved")
        yield server.url("moved")
    finally:
        server.stop()


class Installation:
    """One of the databases between which an installation was moved."""

    def __init__(self, heliograph: Starter, **environment: str) -> None:
        self.heliograph = heliograph
        self.environment = environment

    def answers(self, token: str, file: Path, ids: int) -> dict[str, Any]:
        """What every read of the REST API answers, by address. ids: how many for each parameter"""
        environment = self.heliograph.database.env(
            HELIOGRAPH_API_REQUESTS="1000000", HELIOGRAPH_BASE_URL="http://testserver", **self.environment
        )
        done = subprocess.run(
            [sys.executable, "-m", "tests.api_reads", token, str(file), str(ids)], env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()[-3_000:]
        answers: dict[str, Any] = json.loads(file.read_text())
        return answers

    def sends(self, story: Story) -> list[tuple[str | None, bytes]]:
        """The deliveries that a worker sends next, as (webhook-id, body), in the order of ids."""
        story.receiver.forget()
        self.heliograph.serves(**self.environment)
        requests = story.arrived("/crm", WAITING)
        self.heliograph.started[-1].terminate()
        return sorted((request.header("webhook-id"), request.body) for request in requests)


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """What two databases answer differently, by address and member."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from differences(one.get(name), other.get(name), f"{place} {name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (each, another) in enumerate(zip(one, other, strict=True)):
            yield from differences(each, another, f"{place} {number}")
    elif one != other:
        yield f"{place}: {one!r:.200} became {other!r:.200}"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("changes", "ids"), [(200, 1), pytest.param(1_000_000, 3, marks=pytest.mark.trial)])
def test_O15_answers_and_next_deliveries_are_those_of_the_original(
    forgetful_story: Story, database: DatabaseFacts, heliograph: Starter, url: str, tmp_path: Path, changes: int, ids: int
) -> None:
    story = forgetful_story
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.record_many(
        [{"event": "SUMMIT", "code": f"W{n}", "status": "Attended", "profile": {"first_name": "花子"}} for n in range(WAITING)]
    )
    connections.close_all()
    tokens = {}
    seeded = heliograph.run("seed", "--changes", str(changes), "--yes", timeout=1_800)
    assert seeded.returncode == 0, seeded.output
    for account in ("ACME", "SEEDED"):
        made = heliograph.run("createtoken", account, "--name", "reader", "--scope", "read")
        tokens[account] = next(word for word in made.output.split() if word.startswith("hg_"))

    original = Installation(heliograph)
    before = {account: original.answers(token, tmp_path / "before", ids) for account, token in tokens.items()}
    assert len(before["SEEDED"]) > 100
    moved = heliograph.run("move", "--to", url, timeout=1_800)
    assert moved.returncode == 0, moved.output
    kept = tmp_path / "kept"
    kept.mkdir()
    for part in ("", "-wal"):  # the story has the database open, so some rows are still in the second one
        (database.data / f"heliograph.db.moved{part}").rename(kept / f"heliograph.db{part}")

    target = Installation(heliograph, HELIOGRAPH_DATABASE_URL=url)
    for account, token in tokens.items():
        assert not list(differences(before[account], target.answers(token, tmp_path / "there", ids)))
    back = heliograph.run("move", "--to", str(tmp_path / "back"), timeout=1_800, HELIOGRAPH_DATABASE_URL=url)
    assert back.returncode == 0, back.output
    again = Installation(heliograph, HELIOGRAPH_DATABASE_URL="", HELIOGRAPH_DATA=str(tmp_path / "back"))
    for account, token in tokens.items():
        assert not list(differences(before[account], again.answers(token, tmp_path / "again", ids)))

    with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("DROP TABLE moved_away")  # so that the database that was moved back may send, too
    sent = [each.sends(story) for each in (Installation(heliograph, HELIOGRAPH_DATABASE_URL="", HELIOGRAPH_DATA=str(kept)), target, again)]
    assert len(sent[0]) == WAITING
    assert sent[0] == sent[1] == sent[2]
