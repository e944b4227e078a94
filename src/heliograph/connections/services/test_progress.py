"""A test that a page watches: on a thread of its own, told of in the database, so that whichever process draws the page sees how far it is (C3).

A quick one has ended before the page is drawn; a slow one (a target that does not answer, an authority that thinks) is watched step by step.
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
from heliograph.store.database import Database, of_django

PATIENCE: Final = 4.0
"""Seconds that a page waits for the end before it shows how far the test is."""
LONGEST: Final = 120_000_000
"""Microseconds after which a test that has not ended was ended by the end of its process."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A test that goes on. since: microseconds; steps: those that are done; at: the one that comes now."""

    since: int
    steps: tuple[Stepped, ...]
    at: DiagnosisStep


def begin(account: int, id: int, *, sample: bool = False) -> DiagnosisReport | None:
    """Begins a test and waits a little for its end; None while it goes on. Raises as `try_connection` does."""
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
    """The thread."""
    since = of_django(database).now()

    def told(steps: Sequence[Stepped], at: DiagnosisStep) -> None:
        body = {"since": since, "at": at.value, "steps": [[each.step.value, each.mark.value, each.seconds] for each in steps]}
        with transaction.atomic():
            connection_tests.keep(of_django(database), account, id, {"under_way": body})

    try:
        came.put(try_connection(account, id, sample=sample, told=told))
    except Exception as error:  # noqa: BLE001 - the page's thread raises it
        came.put(error)
    finally:
        connections.close_all()  # the thread ends, and with it the use of its connections


def under_way(db: Database, account: int, id: int) -> UnderWay | None:
    """The connection's test, if one goes on just now."""
    _at, found = connection_tests.last(db, account).get(id, (0, {}))
    body = found.get("under_way")
    if not isinstance(body, dict) or db.now() - int(body["since"]) > LONGEST:
        return None
    steps = tuple(Stepped(DiagnosisStep(step), StepMark(mark), seconds) for step, mark, seconds in body["steps"])
    return UnderWay(int(body["since"]), steps, DiagnosisStep(body["at"]))
