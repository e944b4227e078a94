"""What a plan of a configuration file writes in its rehearsal, and that an account has one plan at a time (B5)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from django.apps import apps
from django.db import connection

from heliograph.domain.errors import TooMuchWork
from heliograph.store import configuration_versions
from heliograph.store.django_database import of_django
from heliograph.store.rehearsal import HiddenTable

_OF_ACCOUNT: Final = "account_id = :account"
_SET_UP: Final = ("setup", "connections", "mappings", "flows")
"""The Django apps all of whose tables are the account's set-up."""
_COPIED: Final = {
    "accounts_account": "id = :account",
    "config_history": f"{_OF_ACCOUNT} AND until IS NULL",
    "config_version": configuration_versions.OF_ACCOUNT,
    "sequence": "1 = 1",
    **dict.fromkeys(
        ("connection_state", "event", "notification_rule", "notification_settings", "oauth_access", "secret", "source", "source_secret"),
        _OF_ACCOUNT,
    ),
}
"""Further tables that saving a file reads and writes, with the rows that it may need."""
_ADDED_TO: Final = (
    *("action", "audit_entry", "change", "change_content", "figure_delta", "lane", "notification_message", "notification_problem"),
    *("people_sent", "run", "saved_cure", "source_call", "source_item", "source_refusal", "source_ring", "stuck_run"),
)
"""Tables of what happens. Saving a file adds to them and reschedules what waits there, which a plan does not show."""

_LOCK: Final = 8
"""The class of the advisory locks on PostgreSQL (`jobs.owners` lists the others)."""

_planned: set[int] = set()
_lock: Final = threading.Lock()


class PlanRunning(TooMuchWork):
    """Another plan of this account is being made. Try again when it has ended."""

    def __init__(self) -> None:
        super().__init__("Another plan of this account is being made. Try again when it has ended.")


@contextmanager
def one_plan(account: int) -> Iterator[None]:
    """Raises PlanRunning while another plan of the account is made: one of 500 entries takes seconds of CPU.

    On PostgreSQL all processes count together. On SQLite the pages are one process.
    """
    with _lock:
        if account in _planned:
            raise PlanRunning
        _planned.add(account)
    try:
        yield
    finally:
        with _lock:
            _planned.discard(account)


def check_other_processes(account: int) -> None:
    """Raises PlanRunning while another process makes a plan of the account. Inside the transaction of the rehearsal."""
    if not of_django(connection).try_lock(_LOCK, account):
        raise PlanRunning


@cache
def hidden_tables() -> tuple[HiddenTable, ...]:
    """The tables that saving a file writes."""
    set_up = {
        model._meta.db_table: _OF_ACCOUNT for app in _SET_UP for model in apps.get_app_config(app).get_models(include_auto_created=True)
    }
    return (*(HiddenTable(name, where) for name, where in (set_up | _COPIED).items()), *map(HiddenTable, _ADDED_TO))
