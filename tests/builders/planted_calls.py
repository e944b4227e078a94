"""Sources with a mapping and calls, as pages show them: a draft that can be tried, and one whose call waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from heliograph.domain.mapping.row import FixedText, Otherwise, SourceValue, ValueMap
from heliograph.domain.source.call_documents import CallProblem
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.recording.source_calls import write_problems
from heliograph.store.stored_calls import pack_body
from tests.builders.call_mapping import call_row

if TYPE_CHECKING:
    from heliograph.store.database import Database

ORDER = {
    "number": "F-1",
    "show": "SUMMIT-26",
    "tickets": [
        {"id": 7, "state": "paid", "given": " mira", "mail": "Mira@Example.org"},
        {"id": 8, "state": "pending", "given": "Jonas", "mail": "jonas@example.org"},
    ],
}


def order_rows(states: tuple[tuple[str, str], ...] = (("paid", "Registered"),)) -> CallMapping:
    """A mapping of ORDER that has a value for these states alone."""
    rows = (
        call_row("event", "show"),
        call_row("code", "number", FixedText("-"), "tickets.id"),
        call_row("status", SourceValue("tickets.state", ValueMap(states, Otherwise.ERROR))),
        call_row("profile.first_name", "tickets.given"),
    )
    return CallMapping("tickets", rows=rows)


def plant(store: Database, account: int) -> dict[str, int]:
    """The ids of the sources, and of the call that waits."""
    from heliograph.domain.source.source_states import CallState, SourceState
    from heliograph.sources.models import Source, SourceCall

    ids: dict[str, int] = {}
    now = store.now()
    waits = CallProblem("is not in the value map.", "status", "tickets.state", "pending", "Add the value to the value map.", 2)
    for name, state, call_state in (
        ("Forum shop", SourceState.DRAFT, CallState.STORED),
        ("Ticket desk", SourceState.ON, CallState.WAITING),
    ):
        mapping = json.dumps(order_rows().to_body())
        source = Source(
            account_id=account, name=name, platform="webhook", state=state, mapping=mapping, created=now, created_by="user:1", changed=now
        )
        source.save()
        problem = write_problems([waits]) if call_state is CallState.WAITING else ""
        call = SourceCall(
            account_id=account, source=source, at=now, state=call_state, body=pack_body(json.dumps(ORDER).encode()), problem=problem
        )
        call.headers = '{"Content-Type": "application/json"}'
        call.documents, call.changed, call.refused = (2, 1, 1) if problem else (0, 0, 0)
        call.save()
        ids |= {f"source {name}": source.pk, f"call of {name}": call.pk}
    return ids
