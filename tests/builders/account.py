"""An account with a bit of everything, created by the services."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django_scopes import scope

from heliograph.accounts.models import Account
from heliograph.connections.models import Connection
from heliograph.domain.connection.secret import Secret
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow, Watch
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.models import Flow as FlowRow
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.setup.models import Tag
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from tests.builders.connection import connection
from tests.builders.event import event
from tests.builders.flow import destination, flow
from tests.builders.mapping import mapping
from tests.builders.tag import tag

BY = "user:1"
_numbers = itertools.count(1)


@dataclass
class Acme:
    """The account and its contents, by name."""

    account: Account
    tags: dict[str, Tag] = field(default_factory=dict)
    event: int = 0
    connection: Connection | None = None
    mapping: StoredMapping | None = None
    flow: FlowRow | None = None

    @property
    def pk(self) -> int:
        return self.account.pk

    @contextmanager
    def setting_up(self) -> Iterator[SetupTransaction]:
        """Changes the account's set-up."""
        with saving(self.pk, by=BY, whole_account=True) as transaction:
            yield transaction

    @contextmanager
    def planning(self) -> Iterator[SetupTransaction]:
        """Changes the event's set-up."""
        with saving(self.pk, by=BY, events=[self.event]) as transaction:
            yield transaction

    def config(self, version: int | None = None) -> AccountConfig:
        with saving(self.pk, by=BY) as transaction:
            return transaction.provider.account(self.pk, version)

    def event_config(self, version: int | None = None) -> EventConfig:
        with saving(self.pk, by=BY) as transaction:
            return transaction.provider.event(self.event, version)

    def status(self, name: str) -> int:
        return next(i for i, status in self.config().statuses.items() if status.name == name)

    def event_status(self, name: str) -> int:
        return next(i for i, status in self.config().event_statuses.items() if status.name == name)

    def flow_facts(self) -> Flow:
        assert self.flow is not None
        return self.config().flows[self.flow.pk]


def acme() -> Acme:
    """A complete, active Live flow: statuses tagged Registered, an event that is Live."""
    made = Acme(create_account(AccountFacts(f"ACME-{next(_numbers)}", "Acme", "Europe/Berlin"), by=BY))
    with made.setting_up() as transaction:
        made.tags["Registered"] = tag(transaction, "Registered", TagKind.REGISTRATION_STATUS, TagKind.EVENT)
        made.tags["Diet"] = tag(transaction, "Diet", TagKind.QUESTION, label="Dietary needs")
        set_tags(transaction, TagKind.REGISTRATION_STATUS, made.status("New"), [made.tags["Registered"].pk])
        made.connection = connection(
            transaction,
            "CRM",
            "https://crm.example.com/hooks/s3cr3t?event={event.code}",
            auth="Basic Authentication",
            user_name="crm",
            secrets={Secret.PASSWORD: "old password"},
        )
        made.mapping = mapping(transaction, "Lead", {"email": "profile.email", "diet": f"answer.{made.tags['Diet'].pk}"})
        to = destination(made.connection.pk, made.mapping.pk, "CRM")
        made.flow = flow(transaction, "Leads", [to], watch=Watch.STATUS, statuses=(made.tags["Registered"].pk,))
        made.event = event(transaction, "SUMMIT-26", made.event_status("Live"), "Summit", timezone="UTC")
    return made


@contextmanager
def inside(made: Acme) -> Iterator[None]:
    """Inside the account's scope."""
    with scope(account=made.pk):
        yield
