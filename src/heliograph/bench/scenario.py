"""The names of the scenarios, for the command line: importing them loads nothing."""

from __future__ import annotations

from enum import StrEnum


class Scenario(StrEnum):
    """What `--scenario` takes."""

    SINGLE = "single"
    BULK = "bulk"
    MANY_FLOWS = "many-flows"
    BACKLOG = "backlog"
    SLOW_TARGETS = "slow-targets"
    BAD_TARGETS = "bad-targets"
    PAGES = "pages"
