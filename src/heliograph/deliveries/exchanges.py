"""The stored request and response of an attempt, with secrets masked (C5: shown as text, never rendered)."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from heliograph.domain.connection.secret import MASK
from heliograph.domain.delivery.outcomes import Cause
from heliograph.store.database import Database

SHOWN_BODY = 20_000
"""Characters of a body that a page shows."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The request and response of one attempt. Its fields are empty if nothing was sent, or if the content is no longer stored."""

    method: str = ""
    url: str = ""
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: str = ""
    status: int | None = None
    failure: Cause | None = None
    """Why there was no response."""
    response_headers: tuple[tuple[str, str], ...] = ()
    response_body: str = ""
    truncated: bool = False
    address: str = ""
    request_cut: bool = False
    """True if the end of the request's body was not stored."""
    timings: Mapping[str, int] = field(default_factory=dict)
    """Milliseconds by step."""

    @property
    def sent(self) -> bool:
        """True if there is a request to show."""
        return bool(self.method)

    def json_rows(self) -> list[tuple[str, str]] | None:
        """The keys of a flat JSON object with their values as JSON; None for anything else."""
        try:
            body = json.loads(self.request_body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(body, dict) or any(isinstance(value, (dict, list)) for value in body.values()):
            return None
        return [(key, json.dumps(value, ensure_ascii=False)) for key, value in body.items()]

    def pretty_body(self) -> str:
        """The request's body, with JSON indented."""
        try:
            return json.dumps(json.loads(self.request_body), indent=2, ensure_ascii=False)[:SHOWN_BODY]
        except (ValueError, RecursionError):
            return self.request_body[:SHOWN_BODY]

    def curl(self) -> str:
        """A shell command that sends the same request.

        Each masked secret is a shell variable, such as $SECRET_PATH or $SECRET_AUTHORIZATION, which the user sets before. With -g, curl does not
        take brackets in the URL for a pattern.
        """
        parts = [f"curl -g --path-as-is -X {shlex.quote(self.method)} {_with_variable(self.url, 'PATH')}"]
        parts += [
            f"-H {_with_variable(f'{name}: {value}' if value else f'{name};', name)}"  # curl would drop a header without a value
            for name, value in self.request_headers
        ]
        if self.request_body:
            parts.append(f"--data-raw {shlex.quote(self.request_body)}")
        return " \\\n  ".join(parts)


def _with_variable(text: str, name: str) -> str:
    """A text as one word of a shell command, with a variable in place of each mask."""
    variable = "SECRET_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    plain = [shlex.quote(part) if part else "" for part in text.split(MASK)]
    return f'"${variable}"'.join(plain)


def exchanges(db: Database, account: int, actions: Iterable[int]) -> dict[tuple[int, int], Exchange]:
    """The stored exchanges of attempts, by (action, n)."""
    ids = sorted(set(actions))
    if not ids:
        return {}
    rows = db.all(
        f"SELECT action_id, n, request, response FROM attempt_content WHERE +account_id = :account AND {db.member('action_id', 'ids')}",
        {"account": account, "ids": ids},
    )
    return {(action, n): exchange(request, response) for action, n, request, response in rows}


def exchange(request: str, response: str) -> Exchange:
    """The exchange of two stored JSON texts. Missing or unexpected parts are left empty."""
    request_parts, answered = _object(request), _object(response)
    return Exchange(
        method=_text(request_parts.get("method")),
        url=_text(request_parts.get("url")),
        request_headers=_headers(request_parts.get("headers")),
        request_body=_text(request_parts.get("body")),
        status=answered["status"] if isinstance(answered.get("status"), int) else None,
        failure=Cause(answered["failure"]) if answered.get("failure") in tuple(Cause) else None,
        response_headers=_headers(answered.get("headers")),
        response_body=_text(answered.get("body"))[:SHOWN_BODY],
        truncated=bool(answered.get("cut")) or len(_text(answered.get("body"))) > SHOWN_BODY,
        address=_text(answered.get("address")),
        request_cut=bool(request_parts.get("cut")),
        timings=_timings(answered.get("timings")),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    if isinstance(value, dict):
        return tuple((str(name), str(text)) for name, text in value.items())
    if isinstance(value, list):
        return tuple((str(pair[0]), str(pair[1])) for pair in value if isinstance(pair, list) and len(pair) == 2)
    return ()


def _timings(value: object) -> dict[str, int]:
    """The durations of the steps in milliseconds, which add up to the total.

    The stored values are seconds. "name", "connect" and "tls" are durations; "first" (the first byte of the answer) and "total" count from the
    start of the request. Without a first byte, all time after the connection is one step, "rest".
    """
    if not isinstance(value, dict):
        return {}
    seconds = {name: float(time) for name, time in value.items() if isinstance(time, (int, float)) and not isinstance(time, bool)}
    steps = {name: max(0.0, seconds.get(name, 0.0)) for name in ("name", "connect", "tls")}
    first, total = seconds.get("first", 0.0), seconds.get("total", 0.0)
    if first:
        steps["first"] = max(0.0, first - sum(steps.values()))
        steps["body"] = max(0.0, total - first)
    else:
        steps["rest"] = max(0.0, total - sum(steps.values()))
    return {name: round(time * 1000) for name, time in steps.items()}
