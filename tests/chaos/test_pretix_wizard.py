"""The wizard of a pretix source against a real pretix: it looks, reads events and products, sets up the webhook and takes it away (S4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django_scopes import scope
from tests.api_client import ApiClient
from tests.builders.account import BY
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.pretix import Pretix

from heliograph.accounts.models import Account
from heliograph.domain.source.source_states import SourceState
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.models import Source
from heliograph.sources.pretix_looks import look_at_due
from heliograph.sources.services import pretix_webhook, source_proof
from heliograph.sources.services.pretix_events import EventChoice, choose_events
from heliograph.sources.services.pretix_setup import PretixAccess, connect, look, pretix_row, save_setup, setup_of
from heliograph.sources.services.sources import lock_source

pytestmark = pytest.mark.trial
NEW_EVENT = {"name": {"en": "Forum"}, "slug": "forum27", "currency": "EUR", "live": False, "testmode": False, "plugins": []}
LIMITED = """
from django_scopes import scopes_disabled
from pretix.base.models import Organizer, Team, TeamAPIToken
with scopes_disabled():
    team = Team.objects.create(organizer=Organizer.objects.get(), name="Readers", all_events=True, all_event_permissions=True)
    TeamAPIToken.objects.create(team=team, name="Limited", token="limited-token-of-the-readers")

"""


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
        yield site


def connected(site: PlatformAccount, pretix: Pretix, token: str) -> int:
    """A source that pretix has answered, with one event."""
    with scope(account=site.pk):
        with saving(site.pk, by=BY, whole_account=True) as transaction:
            id = int(connect(transaction, PretixAccess(pretix.origin, token)).pk)
        assert look(site.pk, id, by=BY) == ""
        setup = setup_of(pretix_row(id))
        assert setup.catalogue.organizer == "acme"
        assert {event.slug for event in setup.catalogue.events} == {"summit26", "gala26"}
        assert choose_events(site.pk, id, [EventChoice("summit26")], by=BY, seen=pretix_row(id).version) == ""
        parts = setup_of(pretix_row(id)).part_keys().values()
        assert {"Ticket", "Speaker", "Workshop", "Diet", "Job title"} <= set(parts)
    return id


def valid_secrets(site: PlatformAccount, id: int) -> list[int]:
    """The secrets without an end."""
    with scope(account=site.pk):
        return [each.pk for each in source_proof.secrets_of(pretix_row(id)) if each.ends is None]


@pytest.mark.timeout(900)
def test_S4_the_wizard_sets_its_webhook_up_in_pretix_and_takes_it_away(site: PlatformAccount, tmp_path: Path) -> None:
    with Pretix(tmp_path) as pretix:
        id = connected(site, pretix, pretix.facts["token"])
        api = ApiClient.for_account(site.pk)
        number = api.post(f"sources/{id}/pretix/webhook", {}, status=200)["webhook"]
        (first,) = pretix.done("GET", "webhooks/")["results"]
        assert (first["id"], first["enabled"], first["all_events"]) == (number, True, True)
        with scope(account=site.pk):
            address = source_proof.address_of(pretix_row(id))
        assert first["target_url"].startswith(f"{address}/")
        assert {"pretix.event.order.paid", "pretix.event.order.changed.*", "pretix.event.checkin"} <= set(first["action_types"])
        (secret,) = valid_secrets(site, id)

        for _ in range(3):  # anew, however often: the one before calls no more
            again = api.post(f"sources/{id}/pretix/webhook", {}, status=200)["webhook"]
        hooks = {hook["id"]: hook for hook in pretix.done("GET", "webhooks/")["results"]}
        assert [number for number, hook in hooks.items() if hook["enabled"]] == [again]
        assert hooks[again]["target_url"] != first["target_url"]
        assert valid_secrets(site, id) != [secret]

        limited = connected_with_limits(site, pretix)
        with scope(account=site.pk):
            with pytest.raises(Invalid, match="may not set up webhooks"):
                pretix_webhook.set_up_webhook(site.pk, limited, by=BY)
            assert source_proof.secrets_of(pretix_row(limited)) == []

        api.delete(f"sources/{id}/pretix/webhook")
        assert not any(hook["enabled"] for hook in pretix.done("GET", "webhooks/")["results"])
        assert valid_secrets(site, id) == []
        api.ask("DELETE", f"sources/{id}/pretix/webhook", status=400)


def connected_with_limits(site: PlatformAccount, pretix: Pretix) -> int:
    """A source whose token may read orders, and change nothing of the organizer."""
    pretix.shell(LIMITED)
    with scope(account=site.pk), saving(site.pk, by=BY, whole_account=True) as transaction:
        id = int(connect(transaction, PretixAccess(pretix.origin, "limited-token-of-the-readers")).pk)
    with scope(account=site.pk):
        assert look(site.pk, id, by=BY) == ""
    return id


@pytest.mark.timeout(900)
def test_S4_a_product_that_comes_later_is_named_after_another_look(site: PlatformAccount, tmp_path: Path) -> None:
    with Pretix(tmp_path) as pretix:
        id = connected(site, pretix, pretix.facts["token"])
        with scope(account=site.pk), saving(site.pk, by=BY, whole_account=True) as transaction:
            match_all(transaction, id)
        api = ApiClient.for_account(site.pk)
        assert api.post(f"sources/{id}/pretix/look", {}, status=200)["new"] == []
        pretix.done("POST", "events/summit26/items/", {"name": {"en": "Press"}, "default_price": "0.00", "admission": True, "active": True})
        assert api.post(f"sources/{id}/pretix/look", {}, status=200)["new"] == ["Press"]

        with scope(account=site.pk):
            Source.objects.filter(pk=id).update(state=SourceState.ON)
        question = {"question": {"en": "Badge name"}, "type": "S", "required": False, "items": [], "identifier": "BADGE"}
        pretix.done("POST", "events/summit26/questions/", question)
        pretix.done("POST", "events/", {**NEW_EVENT, "date_from": "2027-06-01T09:00:00Z"})
        assert look_at_due() == 1  # by itself, once a day
        assert look_at_due() == 0
        with scope(account=site.pk):
            setup = setup_of(pretix_row(id))
        assert (sorted(setup.new_parts.values()), setup.new_events) == (["Badge name", "Press"], ("forum27",))


def match_all(transaction: SetupTransaction, id: int) -> None:
    """What is there now counts as matched."""
    row = lock_source(id)
    setup = setup_of(row)
    save_setup(transaction, row, replace(setup, matched=tuple(setup.part_keys())))
