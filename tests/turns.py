"""Parts of `make test` share the test files of a database: each takes the next one when it is free, so that all end at about the same time.

A plugin of pytest (`-p tests.turns`). The library for this, pytest-xdist, would give its workers one database server and one network, and wants all of
them to collect the same tests in the same order.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest

FILE: Final = "HELIOGRAPH_TEST_TURNS"
"""The variable that names the file in which the parts count the test files that they have taken."""


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Runs the tests of the files that this part takes. None: pytest itself says why none are run."""
    if session.testsfailed or session.config.option.collectonly:
        return None
    tests = _taken(session.items)
    test = next(tests, None)
    while test is not None:
        following = next(tests, None)
        test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        test = following
    return True


def _taken(tests: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """The tests of one file after the other: those first that take longest, more or less."""
    by_file = sorted(tests, key=lambda test: test.path)
    files = sorted((list(of_file) for _, of_file in groupby(by_file, key=lambda test: test.path)), key=_length, reverse=True)
    while (turn := _next_turn()) < len(files):
        yield from files[turn]


def _length(tests: list[pytest.Item]) -> tuple[bool, int]:
    """Whether a test of the file says that it may take longer than others; bytes."""
    return any(test.get_closest_marker("timeout") for test in tests), tests[0].path.stat().st_size


def _next_turn() -> int:
    with Path(os.environ[FILE]).open("r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        turn = int(file.read() or 0)
        file.seek(0)
        file.write(str(turn + 1))
    return turn
