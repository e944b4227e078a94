"""The demo's live terminal output: what was recorded, delivered, not triggered and retried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.registration.facts import field_name
from heliograph.domain.snapshot import ConfigProvider
from heliograph.recording.contents import read_changes
from heliograph.store.database import Database
from heliograph.store.instants import from_micros
from heliograph.store.row_states import RUN_NOT_TRIGGERED

MOST_LINES = 200  # of one kind that `look` prints at once; the next call prints the others
STYLES = {
    "recorded": "bold",
    "delivered": "green",
    "not triggered": "yellow",
    "waits": "yellow",
    "failed": "red",
    "invalid": "magenta",
    "superseded": "dim",
}


@dataclass(slots=True)
class ScreenLine:
    """One thing that happened."""

    at: int
    word: str
    text: str


@dataclass(slots=True)
class Screen:
    """Reads and prints the lines that are new since the last time."""

    db: Database
    """A read-only connection that nothing else uses."""
    provider: ConfigProvider
    account: int
    timezone: str
    console: Console = field(default_factory=Console)
    _change: int = 0
    _run: int = 0
    _attempt: int = 0

    def skip(self) -> None:
        """Skips everything that has happened so far."""
        ((self._change,),) = self.db.all("SELECT COALESCE(MAX(id), 0) FROM change")
        ((self._run,),) = self.db.all("SELECT COALESCE(MAX(id), 0) FROM run")
        ((self._attempt,),) = self.db.all("SELECT COALESCE(MAX(id), 0) FROM attempt")

    def look(self) -> int:
        """Prints what is new, in order. Returns how many lines."""
        lines = sorted([*self._changes(), *self._not_triggered(), *self._attempts()], key=lambda line: line.at)
        zone = ZoneInfo(self.timezone)
        for line in lines:
            at: datetime = from_micros(line.at).astimezone(zone)
            text = Text(f"{at:%H:%M:%S}  ", style="dim")
            text.append(f"{line.word:<14}", style=STYLES.get(line.word, ""))
            text.append(line.text, style="")
            self.console.print(text, soft_wrap=True, highlight=False)
        return len(lines)

    def _changes(self) -> Iterator[ScreenLine]:
        rows = self.db.all(
            "SELECT c.id, c.at, r.code, r.name FROM change c LEFT JOIN registration r ON r.id = c.registration_id"
            " WHERE c.account_id = :account AND c.id > :last ORDER BY c.id LIMIT :most",
            {"account": self.account, "last": self._change, "most": MOST_LINES},
        )
        changes = read_changes(self.db, [row[0] for row in rows])
        account = self.provider.account(self.account)
        for id, at, code, name in rows:
            self._change = id
            change, (_, event_id, _, _) = changes[id]
            if change is None:
                continue
            event = self.provider.event(event_id)
            who = f"{code} {name}".strip() if code else event.code
            names = [field_name(name, account, event) for name in change.before]
            what = f"{', '.join(names)} changed" if names else "registered" if change.registration else "saved"
            if change.session:
                session = event.sessions.get(change.session.session)
                status = account.session_statuses.get(change.session.status)
                what = f"{session.name if session else 'session'}: {status.name if status else ''}"
            elif change.registration and "status" in change.before:
                status = account.status(change.registration.status, event)
                what = f"status is now {status.name if status else '?'}"
            yield ScreenLine(at, "recorded", f"{who} ({event.code}): {what}")

    def _not_triggered(self) -> Iterator[ScreenLine]:
        rows = self.db.all(
            "SELECT u.id, u.at, u.flow_id, u.reason, r.code, r.name FROM run u JOIN change c ON c.id = u.change_id"  # noqa: S608
            " LEFT JOIN registration r ON r.id = c.registration_id"
            f" WHERE u.account_id = :account AND u.id > :last AND u.{RUN_NOT_TRIGGERED} ORDER BY u.id LIMIT :most",
            {"account": self.account, "last": self._run, "most": MOST_LINES},
        )
        flows = self.provider.account(self.account).flows if rows else {}
        for id, at, flow, reason, code, name in rows:
            self._run = id
            yield ScreenLine(at, "not triggered", f"{code or ''} {name or ''}: {flows[flow].name if flow in flows else flow}, {reason}")

    def _attempts(self) -> Iterator[ScreenLine]:
        rows = self.db.all(
            "SELECT t.id, t.at, t.n, t.state, t.status, t.message, t.took, a.destination_id, a.flow_id, a.due_at, r.code, r.name"
            " FROM attempt t JOIN action a ON a.id = t.action_id LEFT JOIN registration r ON r.id = a.registration_id"
            " WHERE t.account_id = :account AND t.id > :last ORDER BY t.id LIMIT :most",
            {"account": self.account, "last": self._attempt, "most": MOST_LINES},
        )
        flows = self.provider.account(self.account).flows if rows else {}
        for id, at, number, state, status, message, took, destination, flow, due_at, code, name in rows:
            self._attempt = id
            known = flows.get(flow)
            where = next((d.name for d in known.destinations if d.id == destination), "?") if known else "?"
            try_ = f", try {number}" if number > 1 else ""
            who = f"{code or ''} {name or ''} → {where}"
            if state == ActionState.SUCCESS:
                yield ScreenLine(at, "delivered", f"{who}: {status}{try_} in {took / 1000:.0f} ms")
            elif state == ActionState.VALIDATION:
                yield ScreenLine(at, "invalid", f"{who}: {message}")
            elif state == ActionState.FAILED:
                yield ScreenLine(at, "failed", f"{who}: {_short(message) or status}{try_}, given up")
            else:
                again = f", again at {from_micros(due_at).astimezone(ZoneInfo(self.timezone)):%H:%M:%S}" if due_at else ""
                yield ScreenLine(at, "waits", f"{who}: {_short(message) or status}{try_}{again}")


def _short(message: str) -> str:
    return message.removesuffix(".")
