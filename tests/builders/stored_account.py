"""Accounts created quickly from plain configuration bodies: what record(), the engine and insights need, without pages or models.

Every account has its own range of ids (`account * 1000 + n`), so that many fit into one database.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.setup.statuses import EVENT_STATUSES, REGISTRATION_STATUSES, SESSION_STATUSES
from heliograph.recording.event_record import record_event
from heliograph.recording.items import RecordItem
from heliograph.store import configuration_versions
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.configuration_versions import ACCOUNT, EVENT
from heliograph.store.database import Database
from tests.builders import bodies

type Bodies = dict[tuple[str, int], Mapping[str, object] | None]

_numbers = itertools.count(11)


@dataclass(slots=True)
class StoredAccount:
    """A created account. Ids of tags, statuses and so on by name."""

    db: Database
    provider: Committed
    account: int
    event: int = 0
    tags: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    session_statuses: dict[str, int] = field(default_factory=dict)
    event_statuses: dict[str, int] = field(default_factory=dict)
    flows: dict[str, int] = field(default_factory=dict)
    connection: int = 0
    mapping: int = 0
    event_code: str = "SUMMIT-26"

    def id(self, n: int) -> int:
        return self.account * 1000 + n

    def save(self, bodies: Bodies) -> int:
        """Saves bodies of the account's scope in its own transaction."""
        with self.db.transaction():
            return self.save_within(bodies)

    def save_within(self, bodies: Bodies) -> int:
        """Saves bodies of the account's scope in the open transaction."""
        configuration_versions.lock_exclusive(self.db, accounts=[self.account])
        return configuration_versions.save(self.db, self.account, ACCOUNT, self.account, bodies, by="test")

    def save_setup(self, **lists: object) -> int:
        """Saves the event's set-up, with some of its lists replaced."""
        with self.db.transaction():
            configuration_versions.lock_exclusive(self.db, events=[(self.account, self.event)], read_accounts=[self.account])
            body = {**self.setup_body(), **lists}
            return configuration_versions.save(self.db, self.account, EVENT, self.event, {("setup", self.event): body}, by="test")

    def save_event(self, state: EventState, *, quiet: bool = False) -> int | None:
        """Saves the event itself. Returns the change's id."""
        with self.db.transaction():
            configuration_versions.lock_exclusive(self.db, events=[(self.account, self.event)], read_accounts=[self.account])
            return record_event(self.db, self.account, self.event, state, by="test", provider=self.provider, quiet=quiet).change

    def save_flow(self, flow: Flow) -> Flow:
        """Saves a flow, with a destination if it has none."""
        if not flow.destinations:
            flow = replace(flow, destinations=(self.destination(flow.id),))
        self.save({("flow", flow.id): flow.to_body()})
        return flow

    def destination(self, n: int, *, does: Does = Does.UPDATES) -> Destination:
        """A complete destination."""
        return Destination(n, "CRM", connection=self.connection, payload_mapping=self.mapping, does=does)

    def item(
        self,
        code: str,
        /,
        *,
        key: str | None = None,
        quiet: bool = False,
        by_hand: bool = False,
        expected: int | None = None,
        **document: object,
    ) -> RecordItem:
        """A document for the event."""
        return RecordItem(
            self.account,
            {"event": self.event_code, "code": code, **document},
            "test",
            key=key,
            quiet=quiet,
            by_hand=by_hand,
            expected=expected,
        )

    def account_body(self) -> dict[str, object]:
        """The body of the kind `account`."""
        return {"code": f"ACME{self.account}", "name": "Acme", "timezone": "Europe/Berlin"}

    def status_rows(self, untagged: tuple[str, ...] = ()) -> list[dict[str, object]]:
        """The registration statuses as in a body: each has the tag with its name, except those in `untagged`."""
        return [
            {
                "id": self.statuses[name],
                "code": name.upper().replace(" ", "-"),
                "name": name,
                "class": cls.value,
                "tags": [] if name in untagged else [self.tags[name]],
            }
            for name, cls in REGISTRATION_STATUSES.items()
        ]

    def statuses_body(self, untagged: tuple[str, ...] = ()) -> dict[str, object]:
        """The body of the kind `statuses`. Of the event statuses, only Live has a tag."""
        return {
            "registration": self.status_rows(untagged),
            "session": [
                {"id": id, "code": name.upper(), "name": name, "tags": [self.tags["Session " + name]]}
                for name, id in self.session_statuses.items()
            ],
            "event": [
                {"id": id, "code": name.upper(), "name": name, "tags": [self.tags["Event Live"]] if name == "Live" else []}
                for name, id in self.event_statuses.items()
            ],
        }

    def setup_body(self) -> dict[str, object]:
        """The event's set-up: two types, three questions (two with one tag), a tagged and an untagged property, two sessions."""
        return {
            "statuses": [],
            "types": [
                {"id": self.id(601), "code": "SPEAKER", "name": "Speaker", "tags": [self.tags["Speaker"]]},
                {"id": self.id(602), "code": "GUEST", "name": "Guest", "tags": []},
            ],
            "questions": [
                {"id": self.id(611), "code": "dietary", "label": "Dietary needs", "type": "multi-select", "options": ["Vegan", "Gluten-free"], "tag": self.tags["Food"]},
                {"id": self.id(612), "code": "allergies", "label": "Allergies", "type": "text", "options": [], "tag": self.tags["Food"]},
                {"id": self.id(613), "code": "consent", "label": "Consent", "type": "checkbox", "options": [], "tag": None},
            ],
            "properties": [
                {"id": self.id(621), "code": "VIP", "name": "VIP guest", "tags": [self.tags["VIP"]]},
                {"id": self.id(622), "code": "PRESS", "name": "Press", "tags": []},
            ],
            "sessions": [
                {"id": self.id(631), "code": "KEYNOTE", "name": "Keynote", "start": "2026-03-01T09:00:00+00:00", "end": None},
                {"id": self.id(632), "code": "PANEL", "name": "Panel", "start": None, "end": None},
            ],
        }  # fmt: skip


def stored_account(
    db: Database,
    *,
    number: int | None = None,
    event_code: str = "SUMMIT-26",
    event_status: str = "Live",
    flow: bool = True,
    provider: Committed | None = None,
) -> StoredAccount:
    """A new account with tags, statuses, fields, a connection, a mapping, an event, and (if `flow`) a Live flow for every registration."""
    s = StoredAccount(db, provider or Committed(db, ConfigCache()), number or next(_numbers), event_code=event_code)
    names = itertools.count(1)
    for name in (*REGISTRATION_STATUSES, *(f"Session {n}" for n in SESSION_STATUSES), "Event Live", "Speaker", "Food", "VIP"):
        s.tags[name] = s.id(next(names))
    kinds = {"Speaker": "attendee_type", "Food": "question", "VIP": "registration_property", "Event Live": "event_status"}
    s.statuses = {name: s.id(101 + i) for i, name in enumerate(REGISTRATION_STATUSES)}
    s.session_statuses = {name: s.id(201 + i) for i, name in enumerate(SESSION_STATUSES)}
    s.event_statuses = {name: s.id(301 + i) for i, name in enumerate(EVENT_STATUSES)}
    s.connection, s.mapping = s.id(401), s.id(402)
    s.save(
        {
            ("account", s.account): s.account_body(),
            ("tags", s.account): {
                "tags": [
                    {
                        "id": id,
                        "name": name,
                        "label": name,
                        "kinds": [kinds.get(name, "session_status" if name.startswith("Session ") else "registration_status")],
                    }
                    for name, id in s.tags.items()
                ]
            },
            ("statuses", s.account): s.statuses_body(),
            ("fields", s.account): {
                "profile": [
                    {"id": s.id(501), "code": "shirt", "label": "Shirt", "type": "select", "options": ["S", "M", "L"]},
                    {"id": s.id(502), "code": "born", "label": "Born", "type": "date", "options": []},
                ],
                "event": [{"id": s.id(511), "code": "region", "label": "Region", "type": "select", "options": ["North", "South"]}],
            },
            ("mapping", s.mapping): bodies.mapping("Lead", {"email": "profile.email"}, empty="empty"),
            ("connection", s.connection): bodies.connection("CRM", "http://127.0.0.1:1"),
        }
    )
    with db.transaction():
        configuration_versions.lock_exclusive(db, read_accounts=[s.account])
        state = EventState(s.event_code, "Summit", s.event_statuses[event_status], timezone="Europe/Berlin")
        s.event = record_event(db, s.account, None, state, by="test", provider=s.provider).event
    s.save_setup()
    if flow:
        s.flows["All"] = s.id(901)
        s.save_flow(
            Flow(
                s.flows["All"], 1, "All", Mode.LIVE if event_status not in ("Planning", "Testing") else Mode.TEST, True, Watch.REGISTRATION
            )
        )
    return s
