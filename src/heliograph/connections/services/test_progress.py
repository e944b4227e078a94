"""Runs a test of a connection on its own thread, and stores its progress so that any process can show it (C3).

A quick test ends before the page is rendered. A slow one, whose target or authority does not answer, is shown step by step.
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
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisStep, Stepped, StepState
from heliograph.store import connection_tests
from heliograph.store.database import Database
from heliograph.store.django_database import of_django

PATIENCE: Final = 4.0
"""Seconds that a page waits for the result before it shows the progress."""
LONGEST: Final = 120_000_000
"""Microseconds after which an unfinished test counts as dead: its process must have ended."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A running test."""

    since: int
    """When it began, in microseconds."""
    steps: tuple[Stepped, ...]
    """The finished steps."""
    at: DiagnosisStep
    """The step that is running."""


def begin(account: int, id: int, *, sample: bool = False) -> DiagnosisReport | None:
    """Starts a test and waits PATIENCE for its result. Returns None if it still runs. Raises what `try_connection` raises."""
    came: queue.SimpleQueue[DiagnosisReport | Exception] = queue.SimpleQueue()
    threading.Thread(target=_run, args=(account, id, sample, came), name=f"test of connection {id}", daemon=True).start()
    try:
        result = came.get(timeout=PATIENCE)
    except queue.Empty:
        return None
    if isinstance(result, Exception):
        raise result
    return result


def _run(account: int, id: int, sample: bool, came: queue.SimpleQueue[DiagnosisReport | Exception]) -> None:
    """Runs the test on its own thread, and puts the report or the exception into `came`."""
    since = of_django(database).now()

    def store_progress(steps: Sequence[Stepped], at: DiagnosisStep) -> None:
        body = {"since": since, "at": at.value, "steps": [[each.step.value, each.state.value, each.seconds] for each in steps]}
        with transaction.atomic():
            connection_tests.keep(of_django(database), account, id, {"under_way": body})

    result: DiagnosisReport | Exception
    try:
        result = try_connection(account, id, sample=sample, report_progress=store_progress)
    except Exception as error:  # noqa: BLE001 - the page's thread raises it
        result = error
    try:
        connections.close_all()  # the thread ends, so its connections are no longer used
    finally:
        came.put(result)


def under_way(db: Database, account: int, id: int) -> UnderWay | None:
    """The connection's running test, if any."""
    _at, stored_body = connection_tests.last(db, account).get(id, (0, {}))
    body = stored_body.get("under_way")
    if not isinstance(body, dict) or db.now() - int(body["since"]) > LONGEST:
        return None
    steps = tuple(Stepped(DiagnosisStep(step), StepState(mark), seconds) for step, mark, seconds in body["steps"])
    return UnderWay(int(body["since"]), steps, DiagnosisStep(body["at"]))
