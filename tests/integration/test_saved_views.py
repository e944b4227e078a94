"""Saved views: a person keeps the filters of a list under a name, and nobody else sees them (P1)."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import signal_account
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts

from heliograph.accounts.models import SavedView, User
from heliograph.accounts.saved_views import LONGEST_NAME, MOST, NOT_KEPT, ViewFacts, query_of, save_view, views_of

SAVE = "/accounts/me/views/"


def kept(site: SignalAccount, user: User | None = None) -> list[tuple[str, str, str]]:
    """(list, name, query) of all views of an account, or of one person."""
    rows = SavedView.objects.filter(user__account=site.account) if user is None else views_of(user)
    return [(row.list_name, row.name, row.query) for row in rows]


def links(client: Client, path: str) -> dict[str, str]:
    """The views above a list: addresses by name, the open one with "*"."""
    part = client.get(path).content.decode().partition('<nav aria-label="Saved views">')[2].partition("</nav>")[0]
    found = re.findall(r'<a href="([^"]*)"( aria-current="page")?>(?:<bdi>)?(.*?)(?:</bdi>)?</a>', part)
    return {html.unescape(name) + ("*" if current else ""): html.unescape(href) for href, current, name in found}


def test_a_view_is_saved_opened_renamed_and_deleted(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client, site.viewer)
        page = client.get("/registrations/?is=live&sort=name&q=marin").content.decode()
        assert "Save this view" in page
        (query,) = re.findall(r'name="query" value="([^"]*)"', page)
        assert html.unescape(query) == "is=live&sort=name", "no words of the search"
        answer = client.post(SAVE, {"list_name": "registrations", "name": "  By   name ", "query": html.unescape(query)})
        assert answer["Location"] == "/registrations/?is=live&sort=name"
        assert links(client, answer["Location"]) == {"All": "/registrations/", "By name*": answer["Location"]}
        assert links(client, "/registrations/") == {"All*": "/registrations/", "By name": answer["Location"]}
        assert "Save this view" not in client.get(answer["Location"]).content.decode()
        assert links(client, "/signal/flows/") == {}
        (view,) = views_of(site.viewer)
        assert client.post(f"{SAVE}{view.pk}/", {"name": "Live ones"})["Location"] == "/registrations/?is=live&sort=name"
        assert kept(site) == [("registrations", "Live ones", "is=live&sort=name")]
        assert client.post(f"{SAVE}{view.pk}/delete/")["Location"] == "/registrations/"
        assert kept(site) == []


def test_each_list_of_records_has_views_of_its_own_without_the_instants_of_its_link(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        signal_account.fill(site)
        site.signs_in(client, site.viewer)
        path, others = "/signal/metrics/records/success/", "/signal/metrics/records/failures/"
        linked = f"{path}?connection={site.setup.connection}&since=29000000&until=29000060&n=3&seen=7"
        page = client.get(linked).content.decode()
        (query,) = re.findall(r'name="query" value="([^"]*)"', page)
        (list_name,) = re.findall(r'name="list_name" value="([^"]*)"', page)
        answer = client.post(SAVE, {"list_name": list_name, "name": "To the CRM", "query": html.unescape(query)})
        assert answer["Location"] == f"{path}?connection={site.setup.connection}"
        assert links(client, answer["Location"]) == {"All": path, "To the CRM*": answer["Location"]}
        assert links(client, linked) == {"All": path, "To the CRM": answer["Location"]}, "the link has its own period"
        assert links(client, path) == {"All*": path, "To the CRM": answer["Location"]}
        assert links(client, others) == {}
        (view,) = views_of(site.viewer)
        assert client.post(f"{SAVE}{view.pk}/delete/")["Location"] == path


def test_P1_a_view_is_seen_and_changed_by_its_person_alone(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        view = save_view(site.planner, ViewFacts("flow-list", "Tests", "mode=test"))
        other = signal_account.made(site.store, name="Other Events")
        for account, person in ((site, site.viewer), (site, site.administrator), (other, other.administrator)):
            account.signs_in(client, person)
            assert links(client, "/signal/flows/") == {}
            assert client.post(f"{SAVE}{view.pk}/", {"name": "Mine"}).status_code == 404
            assert client.post(f"{SAVE}{view.pk}/delete/").status_code == 404
        assert kept(site) == [("flow-list", "Tests", "mode=test")]
        client.logout()
        assert client.post(SAVE, {"list_name": "tags", "name": "x", "query": "a=b"})["Location"].startswith("/accounts/sign-in/")


@pytest.mark.parametrize(
    ("list_name", "name", "query", "sentence"),
    [
        ("registrations", "", "is=live", "at most 60 characters"),
        ("registrations", "x" * (LONGEST_NAME + 1), "is=live", "at most 60 characters"),
        ("registrations", "two\u2028lines", "is=live", ""),
        ("registrations", "Taken", "is=live", "Choose another name"),
        ("registrations", "TAKEN", "is=live", "Choose another name"),
        ("registrations", "Words", "q=marin", "Choose a filter first"),
        ("registrations", "Long", f"is={'x' * 1_100}", "so many filters"),
        ("me", "Elsewhere", "a=b", "can’t save views"),
        ("records", "Of no kind", "a=b", "can’t save views"),
        (f"records/{'x' * 31}", "Of too long a kind", "a=b", "can’t save views"),
        ("records/../../x", "Elsewhere", "a=b", "can’t save views"),
        ("//evil.example", "Elsewhere", "a=b", "can’t save views"),
    ],
)
def test_a_view_that_cannot_be_kept_is_refused_in_words(
    database: DatabaseFacts, client: Client, list_name: str, name: str, query: str, sentence: str
) -> None:
    with signal_account.site(database) as site:
        save_view(site.viewer, ViewFacts("registrations", "Taken", "is=test"))
        site.signs_in(client, site.viewer)
        answer = client.post(SAVE, {"list_name": list_name, "name": name, "query": query}, follow=True)
        assert sentence in html.unescape(answer.content.decode())
        if sentence:
            assert kept(site) == [("registrations", "Taken", "is=test")]
        assert answer.redirect_chain[0][0].startswith("/")
        assert not answer.redirect_chain[0][0].startswith("//")


def test_a_person_keeps_so_many_views_of_a_list(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client, site.viewer)
        for number in range(MOST):
            save_view(site.viewer, ViewFacts("tags", f"View {number}", f"object=event&n={number}"))
        answer = client.post(SAVE, {"list_name": "tags", "name": "One more", "query": "object=event"}, follow=True)
        assert "Delete one first." in answer.content.decode()
        assert len(kept(site)) == MOST
        save_view(site.viewer, ViewFacts("events", "Of another list", "status=1"))


def test_the_views_of_a_person_go_with_the_person(database: DatabaseFacts) -> None:
    with signal_account.site(database) as site:
        save_view(site.viewer, ViewFacts("tags", "Mine", "object=event"))
        site.viewer.delete()
        assert kept(site) == []


@given(st.lists(st.tuples(st.sampled_from(["q", "at", "is", "event", "column"]), st.text(max_size=8)), max_size=8))
def test_a_query_is_kept_in_one_spelling_without_what_is_no_filter(pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import parse_qsl, urlencode

    wanted = sorted((name, value) for name, value in pairs if name not in NOT_KEPT and value)
    spelled = query_of(urlencode(pairs, errors="replace"))
    assert query_of(spelled) == spelled
    assert sorted(parse_qsl(spelled)) == wanted or any("\ud800" <= letter <= "\udfff" for _name, value in pairs for letter in value)
