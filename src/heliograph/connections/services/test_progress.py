"""A test that a page watches: it runs on its own thread and stores its progress, so that any process can show it (C3).

A quick test ends before the page is rendered; a slow one (a target or authority that does not answer) is shown step by step.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection as database
from django.db import connections, transaction

from heliograph.connections.services.save_and_test import try_connection
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisStep, StepMark, Stepped
from heliograph.store import connection_tests
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

PATIENCE: Final = 4.0
"""Seconds that a page waits for the result before it shows the progress."""
LONGEST: Final = 120_000_000
"""Microseconds after which an unfinished test must have died with its process."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A running test. since: microseconds; steps: those that are done; at: the next one."""

    since: int
    steps: tuple[Stepped, ...]
    at: DiagnosisStep


def begin(account: int, id: int, *, sample: bool = False) -> DiagnosisReport | None:
    """Starts a test and waits a little for its result; None while it runs. Raises as `try_connection` does."""
    came: queue.SimpleQueue[DiagnosisReport | Exception] = queue.SimpleQueue()
    threading.Thread(target=_run, args=(account, id, sample, came), name=f"test of connection {id}", daemon=True).start()
    try:
        found = came.get(timeout=PATIENCE)
    except queue.Empty:
        return None
    if isinstance(found, Exception):
        raise found
    return found


def _run(account: int, id: int, sample: bool, came: queue.SimpleQueue[DiagnosisReport | Exception]) -> None:
    """Runs the test on its thread."""
    since = of_django(database).now()

    def told(steps: Sequence[Stepped], at: DiagnosisStep) -> None:
        body = {"since": since, "at": at.value, "steps": [[each.step.value, each.mark.value, each.seconds] for each in steps]}
        with transaction.atomic():
            connection_tests.keep(of_django(database), account, id, {"under_way": body})

    found: DiagnosisReport | Exception
    try:
        found = try_connection(account, id, sample=sample, told=told)
    except Exception as error:  # noqa: BLE001 - the page's thread raises it
        found = error
    try:
        connections.close_all()  # the thread ends, so its connections are no longer used
    finally:
        came.put(found)


def under_way(db: Database, account: int, id: int) -> UnderWay | None:
    """The connection's running test, if any."""
    _at, found = connection_tests.last(db, account).get(id, (0, {}))
    body = found.get("under_way")
    if not isinstance(body, dict) or db.now() - int(body["since"]) > LONGEST:
        return None
    steps = tuple(Stepped(DiagnosisStep(step), StepMark(mark), seconds) for step, mark, seconds in body["steps"])
    return UnderWay(int(body["since"]), steps, DiagnosisStep(body["at"]))
