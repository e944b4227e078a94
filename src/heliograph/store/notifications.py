"""On PostgreSQL: how processes on any machine tell each other that something was recorded (docs/design/processes.md, section 5).

The NOTIFY is sent after the commit, on its own connection: inside the recording transactions it would make their commits wait for each
other. A lost notification (a broken session, a pooler without LISTEN) costs up to a fifth of a second, because workers also poll.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    import psycopg

log = structlog.get_logger(__name__)

CHANNEL: Final = "heliograph_recorded"
PAUSE: Final = 0.005
"""Seconds between two NOTIFYs: a notified worker reads everything there is."""
AGAIN_AFTER: Final = 1.0
"""Seconds after which a lost session is reopened."""


class _Session(ABC):
    """A thread with its own session, which it reopens when lost, until `close`."""

    def __init__(self, name: str, dsn: str) -> None:
        self._dsn = dsn
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and its session."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        import psycopg  # noqa: PLC0415 -- only PostgreSQL has such sessions

        from heliograph.store.postgres_connection import connection_string  # noqa: PLC0415

        while not self._closed.is_set():
            try:
                with psycopg.connect(connection_string(self._dsn), autocommit=True, application_name="heliograph news") as session:
                    self._use(session)
            except psycopg.Error as error:
                log.debug("notify_session_lost", thread=self._thread.name, error=type(error).__name__)
                self._closed.wait(AGAIN_AFTER)

    @abstractmethod
    def _use(self, session: psycopg.Connection[Any]) -> None:
        """Runs until it is closed. Raises psycopg.Error."""


class Teller(_Session):
    """Notifies the other processes. Callable from any thread; it does not wait."""

    def __init__(self, dsn: str) -> None:
        self._news = threading.Event()
        super().__init__("telling", dsn)

    def __call__(self) -> None:
        self._news.set()

    def close(self) -> None:
        self._closed.set()
        self._news.set()
        super().close()

    def _use(self, session: psycopg.Connection[Any]) -> None:
        while self._news.wait() and not self._closed.is_set():
            self._news.clear()  # before notifying: anything recorded from now on needs another notification
            session.execute(f"NOTIFY {CHANNEL}")
            self._closed.wait(PAUSE)


class Listener(_Session):
    """Calls `wake` on its own thread whenever something was recorded, and once when it starts to listen: something may have been recorded
    before."""

    def __init__(self, dsn: str, wake: Callable[[], object]) -> None:
        self._wake = wake
        super().__init__("listening", dsn)

    def _use(self, session: psycopg.Connection[Any]) -> None:
        session.execute(f"LISTEN {CHANNEL}")
        self._wake()
        while not self._closed.is_set():
            for _ in session.notifies(timeout=1.0, stop_after=1):
                self._wake()
