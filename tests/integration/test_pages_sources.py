"""The pages of sources: for every role, without anything of another account (S1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django_scopes import scope, scopes_disabled
from tests.builders import planted_sources, signal_account
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.tables import table_rows

from heliograph.accounts.models import AuditEntry
from heliograph.sources.models import Source, SourceSecret, SourceState

LIST = "/settings/sources/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        yield made


def stored(site: SignalAccount, id: int) -> Source:
    with scope(account=site.account.pk):
        row: Source = Source.objects.get(pk=id)
    return row


def test_S1_an_account_without_sources_is_shown_how_to_begin(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    assert "Add a source" not in text_of(client.get(LIST).content)
    site.signs_in(client)
    page = text_of(client.get(LIST).content)
    assert "No sources yet" in page
    assert "Ticket Tailor" in page


def test_S1_each_source_says_how_it_is_in_words(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        planted_sources.plant(site.store, site.account.pk, by=site.administrator.actor)
    site.signs_in(client, site.viewer)
    content = client.get(LIST).content
    page = text_of(content)
    for words in (
        "Receiving",
        "Refusing calls since",
        "41 refused",
        "No verification",
        "Anyone who knows the address can send registrations.",
        "Paused",
        "When you resume, it goes on where it stopped.",
        "1 call kept",
        "Not switched on",
        "Can’t be read since",
        "It answers 401: the token was revoked.",
        "1 changed",
        "1 call waiting",
    ):
        assert words in page, words
    assert len(table_rows(content)) == 6
    assert "Resume" not in page


def test_S1_the_page_of_a_source_lists_its_calls(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        made = planted_sources.plant(site.store, site.account.pk)
    site.signs_in(client, site.viewer)
    address = f"{LIST}{made['Works']}/"
    page = text_of(client.get(address).content)
    assert "4 calls in the last 24 hours" in page
    assert "Call, 2 registrations" in page
    assert len(table_rows(client.get(address).content)) == 4
    assert len(table_rows(client.get(f"{address}?show=waiting").content)) == 1
    assert len(table_rows(client.get(f"{address}?show=changed").content)) == 1
    assert "/in/" not in page
    site.signs_in(client)
    html = client.get(address).content.decode()
    assert "…/in/test…" in html
    assert stored(site, made["Works"]).path not in html


def test_S1_a_source_is_added_renamed_paused_resumed_and_removed(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    added = client.post(f"{LIST}new/tito/", {"name": "Press list"})
    assert added.status_code == 302
    (id,) = map(int, re.findall(r"/(\d+)/$", added["Location"]))
    row = stored(site, id)
    assert (row.state, row.platform) == (SourceState.DRAFT, "tito")
    assert re.fullmatch(r"([0-9a-z]{4}-){3}[0-9a-z]{4}", row.path)
    again = client.post(f"{LIST}new/luma/", {"name": " press LIST"})
    assert again.status_code == 422
    assert "There is a source of this name already." in text_of(again.content)
    assert client.post(f"{LIST}{id}/name/", {"name": "Journalists"}).status_code == 302
    assert stored(site, id).name == "Journalists"
    with scopes_disabled():
        Source.objects.filter(pk=id).update(state=SourceState.ON)
    client.post(f"{LIST}{id}/pause/")
    assert stored(site, id).paused_by == site.administrator.actor
    client.post(f"{LIST}{id}/resume/")
    assert (stored(site, id).state, stored(site, id).paused) == (SourceState.ON, None)
    with scopes_disabled():
        SourceSecret(account_id=site.account.pk, source_id=id, created=1, created_by="x").save()
    confirms(client, f"{LIST}{id}/remove/", {})
    gone = stored(site, id)
    assert gone.deleted_at is not None
    assert gone.path == ""
    with scopes_disabled():
        assert not SourceSecret.objects.filter(source_id=id).exists()
        entries = list(AuditEntry.objects.filter(kind="source").order_by("id").values_list("what", "name"))
        bodies = [*AuditEntry.objects.filter(kind="source").values_list("before", "after")]
    assert entries == [
        ("created", "Press list"),
        ("changed", "Journalists"),
        ("changed", "Journalists"),
        ("changed", "Journalists"),
        ("deleted", "Journalists"),
    ]
    assert row.path not in str(bodies)
    assert client.get(f"{LIST}{id}/").status_code == 404
    assert client.post(f"{LIST}new/press/", {"name": "x"}).status_code == 404


def test_S1_who_may_change_sources(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        made = planted_sources.plant(site.store, site.account.pk)
    id = made["Works"]
    for who in (site.viewer, site.planner):
        site.signs_in(client, who)
        for path in ("new/", "new/tito/", f"{id}/name/", f"{id}/remove/"):
            assert client.get(LIST + path).status_code == 403, path
        for path in ("new/tito/", f"{id}/name/", f"{id}/pause/", f"{id}/resume/", f"{id}/remove/"):
            assert client.post(LIST + path, {"name": "x"}).status_code == 403, path
    assert stored(site, id).name == "Works"


def test_P1_another_accounts_sources_are_not_there(site: SignalAccount, client: Client) -> None:
    other = signal_account.made(site.store, name="Others")
    with scopes_disabled():
        theirs = planted_sources.plant(site.store, other.account.pk)["Works"]
    site.signs_in(client)
    assert "No sources yet" in text_of(client.get(LIST).content)
    for path in ("", "name/", "remove/"):
        assert client.get(f"{LIST}{theirs}/{path}").status_code == 404, path
    for path in ("name/", "pause/", "resume/", "remove/"):
        assert client.post(f"{LIST}{theirs}/{path}", {"name": "x"}).status_code == 404, path
    with scopes_disabled():
        assert Source.objects.get(pk=theirs).name == "Works"


def test_S1_what_is_not_on_is_neither_paused_nor_resumed(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        made = planted_sources.plant(site.store, site.account.pk)
    site.signs_in(client)
    for what in ("pause", "resume"):
        answer = client.post(f"{LIST}{made['Not switched on']}/{what}/")
        assert answer.status_code == 302
    assert stored(site, made["Not switched on"]).state == SourceState.DRAFT
