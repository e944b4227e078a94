"""The platform of `tests.pretix_platform` as a real HTTP server on loopback, with a token and doorbells."""

from __future__ import annotations

from typing import Any

from tests.pretix_platform import PretixPlatform
from tests.rest_platform import Answer
from tests.rest_stub import RestStub


class PretixStub(RestStub):
    """Serves a pretix. It answers 401 without its token, as `Authorization: Token …`."""

    platform: Any

    def __init__(self, platform: PretixPlatform, token: str = "") -> None:
        super().__init__(platform)
        self.team_token = token

    def do(self, change: Any) -> Any:
        """Changes the platform at the time of this machine."""
        with self.lock:
            self._set_clock()
            return change(self.platform)

    def _answer(self, url: str, authorization: str) -> Answer:
        if self.team_token and authorization != f"Token {self.team_token}":
            self.urls.append(url)
            return Answer(401, [], {"detail": "Invalid token."})
        return super()._answer(url, authorization)
