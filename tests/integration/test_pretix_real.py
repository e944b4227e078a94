"""A small dose of the trial of a real pretix (tests/chaos/test_pretix_followed.py), and its event series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django_scopes import scope
from tests import pretix_trial
from tests.builders.account import BY
from tests.builders.platform_account import planned
from tests.builders.pretix_order import pretix_settings
from tests.databases import DatabaseFacts
from tests.pretix import Pretix

from heliograph.accounts.models import Account
from heliograph.domain.source.call_documents import documents_of
from heliograph.domain.source.pretix import ItemUse, PretixEvent, PretixItem
from heliograph.domain.source.pretix_list import mapping_of
from heliograph.setup.services.setup_save import saving
from heliograph.sources.services.pretix_events import EventChoice, choose_events
from heliograph.sources.services.pretix_setup import PretixAccess, connect, look, pretix_row, setup_of


def test_S4_a_real_pretix_is_followed_through_edits_and_kills(database: DatabaseFacts, tmp_path: Path) -> None:
    with planned(database) as site:
        result = pretix_trial.run(site, database, tmp_path, edits=150, kills=3, pretix_kills=1, seed=5)
    assert (result.missing, result.stale, result.resurrected, result.gaps, result.waiting) == (0, 0, 0, 0, 0), result
    assert (result.kills, result.pretix_kills) == (3, 1)
    assert result.doorbells > 20 and result.announced > 10 > result.unannounced, result  # noqa: PT018
    assert (result.proposed, result.changed_by_erasing) == (result.registrations, 0), result


def sold_series(pretix: Pretix) -> list[int]:
    """Adds an event series with three dates to a pretix, and an order with a place on each. Returns the numbers of the dates."""
    facts = {"name": {"en": "City Tour"}, "currency": "EUR", "date_from": "2030-01-01T09:00:00Z", "timezone": "Europe/Vienna"}
    pretix.done("POST", "events/", {**facts, "slug": "tour", "has_subevents": True, "live": False, "testmode": False, "plugins": []})
    item = {"name": {"en": "Tour ticket"}, "default_price": "0.00", "admission": True, "active": True}
    ticket = pretix.done("POST", "events/tour/items/", item)["id"]
    dates = []
    for begins in ("2030-05-03T09:00:00+02:00", "2030-05-03T14:00:00+02:00", "2030-05-04T09:00:00+02:00"):
        date = {"name": {"en": "City Tour"}, "date_from": begins, "active": True, "meta_data": {}}
        dates.append(
            pretix.done("POST", "events/tour/subevents/", date | {"item_price_overrides": [], "variation_price_overrides": []})["id"]
        )
        quota = {"name": "all", "size": None, "items": [ticket], "variations": [], "subevent": dates[-1]}
        pretix.done("POST", "events/tour/quotas/", quota)
    places = [
        {"item": ticket, "subevent": date, "attendee_name_parts": {"full_name": f"Ada {date}"}, "answers": [], "positionid": n}
        for n, date in enumerate(dates, 1)
    ]
    order = {"email": "ada@example.org", "locale": "en", "status": "p", "payment_provider": "manual", "sales_channel": "web"}
    pretix.done("POST", "events/tour/orders/", {**order, "fees": [], "positions": places})
    return dates


def test_S4_the_dates_of_a_real_series_are_events_of_their_own(database: DatabaseFacts, tmp_path: Path) -> None:
    with planned(database) as site, Pretix(tmp_path) as pretix:
        Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
        first, _, last = sold_series(pretix)
        with scope(account=site.pk):
            with saving(site.pk, by=BY, whole_account=True) as transaction:
                id = int(connect(transaction, PretixAccess(pretix.origin, pretix.facts["token"])).pk)
            assert look(site.pk, id, by=BY) == ""
            names = [event.name for event in setup_of(pretix_row(id)).catalogue.events if event.date is not None]
            assert names == ["City Tour, 2030-05-03 09:00", "City Tour, 2030-05-03 14:00", "City Tour, 2030-05-04"]
            choices = [EventChoice(f"tour/{first}"), EventChoice(f"tour/{last}")]
            assert choose_events(site.pk, id, choices, by=BY, seen=pretix_row(id).version) == ""
            setup = setup_of(pretix_row(id))
            ((ticket, name),) = setup.part_keys().items()
            assert (setup.is_read, name) == (True, "Tour ticket")
            items = (PretixItem(ticket.removeprefix("item "), ItemUse.TYPE, "Guest"),)
            events = tuple(PretixEvent.from_key(key, code) for key, code in setup.events)
            settings = pretix_settings(server=pretix.origin, organizer="acme", events=events, items=items, questions=())
        orders = [order for order in pretix.orders() if order["event"] == "tour"]
    documents: list[Any] = list(documents_of(mapping_of(settings), orders).documents)
    assert [(each["event"], each["profile"]["first_name"], each["profile"]["last_name"]) for each in documents] == [
        ("TOUR-2030-05-03-09-00", "Ada", str(first)),
        ("TOUR-2030-05-04", "Ada", str(last)),
    ]
