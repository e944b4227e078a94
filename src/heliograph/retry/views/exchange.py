"""The requests and attempts of one item, for its page."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from heliograph.deliveries import words
from heliograph.deliveries.actions import Attempt
from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.exchanges import Exchange
from heliograph.domain.delivery.action import AttemptKind
from heliograph.retry.retry_item import Details
from heliograph.store.moments import from_micros


def request_shown(found: Details) -> dict[str, Any] | None:
    """The request of the last attempt that sent one."""
    sent = [(n, found.exchanges[n]) for n in sorted(found.exchanges) if found.exchanges[n].sent]
    if not sent:
        return None
    n, last = sent[-1]
    return {
        "line": f"{last.method} {last.url}",
        "headers": _lines(last.request_headers),
        "json": last.json_rows(),
        "body": last.pretty_body(),
        "curl": last.curl(),
        "cut": _("The end of a long body was not kept: the command sends what was.") if last.request_cut else "",
        "note": _("as rendered for the first attempt") if n == 1 else _("as rendered for the last attempt"),
    }


def _rule_href(found: Details, attempt: Attempt, of: AccountReader) -> str:
    """Where a response rule is created from this answer (C7); "" if its connection is gone."""
    if found.item.action is None or attempt.connection not in of.config.connections:
        return ""
    return f"{reverse('connection-rule', args=(attempt.connection,))}?answer={found.item.action.id}.{attempt.n}"


def attempt_rows(found: Details, of: AccountReader) -> list[dict[str, Any]]:
    """The attempts, newest first; the newest is expanded."""
    names = of.connection_names({attempt.connection for attempt in found.attempts})
    rows, retries = [], 0
    for attempt in found.attempts:
        retries += attempt.kind is AttemptKind.AUTO
        exchange = found.exchanges.get(attempt.n, Exchange())
        tone, state = words.attempt_state(attempt.state)
        timing, total = _timing(exchange)
        rows.append(
            {
                "at": from_micros(attempt.at),
                "kind": words.attempt_name(attempt, retries),
                "text": words.answered(attempt.status) if attempt.status else attempt.message or _("Its details are no longer kept."),
                "tone": tone,
                "state": state,
                "open": False,
                "timing": timing,
                "total": total or words.milliseconds(attempt.took),
                "headers": _lines(exchange.response_headers),
                "body": exchange.response_body,
                "note": attempt.message if attempt.status is None else _("The rest was not kept.") if exchange.truncated else "",
                "rule": _rule_href(found, attempt, of) if attempt.status and exchange.sent else "",
                "versions": _versions(found, attempt.versions, names.get(attempt.connection, "")),
            }
        )
    if rows:
        rows[-1]["open"] = True
    return rows[::-1]


def _timing(exchange: Exchange) -> tuple[list[tuple[str, int, int]], int]:
    """The steps that took time, each with its start, and their sum, in milliseconds. A step without an answer at its end was waiting."""
    rest = _("Answer") if exchange.status is not None else _("Waited")
    steps = {
        "name": _("Name found"),
        "connect": _("Connected"),
        "tls": _("TLS"),
        "first": _("First byte"),
        "body": _("Body"),
        "rest": rest,
    }
    out, start = [], 0
    for name, label in steps.items():
        took = exchange.timings.get(name, 0)
        if took or (name in ("first", "body") and name in exchange.timings):
            out.append((label, start, took))
            start += took
    return (out, start) if start else ([], 0)


def _versions(found: Details, versions: str, connection: str) -> str:
    """The versions used by an attempt: flow, connection, payload mapping (F10)."""
    parts = versions.replace(",", " ").split()
    if len(parts) < 2:
        return ""
    facts = {
        "flow": found.item.flow,
        "flow_number": parts[0],
        "connection": connection,
        "connection_number": parts[1],
        "mapping_number": parts[2] if len(parts) > 2 else "",
    }
    if not facts["mapping_number"]:
        return _("By %(flow)s version %(flow_number)s, %(connection)s version %(connection_number)s.") % facts
    return (
        _("By %(flow)s version %(flow_number)s, its mapping’s version %(mapping_number)s, %(connection)s version %(connection_number)s.")
        % facts
    )


def _lines(headers: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers)
