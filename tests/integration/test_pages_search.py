"""The search for everything, on real rows: what it finds, for whom, and that it stays in the account."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled
from tests.builders import planted_sources, signal_account
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.models import Role, User
from heliograph.accounts.roles import may
from heliograph.search.account_search import ResultGroup
from heliograph.search.searched_pages import PAGES
from heliograph.sources.models import Source


def found(client: Client, text: str) -> dict[str, list[str]]:
    """The groups of the palette, each with the texts of its options."""
    answer = client.post("/find/results/", {"q": text})
    assert answer.status_code == 200
    groups: dict[str, list[str]] = {}
    for name, part in re.findall(r'role="group" aria-label="([^"]+)"[^>]*>(.*?)</div>', answer.content.decode(), re.DOTALL):
        options = re.findall(r'<a role="option".*?</a>', part, re.DOTALL)
        groups[html.unescape(name)] = [" ".join(html.unescape(re.sub(r"<[^>]+>", "", one)).split()) for one in options]
    return groups


def test_X5_the_palette_finds_things_of_every_kind(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client, site.viewer)
        assert found(client, "marin")["People"] == ["Zoë Marin S26-1, SUMMIT-26"]
        assert found(client, "slack")["Flows"] == ["Cancellations to Slack Flow, Live, on"]
        assert found(client, "crm")["Connections"] == ["CRM Connection"]
        assert "SUMMIT-26" in found(client, "summit")["Events"][0]
        assert "Retry Page" in found(client, "retry")["Settings and help"]
        assert "Finding a registration Help" in found(client, "finding registration")["Settings and help"]


def test_X5_a_group_shows_three_and_leads_to_the_rest(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        people = found(client, "s26")["People"]
        assert (len(people), people[-1]) == (4, "3 more")
        text = text_of(client.post("/find/", {"q": "s26"}).content)
        assert "“s26”: 6 results" in text
        assert all(f"S26-{n}" in text for n in range(1, 7))


def test_X5_a_group_of_which_not_all_were_counted_just_says_more() -> None:
    assert ResultGroup("People", [], hidden=22, has_more=True).more_text == "More"
    assert ResultGroup("People", [], hidden=22).more_text == "22 more"


@pytest.mark.parametrize(
    ("text", "path"),
    [("s26-2", "/signal/registrations/SUMMIT-26/S26-2/"), ("marin", "/signal/registrations/SUMMIT-26/S26-1/")],
)
def test_X5_the_only_result_opens_at_once(database: DatabaseFacts, client: Client, text: str, path: str) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client, site.viewer)
        answer = client.post("/find/", {"q": text})
        assert (answer.status_code, answer.get("Location")) == (302, path)


def test_X5_a_webhook_id_leads_to_its_change(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        ((uid, change, code),) = site.store.all(
            "SELECT a.uid, a.change_id, r.code FROM action a JOIN registration r ON r.id = a.registration_id ORDER BY a.id LIMIT 1"
        )
        answer = client.post("/find/", {"q": uid})
        assert answer["Location"].startswith(f"/signal/registrations/SUMMIT-26/{code}/?at=")
        assert answer["Location"].endswith(f"#change-{change}")


def test_P1_nothing_of_another_account_is_found(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        other = signal_account.made(site.store, name="Other Events")
        other.signs_in(client)
        for text in ("marin", "s26-2", "cancellations", "oakline"):
            groups = found(client, text)
            assert not {"People", "Flows"} & groups.keys(), (text, groups)


@pytest.mark.parametrize("role", ["administrator", "planner", "viewer"])
def test_P1_every_page_that_is_offered_opens(database: DatabaseFacts, client: Client, role: str) -> None:
    with signal_account.site(database) as site:
        person: User = getattr(site, role)
        site.signs_in(client, person)
        for place in PAGES:
            answer = client.get(reverse(place.page))
            if not may(person, place.role):
                assert answer.status_code in (302, 403), place.page
            else:
                assert answer.status_code == 200 or (answer.status_code == 302 and may(person, Role.PLANNER)), place.page


def test_N4_with_Signal_off_registrations_are_found_and_nothing_of_Signal(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        switch_off(site)
        site.signs_in(client)
        assert found(client, "slack").keys() <= {"Settings and help"}
        answer = client.post("/find/", {"q": "marin"})
        assert answer["Location"] == "/registrations/SUMMIT-26/S26-1/"
        assert "Flow List Page" not in found(client, "flow").get("Settings and help", [])


def switch_off(site: SignalAccount) -> None:
    """Signal is off for the account, in its row and in its configuration."""
    site.account.signal_enabled = False
    site.account.save()
    site.setup.save({("account", site.setup.account): {**site.setup.account_body(), "signal_enabled": False}})


def test_the_palette_takes_no_text_from_an_address(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        assert client.get("/find/results/?q=marin").status_code == 405
        assert client.post("/find/results/", {"q": "<b>x"}).content.count(b"<b>x") == 0


def test_an_empty_palette_offers_what_one_may_begin(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        groups = found(client, "")
        assert groups["Do"] == ["Add a flow", "Add a connection", "Import registrations", "Add a registration"]
        site.signs_in(client, site.viewer)
        assert "Do" not in found(client, "")


def test_an_empty_palette_begins_with_what_needs_somebody_and_leads_to_the_cure(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client)
        needs = found(client, "")["Needs you"]
        assert any(re.fullmatch("1 status or property has no tag .*waiting", need) for need in needs), needs
        assert next(iter(found(client, ""))) == "Needs you"
        assert b'href="/settings/tags/coverage/"' in client.post("/find/results/", {"q": ""}).content
        site.signs_in(client, site.viewer)
        assert b'href="/signal/retry/?status=untagged#items"' in client.post("/find/results/", {"q": ""}).content
        other = signal_account.made(site.store, name="Other Events")
        other.signs_in(client)
        assert "Needs you" not in found(client, "")


def test_X5_a_removed_source_is_not_found(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        with scopes_disabled():
            id = planted_sources.plant(site.store, site.account.pk)["Drop box"]
        site.signs_in(client)
        assert found(client, "drop box")["Settings and help"] == ["Drop box Source"]
        with scopes_disabled():
            Source.objects.filter(pk=id).update(deleted_at=site.store.now())
        assert client.get(f"/settings/sources/{id}/").status_code == 404
        assert found(client, "drop box") == {}
