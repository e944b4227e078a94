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

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.outcomes import CURED_BY_ADDRESS, CURED_BY_CONNECTION, CURED_BY_FLOW
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.domain.setup.configuration import EventState
from heliograph.engine.worker.slot_ownership import Lease
from heliograph.engine.worker.worker import Setup, Worker
from heliograph.outbound.guard import Policy
from heliograph.recording.batches import record_batch
from heliograph.recording.events import record_event
from heliograph.recording.items import ItemAnswer, RecordItem
from heliograph.store import configuration
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database, open_postgres, open_sqlite
from heliograph.store.queue import pending_items, submissions
from heliograph.store.secrets import SecretPlace, Vault, save_secret
from tests.databases import DatabaseFacts
from tests.waiting import PATIENCE, until

ACCOUNT = 1
NEW, ATTENDED, CANCELLED, ODD = 1, 2, 3, 4
TESTING, LIVE = 6, 7
REGISTERED_TAG, ATTENDED_TAG = 1, 2
STATES = {1: "pending", 2: "queued", 10: "success", 11: "failed", 12: "validation", 13: "superseded"}
QUEUE = {0: "", 1: "Retry", 2: "Error", 3: "Failed", 4: "Done"}
LOOPBACK = Policy.parse(["127.0.0.0/8", "::1/128"])


class RunningAccount:
    """One account (1), one live event SUMMIT, statuses New, Attended (tagged), Cancelled (tagged) and Odd (untagged)."""

    def __init__(self, facts: DatabaseFacts) -> None:
        self.facts = facts
        self.db = self.open()
        self.source = Committed(self.db, ConfigCache())
        self.vault = Vault([facts.key])
        self.bodies: dict[tuple[str, int], Mapping[str, object] | None] = {}
        self._next = 100
        self.workers: list[Worker] = []
        self.deaths: list[int] = []
        statuses = [("new", "New", "Accepted", [1]), ("att", "Attended", "Accepted", [2]), ("can", "Cancelled", "Cancelled", [1])]
        rows = [{"id": n, "code": c, "name": m, "class": k, "tags": t} for n, (c, m, k, t) in enumerate(statuses, start=1)]
        self.save(
            {
                ("account", 1): {"code": "ACME", "name": "Acme", "timezone": "UTC"},
                ("tags", 1): {
                    "tags": [
                        {"id": n, "name": f"t{n}", "label": f"T{n}", "kinds": ["registration_status"]}
                        for n in (REGISTERED_TAG, ATTENDED_TAG)
                    ]
                },
                ("statuses", 1): {
                    "registration": [*rows, {"id": ODD, "code": "odd", "name": "Odd", "class": "Pending", "tags": []}],
                    "session": [],
                    "event": [
                        {"id": TESTING, "code": "testing", "name": "Testing", "tags": []},
                        {"id": LIVE, "code": "live", "name": "Live", "tags": []},
                    ],
                },
                ("fields", 1): {"profile": [], "event": []},
                ("mapping", 5): {
                    "name": "m",
                    "kind": "payload",
                    "subject": "registration",
                    "rows": [
                        {"target": "code", "parts": [{"source": "registration.code"}]},
                        {"target": "status", "parts": [{"source": "registration.status"}]},
                        {"target": "first", "parts": [{"source": "profile.first_name"}]},
                    ],
                },
            }
        )
        with self.db.transaction():
            configuration.lock_exclusive(self.db, read_accounts=[ACCOUNT])
            record_event(self.db, ACCOUNT, None, EventState("SUMMIT", "Summit", LIVE), by="test", source=self.source)

    def open(self, *, read_only: bool = False) -> Database:
        if self.facts.vendor == "sqlite":
            return open_sqlite(self.facts.data / "heliograph.db", read_only=read_only)
        return open_postgres(self.facts.url, read_only=read_only)

    # Setting up.

    def save(self, bodies: Mapping[tuple[str, int], Mapping[str, object] | None]) -> None:
        """Saves configuration as a saver does."""
        with self.db.transaction():
            self.save_within(bodies)

    def save_within(self, bodies: Mapping[tuple[str, int], Mapping[str, object] | None]) -> None:
        configuration.lock_exclusive(self.db, accounts=[ACCOUNT])
        configuration.save(self.db, ACCOUNT, configuration.ACCOUNT, ACCOUNT, bodies, by="test")
        self.bodies.update(bodies)

    def retry_seconds(self, *seconds: float) -> None:
        """The three intervals of every category."""
        categories = ("System", "Connection", "Source API", "General", "Config")
        body = {**(self.bodies["account", 1] or {}), "retry": {name: list(seconds) for name in categories}}
        self.save({("account", 1): body})

    def number(self) -> int:
        self._next += 1
        return self._next

    def connection(self, url: str, id: int | None = None, **more: object) -> int:
        """Creates a connection to this URL, or changes an existing one. Keywords go to its body."""
        number = id or self.number()
        parts = urlsplit(url)
        body = {
            "name": f"C{number}",
            "origin": f"{parts.scheme}://{parts.netloc}",
            "auth": "Open / No Auth",
            "content_type": "application/json",
            "method": "POST",
            "secrets": ["path"],
            "edition": self.number(),
            **more,
        }
        with self.db.transaction():
            self.save_within({("connection", number): body})
            rest = parts.path + (f"?{parts.query}" if parts.query else "")
            save_secret(self.db, self.vault, SecretPlace(ACCOUNT, "connection", number, "path"), rest)
            pending_items.reschedule_connection(self.db, ACCOUNT, number, CURED_BY_CONNECTION | CURED_BY_ADDRESS, self.does_of())
        return number

    def flow(self, *connections: int, does: Does = Does.UPDATES, **more: Any) -> Flow:
        """A live flow that accepts every registration with a tagged status, with one destination per connection."""
        number = self.number()
        fields: dict[str, Any] = {"name": f"F{number}", "mode": Mode.LIVE, "watch": Watch.REGISTRATION} | more
        destinations = tuple(Destination(self.number(), f"D{c}", connection=c, payload_mapping=5, does=does) for c in connections)
        flow = Flow(number, 1, destinations=destinations, **fields)
        self.save({("flow", number): flow.to_body()})
        return flow

    def change_flow(self, flow: Flow, **more: Any) -> Flow:
        """Saves the flow with other fields, and reschedules what waited for that."""
        changed = replace(flow, **more)
        with self.db.transaction():
            self.save_within({("flow", flow.id): changed.to_body()})
            pending_items.reschedule_flow(self.db, ACCOUNT, flow.id, CURED_BY_FLOW, self.does_of())
        return changed

    def delete_flow(self, flow: Flow) -> None:
        with self.db.transaction():
            self.save_within({("flow", flow.id): None})
            pending_items.end_flow(self.db, ACCOUNT, flow.id)

    def pause(self, connection: int, *, paused: bool = True) -> None:
        with self.db.transaction():
            self.db.run(
                "INSERT INTO connection_state (connection_id, account_id, paused) VALUES (:c, 1, :p)"
                " ON CONFLICT (connection_id) DO UPDATE SET paused = excluded.paused, held_until = NULL",
                {"c": connection, "p": paused},
            )

    def does_of(self) -> Any:
        config = self.source.account(ACCOUNT)
        known = {d.id: d.does for flow in config.flows.values() for d in flow.destinations}
        return lambda destination: known.get(destination, Does.UPDATES)

    # Acting.

    def record(
        self, code: str, status: str = "Attended", first_name: str = "Zoë", db: Database | None = None, **more: object
    ) -> ItemAnswer:
        """Records one registration document."""
        return self.record_many([{"code": code, "status": status, "profile": {"first_name": first_name}, **more}], db)[0]

    def record_many(self, documents: list[dict[str, object]], db: Database | None = None) -> list[ItemAnswer]:
        used = db or self.db
        source = self.source if db is None else Committed(used, ConfigCache())
        items = [RecordItem(ACCOUNT, {"event": "SUMMIT", **document}, "test") for document in documents]
        answers = record_batch(used, items, source)
        assert all(a.is_recorded for a in answers), [a for a in answers if not a.is_recorded]
        for worker in self.workers:
            worker.wake()
        return answers

    def submit(self, *actions: int) -> dict[int, str]:
        with self.db.transaction():
            return submissions.submit(self.db, ACCOUNT, actions, self.does_of())

    @contextmanager
    def worker(self, **more: Any) -> Iterator[Worker]:
        """Runs a worker on threads of this process; stops it gracefully."""
        setup = Setup(
            open_writer=self.open,
            open_reader=lambda: self.open(read_only=True),
            source=lambda db: Committed(db, ConfigCache()),
            vault=self.vault,
            policy=lambda _account: LOOPBACK,
            folder=self.facts.data / "flight",
            **({"lease": Lease(5.0, 1.0), "total_timeout": 2.0} | more),
        )
        worker = Worker(setup, on_death=self.deaths.append)
        thread = threading.Thread(target=worker.run, name="worker")
        thread.start()
        self.workers.append(worker)
        try:
            yield worker
        finally:
            self.workers.remove(worker)
            worker.stop()
            thread.join(15)
            assert not thread.is_alive(), "the worker did not stop"
            assert not self.deaths, "the worker died"

    # Looking.

    def actions(self, code: str | None = None) -> list[dict[str, Any]]:
        """Actions in the order of their creation."""
        names = "id, state, queue, tries, looks, sent, version, cause, message, due_at, rank, origin, category, lane_id, code"
        rows = self.db.all(
            "SELECT a.id, a.state, a.queue, a.tries, a.looks, a.sent, a.version, a.cause, a.message, a.due_at, a.rank, a.origin, a.category,"
            " a.lane_id, r.code FROM action a JOIN registration r ON r.id = a.registration_id ORDER BY a.id"
        )
        found = [dict(zip(names.split(", "), row, strict=True)) for row in rows]
        return [f | {"state": STATES[f["state"]], "queue": QUEUE[f["queue"]]} for f in found if code in (None, f["code"])]

    def states(self, code: str | None = None) -> list[str]:
        return [action["state"] for action in self.actions(code)]

    def until_states(self, *states: str, code: str | None = None, timeout: float = PATIENCE) -> None:
        until(lambda: self.states(code) == list(states), timeout) if self.states(code) != list(states) else None

    def settled(self, timeout: float = PATIENCE) -> list[str]:
        """Waits until nothing is pending. Returns the states."""
        until(lambda: "pending" not in self.states(), timeout)
        return self.states()

    def attempts(self, action: int) -> list[dict[str, Any]]:
        names = ("n", "kind", "state", "category", "status", "message", "numbers", "request", "response")
        rows = self.db.all(
            "SELECT t.n, t.kind, t.state, t.category, t.status, t.message, t.numbers, c.request, c.response FROM attempt t"
            " LEFT JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n WHERE t.action_id = :action ORDER BY t.n",
            {"action": action},
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

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

    def close(self) -> None:
        self.db.close()


def body(text: str) -> Any:
    return json.loads(text)
