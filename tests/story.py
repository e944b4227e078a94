"""An account set up through the services, with a worker and a receiver: the stage for the scripted story.

Nothing here writes configuration or rows directly: it calls what pages and commands call. There are two events: SUMMIT is Live, REHEARSAL
is in Testing. Registration statuses Pre-Registered, Attended and Cancelled have the tags Registered, Attended and Cancelled; New and
Waitlist Hold have none.

    crm = story.connection("CRM", "/crm")
    story.flow("All", to=[story.to(crm)])
    with story.worker():
        story.record("R1", status="Attended")
        story.arrived("/crm", 1)
    story.is_sound()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.db import connections
from django.test import Client
from django_scopes import scope

from heliograph.accounts.models import Account, Role, User
from heliograph.accounts.vault import vault
from heliograph.connections.services import connections as connection_services
from heliograph.connections.services import pause as holding
from heliograph.connections.services.connections import ConnectionFacts
from heliograph.deliveries import delivery_operations as submitting
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.retry_policy import SEVERITY
from heliograph.domain.figures import Figures
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.domain.mapping.mapping import MappingKind, Subject
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.engine.worker.worker import Worker
from heliograph.flows.services import flows as flow_services
from heliograph.mappings.services import mapping_row
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.setup.models import EventStatus, RegistrationProperty, RegistrationStatus, SessionStatus
from heliograph.setup.services import event_setup, events, object_tags
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.store.config_cache import PROCESS, Committed, ConfigCache
from heliograph.store.database import Database
from tests import soundness
from tests.builders import action
from tests.builders.action import QUEUES, attempts, category_name
from tests.builders.connection import connection
from tests.builders.event import event
from tests.builders.flow import destination, flow
from tests.builders.mapping import mapping
from tests.builders.people import user
from tests.builders.registration import record
from tests.builders.tag import tag
from tests.builders.worker import working
from tests.databases import DatabaseFacts
from tests.receiver import Received, Receiver
from tests.stored_rows import StoredRows
from tests.waiting import PATIENCE, until

BY = "user:1"
LEAD = {
    "change": "macro.change_id",
    "type": "macro.change_type",
    "code": "registration.code",
    "status": "registration.status",
    "first": "profile.first_name",
}
TAGS: dict[str, TagKind] = {
    "Registered": TagKind.REGISTRATION_STATUS,
    "Attended": TagKind.REGISTRATION_STATUS,
    "Cancelled": TagKind.REGISTRATION_STATUS,
    "Waiting": TagKind.REGISTRATION_STATUS,
    "VIP": TagKind.REGISTRATION_PROPERTY,
    "Present": TagKind.SESSION_STATUS,
    "On air": TagKind.EVENT_STATUS,
    "Dietary": TagKind.QUESTION,
}


@dataclass(frozen=True)
class StoryIds:
    """Ids of what every story begins with. tags, events: by name and by code; lead: its mapping."""

    account: int
    tags: dict[str, int]
    events: dict[str, int]
    lead: int


_kept: list[tuple[StoryIds, StoredRows]] = []
"""Those of the first story of a run, and all rows of its database."""


class Story:
    """An account and what happens in it. The account is created once per run, and its rows are put into each other migrated database."""

    def __init__(self, facts: DatabaseFacts, receiver: Receiver) -> None:
        PROCESS.forget()  # another test's database had other rows under the same ids
        self.facts, self.receiver = facts, receiver
        self.workers: list[Worker] = []
        self.registrations: dict[str, int] = {}
        if Account.objects.exists():
            raise AssertionError("a story needs a database of its own")
        connections.close_all()
        if _kept:
            ids, rows = _kept[0]
            rows.put(facts)
            self.account, self.tags, self.events, self.lead = ids.account, dict(ids.tags), dict(ids.events), ids.lead
        else:
            self._set_up()
            ids = StoryIds(self.account, dict(self.tags), dict(self.events), self.lead)
            connections.close_all()
            _kept.append((ids, StoredRows(facts)))
        self.db = self.open()
        self.provider = Committed(self.db, ConfigCache())

    def _set_up(self) -> None:
        self.account = create_account(AccountFacts("ACME", "Acme", "Europe/Berlin"), by=BY).pk
        with self.saving() as transaction:
            self.tags = {name: tag(transaction, name, kind).pk for name, kind in TAGS.items()}
        for status, name in (("Pre-Registered", "Registered"), ("Attended", "Attended"), ("Cancelled", "Cancelled")):
            self.tag_status(status, name)
        with self.saving() as transaction:
            object_tags.set_tags(transaction, TagKind.SESSION_STATUS, SessionStatus.objects.get(name="Attended").pk, [self.tags["Present"]])
            object_tags.set_tags(transaction, TagKind.EVENT_STATUS, EventStatus.objects.get(name="Live").pk, [self.tags["On air"]])
        self.events = {code: self.make_event(code, status) for code, status in (("SUMMIT", "Live"), ("REHEARSAL", "Testing"))}
        self.lead = self.mapping("Lead", LEAD)

    def close(self) -> None:
        self.db.close()
        PROCESS.forget()

    def open(self, *, read_only: bool = False) -> Database:
        """A separate connection."""
        return self.facts.open(read_only=read_only)

    # ---- set-up and changes

    @contextmanager
    def saving(self, *of: str) -> Iterator[SetupTransaction]:
        """A transaction of the set-up, for the account and these events."""
        with saving(self.account, by=BY, events=[self.events[code] for code in of], whole_account=True) as transaction:
            yield transaction

    def retries(self, *seconds: float) -> None:
        """The account's three retry intervals, the same for every category (D5)."""
        with self.saving() as transaction:
            transaction.needs_account()
            Account.objects.filter(pk=self.account).update(retry_intervals={category.value: list(seconds) for category in SEVERITY})

    def make_event(self, code: str, status: str) -> int:
        with self.saving() as transaction:
            id = event(transaction, code, self.event_status(status))
        with saving(self.account, by=BY, events=[id]) as transaction:
            event_setup.save_property(transaction, id, event_setup.PropertyFacts("VIP", "VIP guest", (self.tags["VIP"],)))
            event_setup.save_property(transaction, id, event_setup.PropertyFacts("PRESS", "Press"))
            event_setup.save_session(transaction, id, event_setup.SessionFacts("KEYNOTE", "Opening keynote"))
            event_setup.save_session(transaction, id, event_setup.SessionFacts("PANEL", "Panel"))
            event_setup.save_question(
                transaction,
                id,
                event_setup.QuestionFacts("dietary", "Dietary needs", "multi-select", ("Vegan", "Kosher"), self.tags["Dietary"]),
            )
        return id

    def event_status(self, name: str) -> int:
        with scope(account=self.account):
            return int(EventStatus.objects.get(name=name).pk)

    def save_event(self, code: str, **changes: Any) -> None:
        """Saves an event with other fields; `status` by name."""
        if "status" in changes:
            changes["status"] = self.event_status(changes["status"])
        with self.saving(code) as transaction:
            events.save_event(transaction, replace(transaction.provider.event(self.events[code]).state, **changes), self.events[code])

    def tag_status(self, status: str, *names: str) -> None:
        """Sets the tags of a standard registration status."""
        with self.saving() as transaction:
            row = RegistrationStatus.objects.get(name=status, event=None)
            object_tags.set_tags(transaction, TagKind.REGISTRATION_STATUS, row.pk, [self.tags[name] for name in names])

    def tag_property(self, event: str, code: str, *names: str) -> None:
        """Sets the tags of a custom property."""
        with self.saving(event) as transaction:
            row = RegistrationProperty.objects.get(event=self.events[event], code=code)
            object_tags.set_tags(transaction, TagKind.REGISTRATION_PROPERTY, row.pk, [self.tags[name] for name in names])

    def connection(self, name: str, path: str = "", *, url: str = "", secrets: Mapping[Secret, str] | None = None, **fields: Any) -> int:
        """A connection to the receiver's path, or to another URL. Keywords are fields of its body."""
        with self.saving() as transaction:
            return int(connection(transaction, name, url or self.receiver.url(path), secrets=secrets, http=True, **fields).pk)

    def change_connection(
        self, id: int, path: str | None = None, *, secrets: Mapping[Secret, str] | None = None, confirmed: bool = False, **fields: Any
    ) -> None:
        """Saves a connection with another path, other secrets, other fields."""
        with self.saving() as transaction:
            body = {**connection_services.connection_row(id).body, **fields}
            facts = ConnectionFacts(body, url=None if path is None else self.receiver.url(path), secrets=secrets or {})
            connection_services.save_connection(transaction, facts, id, http=True, confirmed=confirmed)

    def pause(self, connection: int, why: str = "Maintenance") -> None:
        with self.saving() as transaction:
            holding.pause(transaction, connection, why)

    def resume(self, connection: int) -> None:
        with self.saving() as transaction:
            holding.resume(transaction, connection)

    def paused(self, connection: int) -> tuple[bool, str]:
        """Whether it is paused, and why."""
        rows = self.db.all("SELECT paused, paused_why FROM connection_state WHERE connection_id = :c", {"c": connection})
        return (bool(rows[0][0]), rows[0][1]) if rows else (False, "")

    def holds(self, connection: int) -> bool:
        """True once the worker has seen the pause."""
        return all(worker.reader.limiters[connection].paused for worker in self.workers if connection in worker.reader.limiters)

    def connection_of(self, code: str) -> int:
        """The connection of a registration's newest action."""
        ((connection,),) = self.db.all(
            "SELECT l.connection_id FROM lane l JOIN action a ON a.lane_id = l.id WHERE a.id = :id", {"id": self.action(code)["id"]}
        )
        return int(connection)

    def mapping(
        self,
        name: str,
        rows: Mapping[str, str | Sequence[str]],
        *,
        id: int | None = None,
        subject: Subject = Subject.REGISTRATION,
        kind: MappingKind = MappingKind.PAYLOAD,
        required: Sequence[str] = (),
    ) -> int:
        """Saves a mapping. rows: target -> the source, or sources and typed texts ("=text") in order."""

        with self.saving() as transaction:
            return int(mapping(transaction, name, rows, id=id, subject=subject, kind=kind, required=required).pk)

    def mapping_body(self, id: int) -> Mapping[str, Any]:
        with scope(account=self.account):
            return dict(mapping_row(id).body)

    def to(self, connection: int, *, mapping: int | None = None, header: int | None = None, does: Does = Does.UPDATES) -> Destination:
        """A destination, with the mapping Lead unless another is given."""
        return destination(connection, mapping or self.lead, header=header, does=does)

    def flow(self, name: str, to: Sequence[Destination], *, mode: Mode = Mode.LIVE, watch: Watch = Watch.REGISTRATION, **lists: Any) -> int:
        """Creates a flow. Lists are given by names of tags, such as statuses=["Registered"]."""
        with self.saving() as transaction:
            return int(flow(transaction, name, to, mode=mode, watch=watch, **self._tagged(lists)).pk)

    def change_flow(self, id: int, **changes: Any) -> None:
        """Saves a flow with other fields. Lists are given by names of tags; `to` replaces its destinations, whose ids are kept in order."""
        to = changes.pop("to", None)
        with self.saving() as transaction:
            flow = self.flow_facts(id)
            if to is not None:
                changes["destinations"] = tuple(
                    replace(new, id=old.id if old else 0) for new, old in zip(to, [*flow.destinations, *([None] * len(to))], strict=False)
                )
            flow_services.save_flow(transaction, replace(flow, **self._tagged(changes)), id, confirmed=True)

    def flow_facts(self, id: int) -> Flow:
        with scope(account=self.account):
            row = flow_services.flow_row(id)
            return Flow.from_body(id, row.number, row.body)

    def set_active(self, flow: int, active: bool) -> None:
        with self.saving() as transaction:
            flow_services.set_active(transaction, flow, active)

    def delete_flow(self, flow: int) -> None:
        with self.saving() as transaction:
            flow_services.delete_flow(transaction, flow)

    def _tagged(self, lists: Mapping[str, Any]) -> dict[str, Any]:
        names = ("statuses", "properties", "session_statuses", "event_statuses")
        return {
            key: tuple(self.tags[n] if isinstance(n, str) else n for n in value) if key in names else value for key, value in lists.items()
        }

    def person(self, role: Role = Role.ADMINISTRATOR, *, name: str = "", email: str = "") -> User:
        """Somebody of the account (builders/people.py)."""
        return user(Account.objects.get(pk=self.account), role, name=name, email=email)

    def adds_ada(self, role: Role = Role.ADMINISTRATOR) -> None:
        """Ada, for a browser: she signs in as ada@example.org with PASSWORD."""
        self.person(role, name="Ada", email="ada@example.org")

    def signs_in(self, client: Client, role: Role = Role.ADMINISTRATOR, *, name: str = "", email: str = "") -> Client:
        """Signs a new person of the account in. Returns the client."""
        client.force_login(self.person(role, name=name, email=email))
        return client

    # ---- events

    def record(self, code: str, event: str = "SUMMIT", *, first: str | None = None, **document: Any) -> ItemResult:
        """Records one registration document."""
        if first is not None:
            document["profile"] = {**document.get("profile", {}), "first_name": first}
        return self.record_many([{"event": event, "code": code, **document}])[0]

    def record_many(self, documents: Sequence[dict[str, Any]]) -> list[ItemResult]:
        answers = record(self.db, self.provider, [RecordItem(self.account, {"event": "SUMMIT", **d}, BY) for d in documents])
        for document, answer in zip(documents, answers, strict=True):
            assert answer.registration is not None
            self.registrations[document["code"]] = answer.registration
        for worker in self.workers:
            worker.wake()
        return answers

    def submit(self, *keys: str) -> submitting.Submitted:
        """Submit to Retry Queue: a12 is an action, r34 a run."""
        with scope(account=self.account):
            return submitting.submit(self.account, keys)

    @contextmanager
    def worker(self, **more: Any) -> Iterator[Worker]:
        """Runs a worker on threads of this process; stops it gracefully."""
        with working(self.facts, vault(), self.workers, **more) as worker:
            try:
                yield worker
            finally:
                connections.close_all()

    # ---- results

    def arrived(self, path: str, count: int, timeout: float = PATIENCE) -> list[Received]:
        """The requests to a path, once there are `count`; more is an error."""
        found = self.receiver.wait_for(count, timeout, path=path)
        assert len(found) == count, [request.body for request in found]
        return found

    def bodies(self, path: str) -> list[Any]:
        """The JSON bodies received at a path, in order, without the id of the change."""
        return [{key: value for key, value in request.json().items() if key != "change"} for request in self.receiver.at(path)]

    def actions(self, code: str | None = None) -> list[dict[str, Any]]:
        """Actions in the order of their creation (builders/action.py)."""
        registration = None if code is None else self.registrations.get(code, 0)
        return action.actions(self.db, self.account, registration)

    def action(self, code: str, n: int = -1) -> dict[str, Any]:
        """One action of a registration, the newest by default."""
        return self.actions(code)[n]

    def states(self, code: str | None = None) -> list[str]:
        return [action["state"] for action in self.actions(code)]

    def until(self, code: str, *states: str, timeout: float = PATIENCE) -> None:
        """Waits until the actions of a registration have these states."""
        try:
            until(lambda: self.states(code) == list(states), timeout)
        except AssertionError:
            raise AssertionError(f"{code}: {states} was expected, it is {self.actions(code)}") from None

    def attempts(self, action: Mapping[str, Any]) -> list[tuple[str, str, int | None]]:
        """(kind, category of the failure or "", status) of each attempt of an action."""
        return [(each["kind"], each["category"], each["status"]) for each in attempts(self.db, action["id"])]

    def wait_for(self, condition: Callable[[], object], timeout: float = PATIENCE) -> None:
        """Waits until the condition is true; a failure shows the state of everything."""
        try:
            until(condition, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.actions()}, {self.stuck()}") from None

    def runs(self, flow: int) -> list[tuple[str, str]]:
        """(decision, reason) of a flow's runs in order."""
        rows = self.db.all("SELECT decision, reason FROM run WHERE flow_id = :flow ORDER BY id", {"flow": flow})
        return [("triggered" if decision == 2 else "not triggered", reason) for decision, reason in rows]

    def stuck(self) -> list[dict[str, Any]]:
        """Runs in the Retry Queue, including done ones. key: for submit."""
        rows = self.db.all("SELECT id, queue, category, cause, tries, due_at FROM stuck_run ORDER BY id")
        return [
            {"key": f"r{id}", "queue": QUEUES[queue], "category": category_name(category), "cause": cause, "tries": tries, "due": due}
            for id, queue, category, cause, tries, due in rows
        ]

    def has_compared(self) -> bool:
        """Whether all saved fixes are compared with what waits for a tag, and all that they may cure is judged again."""
        return not self.db.all("SELECT 1 FROM saved_cure UNION ALL SELECT 1 FROM stuck_run WHERE queue < 3 AND due_at IS NOT NULL LIMIT 1")

    # ---- consistency

    def figures(self, mode: Mode = Mode.LIVE) -> Figures:
        """The figures over all time, from the deltas, folded or not."""
        return soundness.figures(self.db, self.account, mode)

    def is_sound(self) -> None:
        """Asserts that the figures equal a recount, that X2's equations hold, and that no lane is stuck."""
        soundness.check(self.db, self.provider.account(self.account))

    def recounted(self, mode: Mode) -> Figures:
        """The figures over all time, from the rows."""
        return soundness.recounted(self.db, self.account, mode)
