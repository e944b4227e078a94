"""docs/design/indexes.md says of every index of the tables that a change and its delivery write what needs it, and names no other."""

from __future__ import annotations

import re
from typing import Final

import pytest
from tests.architecture import source

PAGE: Final = source.ROOT / "docs" / "design" / "indexes.md"
CATALOGUE: Final = source.ROOT / "tests" / "contract" / "catalogue"
SEARCH_INDEX: Final = source.PACKAGE / "store" / "search_index.py"
TABLES: Final = {
    *("registration", "session_registration", "change", "change_content", "change_content_rest", "run", "stuck_run"),
    *("lane", "action", "attempt", "attempt_content", "attempt_content_rest", "idempotency"),
    *("figure_delta", "figure_sum", "figure_hour", "figure_bitmap", "people_sent"),
}
INDEX: Final = re.compile(r'^index \| .*CREATE (?:UNIQUE )?INDEX "?(\w+)"? ON (?:ONLY )?(?:public\.)?"?(\w+)"?', re.MULTILINE)


def indexes(vendor: str) -> set[str]:
    """The indexes of the tables in a vendor's catalogue."""
    return {name for name, table in INDEX.findall((CATALOGUE / f"{vendor}.txt").read_text("utf-8")) if table in TABLES}


def of_search() -> set[str]:
    """The indexes of PostgreSQL's search, which are in no catalogue: not every server has them."""
    text = SEARCH_INDEX.read_text("utf-8")
    return {
        *re.findall(r"CREATE INDEX (\w+)", text),
        *(f"{table}_pkey" for table in re.findall(r"CREATE TABLE (\w+) \(\w+ bigint PRIMARY", text)),
    }


def documented() -> list[str]:
    """The names in the first column of each table of indexes."""
    tables = re.findall(r"^\| index \|.*\n\| --- .*\n((?:\|.*\n)+)", PAGE.read_text("utf-8"), re.MULTILINE)
    return [name for table in tables for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_every_index_says_what_needs_it(vendor: str) -> None:
    found = indexes(vendor)
    assert len(found) > len(TABLES), "the catalogue is not read as it is written"
    missing = sorted(found - set(documented()))
    assert not missing, f"docs/design/indexes.md does not name {missing}"


def test_no_index_is_named_that_is_not_there() -> None:
    gone = sorted(set(documented()) - indexes("sqlite") - indexes("postgresql") - of_search())
    assert not gone, f"docs/design/indexes.md names {gone}, which no database has"


def test_each_index_stands_there_once() -> None:
    names = documented()
    assert len(names) == len(set(names)), sorted(name for name in set(names) if names.count(name) > 1)


def test_the_indexes_of_search_stand_there_too() -> None:
    assert of_search()
    assert of_search() <= set(documented())
