"""The pages of the ledger: what is missing is named, downloaded and repaired by a click (S9)."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.test import Client
from django_scopes import scope, scopes_disabled
from tests.api_client import ApiClient
from tests.builders import planted_ledger
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.page_text import text_of as text_of_html

from heliograph.accounts.models import Role
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.sources import source_ledger
from heliograph.sources.models import CallKind, Source, SourceCall, SourceItem

LEDGER = "/settings/sources/ledger/"
OF_EVENT = f"{LEDGER}event/?event={EVENT}"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def source(site: PlatformAccount) -> int:
    site.record("S26-1")
    site.record("S26-2")
    with scopes_disabled():
        return planted_ledger.plant(site.store, site.pk, EVENT)


def text_of(answer: HttpResponse) -> str:
    return text_of_html(answer.content)


def digests(source: int) -> dict[str, bytes]:
    with scopes_disabled():
        return {item.key: bytes(item.digest) for item in SourceItem.objects.filter(source=source)}


def test_S9_the_verdict_comes_first_and_leads_to_each_gap(site: PlatformAccount, source: int, client: Client) -> None:
    site.signs_in(client)
    page = text_of(client.get(LEDGER))
    assert f"3 gaps: 3 in {EVENT}." in page
    assert "Hall plan" in page
    page = text_of(client.get(OF_EVENT))
    assert "Hall plan: 3 there, 2 here" in page
    for code in planted_ledger.MISSING:
        assert code in page
    assert page.count("Read it now") == 2
    assert "The last 2 comparisons did not find it there." in page
    only_here = text_of(client.get(f"{OF_EVENT}&kind=only_here"))
    assert "HALL-1" not in only_here
    assert "1 gap" in only_here
    assert client.get(f"{LEDGER}event/?event=NOWHERE").status_code == 404


def test_S9_one_click_repairs_a_gap_and_only_an_administrator_has_it(site: PlatformAccount, source: int, client: Client) -> None:
    site.signs_in(client, Role.PLANNER)
    assert "Read it now" not in text_of(client.get(OF_EVENT))
    with scopes_disabled():
        item = SourceItem.objects.get(source=source, key="HALL-1").pk
    gap = {"event": EVENT, "gap": f"i{item}.0"}
    assert client.post(f"{LEDGER}repair/", gap).status_code == 403
    site.signs_in(client)
    answer = client.post(f"{LEDGER}repair/", gap, follow=True)
    assert "1 repair has started." in text_of(answer)
    assert {key for key, digest in digests(source).items() if digest == b""} == {"HALL-1"}
    with scopes_disabled():
        assert Source.objects.get(pk=source).due_at is not None
    assert "This gap no longer exists." in text_of(client.post(f"{LEDGER}repair/", {"event": EVENT, "gap": "i0.0"}, follow=True))


def test_S9_all_gaps_of_a_kind_are_repaired_after_a_question(site: PlatformAccount, source: int, client: Client) -> None:
    site.signs_in(client)
    url = f"{LEDGER}repair-all/?event={EVENT}&kind=missing"
    assert f"Repair 2 gaps of {EVENT}?" in text_of(client.get(url))
    assert "2 repairs have started." in text_of(confirms(client, url, follow=True))
    assert {key for key, digest in digests(source).items() if digest == b""} == set(planted_ledger.MISSING)
    assert client.get(f"{LEDGER}repair-all/?event={EVENT}").status_code == 404


def test_S9_the_file_and_the_repair_of_one_source_are_of_that_source(site: PlatformAccount, source: int, client: Client) -> None:
    with scopes_disabled():
        other = planted_ledger.plant(site.store, site.pk, EVENT, name="Floor plan")
    site.signs_in(client)
    page = client.get(f"{OF_EVENT}&source={source}&kind=missing").content.decode()
    links = [html.unescape(link) for link in re.findall(r'href="([^"]*(?:repair-all|gaps\.csv)[^"]*)"', page)]
    assert len(links) == 2
    repair, file = links
    assert client.get(file).content.decode().count("Missing here") == 2
    assert "2 repairs have started." in text_of(confirms(client, repair, follow=True))
    assert all(digests(other).values())


def test_S9_the_gaps_are_a_file(site: PlatformAccount, source: int, client: Client) -> None:
    site.signs_in(client)
    answer = client.get(f"{LEDGER}gaps.csv?event={EVENT}&kind=missing")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["Registration"], row["Gap"], row["Repair"]) for row in rows] == [
        (code, "Missing here", "Read it now") for code in planted_ledger.MISSING
    ]


def test_S9_sources_are_compared_now(site: PlatformAccount, source: int, client: Client) -> None:
    site.signs_in(client)
    assert "1 source is being compared." in text_of(client.post(f"{LEDGER}compare/", {"event": EVENT}, follow=True))
    with scopes_disabled():
        assert Source.objects.get(pk=source).due_at is not None
    assert ApiClient.for_account(site.pk).post("ledger/comparison", {"event": EVENT}, status=200) == {"sources": 1}


def test_S9_gaps_are_repaired_by_rest(site: PlatformAccount, source: int) -> None:
    api = ApiClient.for_account(site.pk)
    (first, *_) = api.get(f"ledger/gaps?event={EVENT}&kind=missing")["items"]
    assert api.post("ledger/repairs", {"gaps": [first["gap"]]}, status=200) == {"begun": 1, "not_begun": 0, "refused": ""}
    assert [key for key, digest in digests(source).items() if digest == b""] == ["HALL-1"]
    assert api.post("ledger/repairs", {"event": EVENT, "kind": "only_here"}, status=200)["begun"] == 1
    with scopes_disabled():
        assert SourceItem.objects.filter(source=source, missing__gte=2).count() == 1
        Source.objects.filter(pk=source).update(state=2)
    assert api.post("ledger/repairs", {"gaps": [first["gap"]]}, status=200)["refused"] == "It is not on. Resume it first, then it is read."


def test_S9_the_last_file_of_a_watched_folder_is_named(site: PlatformAccount, client: Client) -> None:
    with scope(account=site.pk):
        now = site.store.now()
        folder = Source(
            name="Guest lists", platform="folder", state=SourceState.ON, account_id=site.pk, created=now, created_by="user:1", changed=now
        )
        folder.save()
    site.signs_in(client)
    assert "Guest lists No file was imported yet." in text_of(client.get(LEDGER))
    with scope(account=site.pk):
        about = json.dumps({"file": "guests.csv", "job": 0, "words": ""})
        SourceCall(
            account_id=site.pk, source=folder, at=now, kind=CallKind.FILE, state=CallState.RECORDED, headers=about, documents=212, refused=3
        ).save()
    page = text_of(client.get(LEDGER))
    assert "“guests.csv”" in page
    assert "Rows refused" in page
    assert "212 rows, 3 were refused" in page


def test_S9_nothing_to_compare_is_said(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    assert "Nothing to compare yet" in text_of(client.get(LEDGER))


def test_35_3_a_list_of_gaps_that_is_not_whole_says_so(
    site: PlatformAccount, source: int, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.signs_in(client)
    end = "The list ends after 2,000 gaps of a source and 2,000 messages."
    assert end not in text_of(client.get(OF_EVENT))
    monkeypatch.setattr(source_ledger, "MOST_GAPS", 2)
    page = text_of(client.get(OF_EVENT))
    assert end in page
    assert "at least 2 gaps" in page
    assert f"3 gaps: 3 in {EVENT}." in text_of(client.get(LEDGER)), "items are counted, however many are listed"


def test_35_3_an_event_has_gaps_also_where_those_of_another_fill_the_list(
    site: PlatformAccount, source: int, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, an event none of whose gaps was among the first of its source was said to be the same."""
    with scopes_disabled():
        SourceItem(account_id=site.pk, source_id=source, key="Z", digest=b"d", documents=json.dumps([["OTHER", "Z-1"]])).save()
    monkeypatch.setattr(source_ledger, "MOST_GAPS", 2)
    rows = {row["event"]: row["missing"] for row in ApiClient.for_account(site.pk).every("ledger")}
    assert rows == {EVENT: 2, "OTHER": 1}


def test_35_3_a_source_of_which_not_all_calls_are_read_has_at_least_so_many_gaps(
    site: PlatformAccount, source: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = ApiClient.for_account(site.pk)
    assert {row["is_more"] for row in api.every("ledger")} == {False}
    with scopes_disabled():
        call = SourceCall(account_id=site.pk, source_id=source, at=site.store.now(), kind=CallKind.PAGE, state=CallState.WAITING)
        call.save()
    monkeypatch.setattr(source_ledger, "MOST_CALLS", 1)
    assert {row["is_more"] for row in api.every("ledger")} == {True}
