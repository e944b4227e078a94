"""The requests and attempts of one item, for its page."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from heliograph.deliveries import delivery_words
from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.exchanges import Exchange
from heliograph.deliveries.message_words import message_words
from heliograph.domain.delivery.action import AttemptKind
from heliograph.retry.item_details import Details
from heliograph.store.instants import from_micros


def last_request(details: Details) -> dict[str, Any] | None:
    """The request of the last attempt that sent one, for retry/item.html; None if nothing was sent."""
    sent = [number for number, exchange in details.exchanges.items() if exchange.sent]
    if not sent:
        return None
    last = details.exchanges[max(sent)]
    return {
        "line": f"{last.method} {last.url}",
        "headers": _lines(last.request_headers),
        "json": last.json_rows(),
        "body": last.pretty_body(),
        "curl": last.curl(),
        "cut": _("The end of a long body was not stored: the command sends only the stored part.") if last.request_cut else "",
        "note": _("as rendered for the first attempt") if max(sent) == 1 else _("as rendered for the last attempt"),
    }


def attempt_rows(details: Details, reader: AccountReader) -> list[dict[str, Any]]:
    """The attempts, newest first; the newest is expanded."""
    names = reader.connection_names({attempt.connection for attempt in details.attempts})
    rows, retries, action = [], 0, details.item.action
    for attempt in details.attempts:
        retries += attempt.kind is AttemptKind.AUTO
        exchange = details.exchanges.get(attempt.number, Exchange())
        # A response rule can be made from an answer (C7), if the connection still exists.
        has_rule = attempt.status and exchange.sent and attempt.connection in reader.config.connections
        tone, state = delivery_words.attempt_state(attempt.state)
        timing, total = _timing(exchange)
        rows.append(
            {
                "at": from_micros(attempt.at),
                "kind": delivery_words.attempt_name(attempt, retries),
                "text": delivery_words.answered(attempt.status)
                if attempt.status
                else message_words(attempt.message) or _("Its details are no longer stored."),
                "tone": tone,
                "state": state,
                "open": False,
                "timing": timing,
                "total": total or delivery_words.milliseconds(attempt.took),
                "headers": _lines(exchange.response_headers),
                "body": exchange.response_body,
                "note": message_words(attempt.message)
                if attempt.status is None
                else _("The rest was not stored.")
                if exchange.truncated
                else "",
                "rule": f"{reverse('connection-rule', args=(attempt.connection,))}?answer={action.id}.{attempt.number}"
                if has_rule and action
                else "",
                "versions": _versions(details, attempt.versions, names.get(attempt.connection, "")),
            }
        )
    if rows:
        rows[-1]["open"] = True
    return rows[::-1]


def _timing(exchange: Exchange) -> tuple[list[tuple[str, int, int]], int]:
    """The steps of an exchange that took time, as (label, start, duration), and their sum, all in milliseconds.

    If there was no answer, the last step is called "Waited".
    """
    rest = _("Answer") if exchange.status is not None else _("Waited")
    steps = {
        "name": _("Name found"),
        "connect": _("Connected"),
        "tls": _("TLS"),
        "first": _("First byte"),
        "body": _("Body"),
        "rest": rest,
    }
    steps_with_time, start = [], 0
    for name, label in steps.items():
        took = exchange.timings.get(name, 0)
        if took or (name in ("first", "body") and name in exchange.timings):
            steps_with_time.append((label, start, took))
            start += took
    return (steps_with_time, start) if start else ([], 0)


def _versions(details: Details, versions: str, connection: str) -> str:
    """The versions used by an attempt: flow, connection, payload mapping (F10)."""
    parts = versions.replace(",", " ").split()
    if len(parts) < 2:
        return ""
    facts = {
        "flow": details.item.flow,
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
