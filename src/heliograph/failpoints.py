"""Instants at which a process can be made to die, so that a trial can try each of them (docs/reference/verify.md, Failpoints).

    if failpoints.FOLDER is unset     `reach` does nothing
    if it names a folder              `reach(REQUEST_NOTED)` looks for the file "request-noted" there, deletes it, and kills the process

A process reads the variable once, when it imports this module. No setting of a production start sets it, and a start that has it logs a warning.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Final

VARIABLE: Final = "HELIOGRAPH_TEST_FAILPOINTS"
"""The variable that names the folder. One with this prefix is no setting."""
FOLDER: Final = os.environ.get(VARIABLE, "")


class Instant(StrEnum):
    """An instant, named after what has just happened."""

    CHANGES_WRITTEN = "changes-written"
    CHANGES_COMMITTED = "changes-committed"
    REQUEST_NOTED = "request-noted"
    REQUEST_CONNECTED = "request-connected"
    ANSWER_ARRIVED = "answer-arrived"
    OUTCOMES_WRITTEN = "outcomes-written"
    OUTCOMES_COMMITTED = "outcomes-committed"
    LEASE_RENEWED = "lease-renewed"
    SLOTS_GIVEN_UP = "slots-given-up"
    CRASH_RECORDED = "crash-recorded"
    NOTIFICATION_CLAIMED = "notification-claimed"
    NOTIFICATION_SENT = "notification-sent"


MEANINGS: Final = {
    Instant.CHANGES_WRITTEN: "a batch of changes is written and not committed; on SQLite the write lock is held",
    Instant.CHANGES_COMMITTED: "a batch of changes is committed, and no sender has its answer",
    Instant.REQUEST_NOTED: "a request stands in the in-flight journal, and nothing of it was sent",
    Instant.REQUEST_CONNECTED: "the connection of a request is open, and its first byte is not written",
    Instant.ANSWER_ARRIVED: "a target has answered, and nothing of it is recorded",
    Instant.OUTCOMES_WRITTEN: "a batch of outcomes is written and not committed",
    Instant.OUTCOMES_COMMITTED: "a batch of outcomes is committed, and its requests still stand in the in-flight journal",
    Instant.LEASE_RENEWED: "a worker has renewed its lease, and has not noted the new end of it; on SQLite, its report is not committed",
    Instant.SLOTS_GIVEN_UP: "a worker that was asked to stop has given up its share, with requests in flight",
    Instant.CRASH_RECORDED: "the requests in flight at a crash are recorded, and the dead worker's journal is still there",
    Instant.NOTIFICATION_CLAIMED: "a notification is claimed, and nothing of it was sent",
    Instant.NOTIFICATION_SENT: "a mail server or target has taken a notification, and that is not recorded",
}


def reach(instant: Instant) -> None:
    """Kills this process if the instant is armed."""
    if not FOLDER:
        return
    try:
        Path(FOLDER, instant).unlink()
    except OSError:  # it is not armed, or another process or thread was first
        return
    os.kill(os.getpid(), signal.SIGKILL)
