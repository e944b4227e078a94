"""What the tests in a browser share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.databases import Databases
from tests.e2e import showcase as showcases
from tests.e2e.showcase import Showcase


@pytest.fixture(scope="session")
def showcase(databases: Databases) -> Iterator[Showcase]:
    """An installation with its pages in every state."""
    with databases.migrated() as facts, showcases.showcase(facts) as shown:
        yield shown
