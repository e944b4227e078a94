"""Actions and their attempts, as the tests read them: states, queues, kinds and categories by name."""

from __future__ import annotations

from typing import Any

from heliograph.domain.delivery.action import ActionState, AttemptKind
from heliograph.domain.delivery.retry_policy import Category
from heliograph.store.database import Database

QUEUES = {0: "", 1: "Retry", 2: "Error", 3: "Failed", 4: "Done"}
_KINDS = {kind.code: kind.value for kind in AttemptKind}
_ACTION = (
    "id",
    "state",
    "queue",
    "category",
    "cause",
    "message",
    "tries",
    "looks",
    "sent",
    "version",
    "rank",
    "origin",
    "flow",
    "due",
    "uid",
    "code",
)
_ATTEMPT = ("n", "kind", "state", "category", "status", "message", "versions", "request", "response")


def category_name(code: int | None) -> str:
    """The name of a category's number in a table; "" without one."""
    found = Category.of_code(code)
    return found.value if found else ""


def actions(db: Database, account: int, registration: int | None = None) -> list[dict[str, Any]]:
    """An account's actions, or those of one registration, in the order of their creation. key: for Submit to Retry Queue."""
    rows = db.all(
        "SELECT a.id, a.state, a.queue, a.category, a.cause, a.message, a.tries, a.looks, a.sent, a.version, a.rank, a.origin, a.flow_id,"
        " a.due_at, a.uid, r.code FROM action a LEFT JOIN registration r ON r.id = a.registration_id"
        " WHERE a.account_id = :account AND (:all = 1 OR a.registration_id = :registration) ORDER BY a.id",
        {"account": account, "all": int(registration is None), "registration": registration or 0},
    )
    found = [dict(zip(_ACTION, row, strict=True)) for row in rows]
    return [
        action
        | {
            "state": ActionState(action["state"]).name.lower(),
            "queue": QUEUES[action["queue"]],
            "category": category_name(action["category"]),
            "key": f"a{action['id']}",
        }
        for action in found
    ]


def attempts(db: Database, action: int) -> list[dict[str, Any]]:
    """An action's attempts in order. category: of the failure, or ""."""
    rows = db.all(
        "SELECT t.n, t.kind, t.state, t.category, t.status, t.message, t.versions, c.request, c.response FROM attempt t"
        " LEFT JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n WHERE t.action_id = :action ORDER BY t.n",
        {"action": action},
    )
    found = [dict(zip(_ATTEMPT, row, strict=True)) for row in rows]
    return [attempt | {"kind": _KINDS[attempt["kind"]], "category": category_name(attempt["category"])} for attempt in found]
