"""An account with people, registrations and deliveries in every state, for the tests of pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from heliograph.accounts.models import Account, Role, User
from heliograph.domain.delivery import lanes as rules
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.lanes import Flight
from heliograph.domain.delivery.outcomes import Cause, Delivered, Outcome, Refused, ValidationFailed
from heliograph.domain.delivery.retry_policy import Category, RetryPolicy
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.recording.batches import record_batch
from heliograph.recording.items import ItemAnswer
from heliograph.store import config_cache
from heliograph.store.database import Database, open_postgres, open_sqlite
from heliograph.store.queue import outcomes
from heliograph.store.queue.lanes import lock_lanes, open_actions
from heliograph.store.queue.outcomes import Settled, StoredExchange
from tests.databases import DatabaseFacts
from tests.factories import Setup, account_setup

PASSWORD = "a sentence to remember"
REFUSED = Refused(Category.CONFIG, Cause.ANSWER, "The target answered 401.", left=True, status=401)
BUSY = Refused(Category.CONNECTION, Cause.TIMEOUT, "No answer within 10 seconds.", left=True)
INVALID = ValidationFailed(("email is required and empty",))


@dataclass
class Site:
    """An account for the pages. Its users are named after their roles."""

    store: Database
    setup: Setup
    account: Account
    administrator: User
    planner: User
    viewer: User

    def record(self, *documents: dict[str, object], by: str = "test", quiet: bool = False) -> list[ItemAnswer]:
        """Records documents of the account's event, each in its own batch."""
        out = []
        for document in documents:
            item = self.setup.item(str(document["code"]), quiet=quiet, **{k: v for k, v in document.items() if k != "code"})
            item.by = by
            (answer,) = record_batch(self.store, [item], self.setup.source)
            assert answer.is_recorded, answer.problems
            out.append(answer)
        return out

    def actions(self, code: str) -> list[int]:
        """Ids of a registration's actions, oldest first."""
        rows = self.store.all(
            "SELECT a.id FROM action a JOIN registration r ON r.id = a.registration_id WHERE r.code = :code AND r.account_id = :account ORDER BY a.id",
            {"code": code, "account": self.account.pk},
        )
        return [id for (id,) in rows]

    def ends(self, action: int, outcome: Outcome, *, status: int | None = None) -> None:
        """Ends an attempt of an action with this outcome."""
        db = self.store
        with db.transaction():
            ((lane,),) = db.all("SELECT lane_id FROM action WHERE id = :id", {"id": action})
            stored = lock_lanes(db, [lane])[lane]
            about = open_actions(db, [lane], also=[action])[lane]
            began = next(a.action for a in about if a.id == action)
            now = db.now()
            settlement = rules.settle(
                self.does(stored.lane.destination), stored.lane, [a.action for a in about], Flight(began, outcome), now, RetryPolicy()
            )
            answered = status or (outcome.status if isinstance(outcome, (Delivered, Refused)) else None)
            message = (
                outcome.message
                if isinstance(outcome, Refused)
                else "; ".join(outcome.problems)
                if isinstance(outcome, ValidationFailed)
                else ""
            )
            exchange = StoredExchange(
                at=now,
                took=84_000,
                category=outcome.category if isinstance(outcome, Refused) else None,
                status=answered,
                message=message,
                connection=self.setup.connection,
                numbers="1,1,1,0",
                request=REQUEST,
                response=RESPONSE if answered else "",
            )
            outcomes.store(db, [Settled(settlement, stored, about, exchange, message)], now)

    def does(self, destination: int) -> Does:
        """What a destination does."""
        config = self.setup.source.account(self.setup.account)
        return next(d.does for flow in config.flows.values() for d in flow.destinations if d.id == destination)

    def signs_in(self, client: object, user: User | None = None) -> None:
        """Signs a test client in, as the Administrator by default."""
        client.force_login(user or self.administrator)  # type: ignore[attr-defined]


REQUEST = json.dumps(
    {
        "method": "POST",
        "url": "https://crm.example.com/…",
        "headers": [["Content-Type", "application/json"], ["Authorization", "•••"]],
        "body": '{"email": "joe@example.org", "Consent": true}',
        "cut": False,
    }
)
RESPONSE = json.dumps(
    {
        "status": 401,
        "headers": [["content-type", "text/html"]],
        "body": "<script>alert(1)</script>",
        "cut": False,
        "timings": {"name": 0.012, "connect": 0.048, "tls": 0.031, "sent": 0.092, "first": 0.183, "total": 0.187},
        "address": "203.0.113.20",
    }
)


def opened(facts: DatabaseFacts) -> Database:
    """A separate connection to a database."""
    return open_sqlite(facts.data / "heliograph.db") if facts.vendor == "sqlite" else open_postgres(facts.url)


@contextmanager
def site(facts: DatabaseFacts) -> Iterator[Site]:
    """An account with an Administrator, a Planner and a Viewer, and a Live flow for every registration."""
    config_cache.PROCESS.forget()  # another database has replaced the last test's
    store = opened(facts)
    try:
        yield made(store)
    finally:
        store.connection.close()  # type: ignore[attr-defined]


def made(store: Database, *, name: str = "Brightfield Events") -> Site:
    """Another account in the same database."""
    setup = account_setup(store)
    account = Account.objects.create(pk=setup.account, code=f"ACME{setup.account}", name=name, timezone="Europe/Vienna")
    people = [
        User.objects.create_user(f"{role.lower()}{setup.account}@example.org", PASSWORD, name=role.value, account=account, role=role)
        for role in (Role.ADMINISTRATOR, Role.PLANNER, Role.VIEWER)
    ]
    return Site(store, setup, account, *people)


def fill(site: Site) -> dict[str, str]:
    """Creates registrations in every state. Returns keys of Retry items by description."""
    setup = site.setup
    by_status = Flow(
        setup.id(902),
        1,
        "Cancellations to Slack",
        Mode.LIVE,
        True,
        Watch.STATUS,
        statuses=(setup.tags["Cancelled"],),
        destinations=(Destination(setup.id(912), "Slack", connection=setup.connection, payload_mapping=setup.mapping, does=Does.ADDS),),
    )
    setup.save_flow(by_status)
    setup.save_flow(Flow(setup.id(903), 1, "Unfinished", Mode.TEST, False, Watch.STATUS, destinations=(Destination(setup.id(913), "X"),)))
    setup.save({("statuses", setup.account): setup.statuses_body(untagged=("Invited",))})
    site.record(
        person("S26-1", "Zoë", "Marin", status="Attended"),
        person("S26-2", "Joe", "Citizen"),
        person("S26-3", "山田", "花子"),
        person("S26-4", "Ife", "Adeyemi", status="Invited"),
        person("S26-5", "Noor", "<b>Haddad</b>"),
        person("S26-6", "Mika", "Salo"),
        by=f"user:{site.planner.pk}",
    )
    site.record({"code": "S26-6", "status": "Cancelled"}, {"code": "S26-2", "sessions": [{"code": "KEYNOTE", "status": "Attended"}]})
    first = {code: site.actions(code)[0] for code in ("S26-1", "S26-2", "S26-3", "S26-5", "S26-6")}
    site.ends(first["S26-1"], Delivered(200))
    site.ends(first["S26-2"], REFUSED)
    for _try in range(4):
        site.ends(first["S26-5"], REFUSED)
    site.ends(first["S26-3"], INVALID)
    site.ends(first["S26-6"], BUSY)
    ((run,),) = site.store.all("SELECT id FROM judgement WHERE account_id = :account ORDER BY id LIMIT 1", {"account": site.account.pk})
    return {"waiting": f"a{first['S26-2']}", "failed": f"a{first['S26-5']}", "untagged": f"r{run}"}


def person(code: str, first: str, last: str, **document: object) -> dict[str, object]:
    """A registration's document."""
    profile = {"first_name": first, "last_name": last, "email": "somebody@example.org", "organization": "Oakline"}
    return {"code": code, "profile": profile, **document}
