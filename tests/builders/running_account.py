"""A small account on a real database, with a worker and receivers, for the tests of the engine.

acme = RunningAccount(fresh_database)
crm = acme.connection(receiver.url("/crm"))
flow = acme.flow(crm)
with acme.worker():
    acme.record("R1", status="Attended")
    receiver.wait_for(1, path="/crm")
    acme.settled()
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.outcomes import CURED_BY_ADDRESS, CURED_BY_CONNECTION, CURED_BY_FLOW
from heliograph.domain.delivery.retry_policy import SEVERITY
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.engine.worker.worker import Worker
from heliograph.recording.items import ItemResult
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database
from heliograph.store.queue import pending_items, submissions
from heliograph.store.secrets import SecretPlace, Vault, save_secret
from tests.builders import action, bodies, registration
from tests.builders.stored_account import Bodies, stored_account
from tests.builders.worker import working
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE, until

ACCOUNT: Final = 1
UNTAGGED: Final = "Invited"
"""The one registration status without a tag."""
PAYLOAD: Final = {"code": "registration.code", "status": "registration.status", "first": "profile.first_name"}


class RunningAccount:
    """A stored account (1) with the live event SUMMIT. Its flows send PAYLOAD."""

    def __init__(self, facts: DatabaseFacts) -> None:
        self.facts = facts
        self.db = self.open()
        self.stored = stored_account(self.db, number=ACCOUNT, event_code="SUMMIT", flow=False)
        self.provider = self.stored.provider
        self.vault = Vault([facts.key])
        self.workers: list[Worker] = []
        self._numbers = itertools.count(101)
        self.mapping = self.number()
        self.save(
            {
                ("statuses", ACCOUNT): self.stored.statuses_body(untagged=(UNTAGGED,)),
                ("mapping", self.mapping): bodies.mapping("m", PAYLOAD),
            }
        )

    def open(self, *, read_only: bool = False) -> Database:
        """A separate connection."""
        return self.facts.open(read_only=read_only)

    def close(self) -> None:
        self.db.close()

    # ---- set-up

    def save(self, bodies: Bodies) -> None:
        """Saves configuration as a saver does."""
        self.stored.save(bodies)

    def retry_seconds(self, *seconds: float) -> None:
        """The three intervals of every category."""
        retry = {category.value: list(seconds) for category in SEVERITY}
        self.save({("account", ACCOUNT): {**self.stored.account_body(), "retry": retry}})

    def number(self) -> int:
        return next(self._numbers)

    def connection(self, url: str, id: int | None = None, **more: object) -> int:
        """Creates a connection to this URL, or changes an existing one. Keywords go to its body."""
        number = id or self.number()
        parts = urlsplit(url)
        body = bodies.connection(f"C{number}", f"{parts.scheme}://{parts.netloc}", **{"edition": self.number(), **more})
        with self.db.transaction():
            self.stored.save_within({("connection", number): body})
            rest = parts.path + (f"?{parts.query}" if parts.query else "")
            save_secret(self.db, self.vault, SecretPlace(ACCOUNT, "connection", number, "path"), rest)
            pending_items.reschedule_connection(self.db, ACCOUNT, number, CURED_BY_CONNECTION | CURED_BY_ADDRESS, self.does_of())
        return number

    def flow(self, *connections: int, does: Does = Does.UPDATES, **more: Any) -> Flow:
        """A live flow that accepts every registration with a tagged status, with one destination per connection."""
        number = self.number()
        fields: dict[str, Any] = {"name": f"F{number}", "mode": Mode.LIVE, "watch": Watch.REGISTRATION} | more
        to = tuple(Destination(self.number(), f"D{c}", connection=c, payload_mapping=self.mapping, does=does) for c in connections)
        flow = Flow(number, 1, destinations=to, **fields)
        self.save({("flow", number): flow.to_body()})
        return flow

    def change_flow(self, flow: Flow, **more: Any) -> Flow:
        """Saves the flow with other fields, and reschedules what waited for that."""
        changed = replace(flow, **more)
        with self.db.transaction():
            self.stored.save_within({("flow", flow.id): changed.to_body()})
            pending_items.reschedule_flow(self.db, ACCOUNT, flow.id, CURED_BY_FLOW, self.does_of())
        return changed

    def delete_flow(self, flow: Flow) -> None:
        with self.db.transaction():
            self.stored.save_within({("flow", flow.id): None})
            pending_items.end_flow(self.db, ACCOUNT, flow.id)

    def pause(self, connection: int, *, paused: bool = True) -> None:
        with self.db.transaction():
            self.db.run(
                "INSERT INTO connection_state (connection_id, account_id, paused) VALUES (:c, 1, :p)"
                " ON CONFLICT (connection_id) DO UPDATE SET paused = excluded.paused, held_until = NULL",
                {"c": connection, "p": paused},
            )

    def does_of(self) -> Any:
        config = self.provider.account(ACCOUNT)
        known = {d.id: d.does for flow in config.flows.values() for d in flow.destinations}
        return lambda destination: known.get(destination, Does.UPDATES)

    # ---- events

    def record(
        self, code: str, status: str = "Attended", first_name: str = "Zoë", db: Database | None = None, **more: object
    ) -> ItemResult:
        """Records one registration document."""
        return self.record_many([{"code": code, "status": status, "profile": {"first_name": first_name}, **more}], db)[0]

    def record_many(self, documents: list[dict[str, Any]], db: Database | None = None) -> list[ItemResult]:
        provider = self.provider if db is None else Committed(db, ConfigCache())
        items = [self.stored.item(document["code"], **{k: v for k, v in document.items() if k != "code"}) for document in documents]
        answers = registration.record(db or self.db, provider, items)
        for worker in self.workers:
            worker.wake()
        return answers

    def submit(self, *actions: int) -> dict[int, str]:
        with self.db.transaction():
            return submissions.submit(self.db, ACCOUNT, actions, self.does_of())

    @contextmanager
    def worker(self, **more: Any) -> Iterator[Worker]:
        """Runs a worker on threads of this process; stops it gracefully."""
        with working(self.facts, self.vault, self.workers, **more) as worker:
            yield worker

    # ---- results

    def actions(self, code: str | None = None) -> list[dict[str, Any]]:
        """Actions in the order of their creation (builders/action.py)."""
        return [each for each in action.actions(self.db, ACCOUNT) if code in (None, each["code"])]

    def attempts(self, id: int) -> list[dict[str, Any]]:
        """An action's attempts in order (builders/action.py)."""
        return action.attempts(self.db, id)

    def states(self, code: str | None = None) -> list[str]:
        return [each["state"] for each in self.actions(code)]

    def until_states(self, *states: str, code: str | None = None, timeout: float = PATIENCE) -> None:
        until(lambda: self.states(code) == list(states), timeout)

    def settled(self, timeout: float = PATIENCE) -> list[str]:
        """Waits until nothing is pending. Returns the states."""
        until(lambda: "pending" not in self.states(), timeout)
        return self.states()

    def figures_are_a_recount(self) -> None:
        """Asserts that the deltas of states add up to the rows."""
        counted = dict(self.db.all("SELECT 10 + state, count(*) FROM action GROUP BY state"))
        added = {
            measure: n
            for measure, n in self.db.all(
                "SELECT measure, sum(n) FROM figure_delta WHERE measure IN (11, 12, 20, 21, 22, 23) GROUP BY measure"
            )
            if n
        }
        assert {k: int(v) for k, v in added.items()} == counted


def body(text: str) -> Any:
    return json.loads(text)
