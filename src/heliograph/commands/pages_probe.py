"""Asks the pages' server whether it has a thread for a request (O2): its process may run while all its threads are busy."""

from __future__ import annotations

import http.client
import threading
import time
from typing import Final

from heliograph.domain.http_request import PAGES_HEALTH

WITHIN: Final = 3.0
"""Seconds in which the pages must answer."""
REMEMBERED: Final = 1.0
"""Seconds for which an answer counts: many probes ask the pages once."""
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- it is only compared
"""Listening addresses that stand for all addresses -> the address to connect to."""


class PagesProbe:
    """Asks at the address that the pages are bound to."""

    def __init__(self, host: str, port: int, within: float = WITHIN) -> None:
        self._host, self._port, self._within = EVERYWHERE.get(host, host), port, within
        self._asking = threading.Lock()
        self._answered = False
        self._asked_at = float("-inf")

    def answers(self) -> bool:
        """Whether the pages answered a request, now or a moment ago."""
        with self._asking:
            if time.monotonic() >= self._asked_at + REMEMBERED:
                self._answered = self._ask()
                self._asked_at = time.monotonic()
            return self._answered

    def _ask(self) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._within)
        try:
            connection.request("GET", PAGES_HEALTH, headers={"Connection": "close"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
