"""An account with people, registrations and deliveries in every state, for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from heliograph.accounts.models import Account, Role, User
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.outcomes import Delivered, Outcome
from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.recording.items import ItemResult
from heliograph.store import config_cache
from heliograph.store.database import Database
from tests.builders import action
from tests.builders.outcome import BUSY, INVALID, REFUSED, end_attempt
from tests.builders.people import team
from tests.builders.registration import person, record
from tests.builders.stored_account import StoredAccount, stored_account
from tests.databases import DatabaseFacts


@dataclass
class SignalAccount:
    """An account for the pages. Its users are named after their roles."""

    store: Database
    setup: StoredAccount
    account: Account
    administrator: User
    planner: User
    viewer: User

    def record(self, *documents: dict[str, object], by: str = "test", quiet: bool = False) -> list[ItemResult]:
        """Records documents of the account's event, each in its own batch."""
        made = []
        for document in documents:
            item = self.setup.item(str(document["code"]), quiet=quiet, **{k: v for k, v in document.items() if k != "code"})
            item.by = by
            made += record(self.store, self.setup.provider, [item])
        return made

    def actions(self, code: str) -> list[int]:
        """Ids of a registration's actions, oldest first."""
        return [each["id"] for each in action.actions(self.store, self.setup.account) if each["code"] == code]

    def ends(self, action: int, outcome: Outcome, *, status: int | None = None) -> None:
        """Ends an attempt of an action with this outcome."""
        end_attempt(self.store, self.setup.provider, self.setup.account, action, outcome, status=status)

    def signs_in(self, client: object, user: User | None = None) -> None:
        """Signs a test client in, as the Administrator by default."""
        client.force_login(user or self.administrator)  # type: ignore[attr-defined]


@contextmanager
def site(facts: DatabaseFacts) -> Iterator[SignalAccount]:
    """An account with an Administrator, a Planner and a Viewer, and a Live flow for every registration."""
    config_cache.PROCESS.forget()  # another database has replaced the last test's
    store = facts.open()
    try:
        yield made(store)
    finally:
        store.close()


def made(store: Database, *, name: str = "Brightfield Events") -> SignalAccount:
    """Another account in the same database."""
    setup = stored_account(store)
    account = Account.objects.create(pk=setup.account, code=f"ACME{setup.account}", name=name, timezone="Europe/Vienna")
    people = team(account)
    return SignalAccount(store, setup, account, people[Role.ADMINISTRATOR], people[Role.PLANNER], people[Role.VIEWER])


def fill(site: SignalAccount) -> dict[str, str]:
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
    ((run,),) = site.store.all("SELECT id FROM stuck_run WHERE account_id = :account ORDER BY id LIMIT 1", {"account": site.account.pk})
    return {"waiting": f"a{first['S26-2']}", "failed": f"a{first['S26-5']}", "untagged": f"r{run}"}
