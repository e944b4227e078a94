"""How many requests an account may send (draft-ietf-httpapi-ratelimit-headers-10)."""

from __future__ import annotations

import math
import threading
import time
from typing import Final

from heliograph.api.api_problems import Problem

WINDOW: Final = 60
"""Seconds of the quota's window."""


class RateLimit:
    """Each account's quota in this process: a bucket that holds the quota and fills evenly within the window."""

    def __init__(self) -> None:
        self._buckets: dict[int, tuple[float, float]] = {}  # account -> requests left, and when that was (monotonic)
        self._lock = threading.Lock()

    def take(self, account: int, quota: int) -> dict[str, str]:
        """Takes one request of the quota. Returns the headers for the answer. Raises Problem (429)."""
        now, rate = time.monotonic(), quota / WINDOW
        with self._lock:
            left, at = self._buckets.get(account, (float(quota), now))
            left = min(float(quota), left + (now - at) * rate)
            is_allowed = left >= 1
            left -= is_allowed
            self._buckets[account] = (left, now)
        headers = {
            "RateLimit-Policy": f'"account";q={quota};w={WINDOW}',
            "RateLimit": f'"account";r={int(left)};t={math.ceil((quota - left) / rate)}',
        }
        if not is_allowed:
            wait = math.ceil((1 - left) / rate)
            raise Problem(
                "rate",
                f"An account may send {quota:,} requests a minute. Try again in {wait} s.",
                headers={**headers, "Retry-After": str(wait)},
            )
        return headers


RATE_LIMIT: Final = RateLimit()
