"""The demo's three targets on loopback: "Slack", "CRM" and "badge printer", each with typical troubles of its kind."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from heliograph.stage.receiver import ReceiverConnection, path_of

SLACK, CRM, BADGES = "/services/T0DEMO/B0DEMO/no-secret-at-all", "/api/leads", "/print"
# Share of requests that meet a trouble; the badge printer has a bad day, so that Retry has something to show.
TROUBLE = {SLACK: 0.12, CRM: 0.12, BADGES: 0.7}


@dataclass(slots=True)
class DemoTargets:
    """The targets' behaviour."""

    _random: random.Random = field(default_factory=lambda: random.Random(26))  # noqa: S311 -- a story, not a secret
    _leads: set[str] = field(default_factory=set)

    def take(self, connection: ReceiverConnection, head: bytes, body: bytes) -> None:
        """Answers a request, or drops the connection."""
        path = path_of(head)
        trouble = self._random.random() if self._random.random() < TROUBLE.get(path, 0) else None
        answer = {SLACK: self._slack, CRM: self._crm, BADGES: self._badges}.get(path, _no_target)(body, trouble)
        if answer is None:
            connection.transport.close()
        else:
            status, headers, text = answer
            connection.answer(status, text, headers)

    def _slack(self, body: bytes, trouble: float | None) -> tuple[int, dict[str, str], bytes]:
        if trouble is not None:
            if trouble < 0.6:
                return HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "5"}, b"rate_limited"
            return HTTPStatus.INTERNAL_SERVER_ERROR, {}, b"rollup_error"
        if not isinstance(_json(body), dict):
            return HTTPStatus.BAD_REQUEST, {}, b"invalid_payload"
        return HTTPStatus.OK, {}, b"ok"

    def _crm(self, body: bytes, trouble: float | None) -> tuple[int, dict[str, str], bytes]:
        if trouble is not None:
            if trouble < 0.5:
                return HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "3"}, b'{"error": "The CRM is being updated"}'
            return HTTPStatus.FORBIDDEN, {}, b'{"error": "This user may not write leads"}'
        lead = _json(body)
        key = lead.get("ExternalId") if isinstance(lead, dict) else None
        if not key:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {}, b'{"error": "ExternalId is missing"}'
        created = key not in self._leads
        self._leads.add(str(key))
        return (
            HTTPStatus.CREATED if created else HTTPStatus.OK,
            {"Content-Type": "application/json"},
            json.dumps({"created": created}).encode(),
        )

    def _badges(self, body: bytes, trouble: float | None) -> tuple[int, dict[str, str], bytes] | None:
        if trouble is not None:
            return None if trouble < 0.7 else (HTTPStatus.INTERNAL_SERVER_ERROR, {}, b"out of paper")
        form = parse_qs(body.decode("utf-8", "replace"))
        if "name" not in form:
            return HTTPStatus.BAD_REQUEST, {}, b"a badge needs a name"
        return HTTPStatus.ACCEPTED, {}, b"printing"


def _no_target(_body: bytes, _trouble: float | None) -> tuple[int, dict[str, str], bytes]:
    return HTTPStatus.NOT_FOUND, {}, b"no such target"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
