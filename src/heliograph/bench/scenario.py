"""The names of the scenarios, in a module of their own so that the command line loads nothing else."""

from __future__ import annotations

from enum import StrEnum


class Scenario(StrEnum):
    """The values of `--scenario`."""

    SINGLE = "single"
    BULK = "bulk"
    MANY_FLOWS = "many-flows"
    BACKLOG = "backlog"
    SLOW_TARGETS = "slow-targets"
    BAD_TARGETS = "bad-targets"
    PAGES = "pages"
    INSIGHTS = "insights"
    OVERVIEW = "overview"
    API = "api"
    CALLS = "calls"
    BACKUP = "backup"
    LIGHT = "light"
