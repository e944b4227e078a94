"""An account created by the services, with people and registrations, for the tests of the platform's pages.

The account and its event come from `builders.account.acme`; here are the people (named after their roles), the event's statuses, types,
questions, properties, sessions and registrations, and a second account that nobody of the first may see.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.test import Client
from django_scopes import scopes_disabled

from heliograph.accounts.models import Role, User
from heliograph.domain.registration.change import RegistrationState
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.runner import Runner
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.registrations import draft
from heliograph.setup.models import Tag
from heliograph.setup.services import custom_fields, event_setup
from heliograph.setup.services.setup_save import saving
from heliograph.store import config_cache
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.wiring import job_kinds
from tests.builders.account import BY, Acme, acme
from tests.builders.event import event
from tests.builders.people import team
from tests.builders.registration import record
from tests.builders.tag import tag
from tests.databases import DatabaseFacts
from tests.stored_rows import StoredRows

EVENT = "SUMMIT-26"
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@dataclass
class PlatformAccount:
    """The account of a test. ids: of the event's set-up, by name. added: what `planned` was asked to add."""

    store: Database
    acme: Acme
    people: dict[Role, User]
    ids: dict[str, int] = field(default_factory=dict)
    added: Any = None

    @property
    def pk(self) -> int:
        return self.acme.pk

    def signs_in(self, client: Client, role: Role = Role.ADMINISTRATOR) -> None:
        """Signs a test client in."""
        client.force_login(self.people[role])

    def tag(self, name: str, *kinds: TagKind, label: str = "") -> Tag:
        """Creates another tag."""
        with self.acme.setting_up() as transaction:
            self.acme.tags[name] = tag(transaction, name, *kinds, label=label)
        return self.acme.tags[name]

    def record(self, code: str, **document: object) -> ItemResult:
        """Records a document of the event."""
        event = document.pop("event", EVENT)
        item = RecordItem(self.pk, {"event": event, "code": code, **document}, BY)
        (answer,) = record(self.store, Committed(self.store), [item])
        return answer

    def run_jobs(self) -> list[Job]:
        """Runs every waiting job, one after another, like the pages' process."""
        with scopes_disabled():
            waiting = list(Job.objects.filter(account=self.pk, state=JobState.QUEUED).order_by("pk").values_list("pk", flat=True))
        return [Runner(job_kinds()).run_one(pk) for pk in waiting]


type More = Callable[[PlatformAccount], object]

_kept: dict[More | None, tuple[PlatformAccount, StoredRows]] = {}
"""The first account of a run without its store, and all rows of its database; by what was added to it."""


@contextmanager
def planned(facts: DatabaseFacts, more: More | None = None) -> Iterator[PlatformAccount]:
    """An account with an event that has a bit of everything, and what a function adds. The first one of a run is created, and copied into
    other new databases."""
    config_cache.PROCESS.forget()
    store = facts.open()
    try:
        new = store.all("SELECT count(*) FROM accounts_account") == [(0,)]
        if new and more in _kept:
            store.close()
            connections.close_all()
            kept, rows = _kept[more]
            rows.put(facts)
            store = facts.open()
            found = replace(copy.deepcopy(kept), store=store)
        else:
            found = made(store)
            found.added = more(found) if more else None
            if new:
                _kept[more] = copy.deepcopy(replace(found, store=None)), StoredRows(facts)
        yield found
    finally:
        store.close()


def made(store: Database) -> PlatformAccount:
    """Creates such an account; a second call creates another one beside it."""
    found = acme()
    made = PlatformAccount(store, found, team(found.account))
    status_tag, type_tag = found.tags["Registered"], made.tag("Speaker", TagKind.ATTENDEE_TYPE)
    made.tag("VIP", TagKind.REGISTRATION_PROPERTY)
    with found.setting_up() as transaction:
        custom_fields.save_field(transaction, custom_fields.FieldFacts("event", "region", "Region", "select", ("North", "South")))
        custom_fields.save_field(transaction, custom_fields.FieldFacts("profile", "shirt", "Shirt", "select", ("S", "M")))
    with found.planning() as transaction:
        paid = event_setup.save_status(
            transaction, found.event, event_setup.StatusFacts("PAID", "Paid", StatusClass.ACCEPTED, (status_tag.pk,))
        )
        partner = event_setup.save_status(
            transaction, found.event, event_setup.StatusFacts("PARTNER", "Invited by partner", StatusClass.PENDING)
        )
        speaker = event_setup.save_type(transaction, found.event, event_setup.TypeFacts("SPK", "Speaker", (type_tag.pk,)))
        guest = event_setup.save_type(transaction, found.event, event_setup.TypeFacts("GST", "Guest"))
        vip = event_setup.save_property(transaction, found.event, event_setup.PropertyFacts("VIP", "VIP guest"))
        diet = event_setup.save_question(
            transaction,
            found.event,
            event_setup.QuestionFacts("diet", "Dietary needs", "multi-select", ("Vegan", "Halal"), found.tags["Diet"].pk),
        )
        arrival = event_setup.save_question(transaction, found.event, event_setup.QuestionFacts("arrival", "Day of arrival", "date"))
        keynote = event_setup.save_session(transaction, found.event, event_setup.SessionFacts("KEYNOTE", "Opening", START))
    made.ids = {
        "Paid": paid.pk,
        "Invited by partner": partner.pk,
        "Speaker": speaker.pk,
        "Guest": guest.pk,
        "VIP guest": vip.pk,
        "Dietary needs": diet.pk,
        "Day of arrival": arrival.pk,
        "KEYNOTE": keynote.pk,
    }
    return made


def event_in_testing(site: PlatformAccount, code: str = "GALA-26") -> int:
    """Creates another event of the account, in Testing. Returns its id."""
    with saving(site.pk, by=BY) as transaction:
        return event(transaction, code, site.acme.event_status("Testing"), "Winter Gala", timezone="Europe/Vienna")


def registration_state(site: PlatformAccount, code: str, event: str = EVENT) -> RegistrationState:
    """A registration's stored state."""
    found = draft.opened(site.store, site.pk, event, code)
    assert found is not None
    return found.state


def count_changes(site: PlatformAccount) -> int:
    """The number of changes of registrations in the account."""
    ((n,),) = site.store.all("SELECT count(*) FROM change WHERE account_id = :a AND registration_id IS NOT NULL", {"a": site.pk})
    return int(n)
