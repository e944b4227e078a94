"""One migrated database per module, opened like the engine's. Every test uses its own account (`tests.builders.stored_account`).

`messages` and `german` are for tests of translations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polib
import pytest
from tests.builders.stored_account import StoredAccount, stored_account
from tests.databases import DatabaseFacts, Databases
from tests.marked_german import marked_german, source_messages

from heliograph.store.database import Database


@pytest.fixture(scope="module")
def store_facts(databases: Databases) -> Iterator[DatabaseFacts]:
    """This module's own database."""
    with databases.migrated() as facts:
        yield facts


@pytest.fixture
def connect(store_facts: DatabaseFacts) -> Iterator[Callable[[], Database]]:
    """Opens connections to it; they are closed after the test."""
    made: list[Database] = []

    def connected() -> Database:
        made.append(store_facts.open())
        return made[-1]

    yield connected
    for db in made:
        db.close()


@pytest.fixture
def store(connect: Callable[[], Database]) -> Database:
    """A connection to it."""
    return connect()


@pytest.fixture
def setup(store: Database) -> StoredAccount:
    """An account with an event that is Live and a flow for every registration."""
    return stored_account(store)


@pytest.fixture(scope="session")
def messages() -> Sequence[polib.POEntry]:
    """Every message of the sources."""
    return source_messages()


@pytest.fixture
def german(messages: Sequence[polib.POEntry], tmp_path: Path) -> Iterator[None]:
    """German is every English message, marked."""
    with marked_german(tmp_path, messages):
        yield
