"""The search in Signal's header on real rows (X5)."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import signal_account
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.models import User
from heliograph.store.registrations import folded
from heliograph.timeline.registration_search import marked

TIMELINE = "/signal/registrations/SUMMIT-26/"


def people(site: SignalAccount) -> None:
    """Registrations in several scripts; Joe, Hana and Jonas have to do with Oakline."""
    signal_account.fill(site)
    for code, first, last, email, organization in (
        ("F26-17", "Jonas", "Weber", "jonas@oakline.example", "Weber & Co"),
        ("F26-18", "Hana", "Kovář", "hana@kovar.example", "OAKLINE s.r.o."),
        ("F26-19", "Ολγα", "Παπά", "olga@example.gr", "Αθήνα ΑΕ"),
        ("F26-20", "สมชาย", "ใจดี", "somchai@example.th", "บริษัท"),
        ("F26-21", "100%", "_real_", "odd@example.net", "A!B"),
    ):
        profile = {"first_name": first, "last_name": last, "email": email, "organization": organization}
        site.record({"code": code, "profile": profile})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("S26-2", "S26-2"),
        (" s26-2 ", "S26-2"),
        ("jonas@oakline.example", "F26-17"),
        ("JONAS@OAKLINE", "F26-17"),
        ("kovar", "F26-18"),
        ("hana KOVÁŘ", "F26-18"),
        ("s.r.o.", "F26-18"),
        ("花子", "S26-3"),
        ("παπα", "F26-19"),
        ("αθηνα", "F26-19"),
        ("ใจดี", "F26-20"),
        ("zoe", "S26-1"),
        ("100%", "F26-21"),
        ("_real_", "F26-21"),
        ("a!b", "F26-21"),
    ],
)
def test_X5_one_registration_is_opened_at_once(database: DatabaseFacts, client: Client, text: str, code: str) -> None:
    """By code, e-mail, name and organization, in any script, whatever the capitals and accents."""
    with signal_account.site(database) as site:
        people(site)
        site.signs_in(client, site.viewer)
        answer = client.get("/signal/find/", {"q": text})
        assert (answer.status_code, answer.get("Location")) == (302, f"{TIMELINE}{code}/")


def test_X5_several_are_listed_with_where_they_were_found(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        people(site)
        site.signs_in(client)
        shown = client.get("/signal/find/?q=oakline").content
        text = text_of(shown)
        assert "“oakline”: 8 registrations" in text
        for said in (
            "Jonas Weber F26-17 SUMMIT-26 E-mail: jonas@ oakline .example",
            "Hana Kovář F26-18 SUMMIT-26 Organization: OAKLINE s.r.o.",
            "Joe Citizen S26-2 SUMMIT-26 Organization: Oakline",
        ):
            assert said in text, text
        rows = re.findall(r"<tr>(.*?)</tr>", shown.decode().partition("<tbody>")[2], re.DOTALL)
        states = {code[1]: row.rpartition("<td")[2] for row in rows if (code := re.search(r">([SF]26-\d+)<", row))}
        assert "Delivered" in states["S26-1"]
        assert "1 waiting" in states["S26-2"]
        assert "1 failed" in states["S26-5"]
        assert "1 waiting" in states["S26-4"], "a run that waits for a tag"
        assert "Not sent yet" in states["F26-17"]


def test_X5_pages_of_the_results_lead_through_all_of_them(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        codes = [f"R-{n:03}" for n in range(60)]
        site.record(*(person(code, "A", "B") for code in codes))
        site.signs_in(client)
        found: list[str] = []
        url = "/signal/find/?q=oakline"
        while url:
            html = client.get(url).content.decode()
            found += re.findall(r">(R-\d+)<", html.partition("<tbody>")[2])
            older = re.search(r'rel="next" href="([^"]+)"', html)
            url = f"/signal/find/{older[1].replace('&amp;', '&')}" if older else ""
        assert found == list(reversed(codes))


def test_X5_a_webhook_id_leads_to_its_change(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.record(person("L-1", "A", "B"), *({"code": "L-1", "order_code": str(n)} for n in range(30)))
        action = site.actions("L-1")[2]
        ((uid, change),) = site.store.all("SELECT uid, change_id FROM action WHERE id = :id", {"id": action})
        site.signs_in(client)
        for text in (uid, f" {uid.upper()} "):
            answer = client.get("/signal/find/", {"q": text})
            assert answer["Location"].startswith(f"{TIMELINE}L-1/?")
            assert answer["Location"].endswith(f"#change-{change}")
            shown = client.get(answer["Location"].partition("#")[0]).content.decode()
            assert re.findall(r'class="subject-change" id="change-(\d+)"', shown)[0] == str(change)
        assert "Nothing found" in text_of(client.get("/signal/find/", {"q": f"{uid[:-1]}{'0' if uid[-1] != '0' else '1'}"}).content)


def test_P1_nothing_of_another_account_is_found(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        people(site)
        ((uid,),) = site.store.all("SELECT uid FROM action WHERE id = :id", {"id": site.actions("S26-1")[0]})
        other = signal_account.made(site.store, name="Somebody else")
        other.signs_in(client)
        for text in ("S26-2", "oakline", "花子", "jonas@oakline.example", uid):
            answer = client.get("/signal/find/", {"q": text})
            assert answer.status_code == 200
            assert "Nothing found" in text_of(answer.content), text


@pytest.mark.parametrize(
    "text", ["", "   ", "nobody at all", "%", "\u202e", "<script>alert(1)</script>", "x" * 900, "qq " * 200, "' OR 1=1 --"]
)
def test_X5_whatever_is_typed_has_an_answer(site: SignalAccount, client: Client, text: str) -> None:
    site.signs_in(client)
    answer = client.get("/signal/find/", {"q": text})
    assert answer.status_code == 200
    assert b"<script>alert" not in answer.content
    assert ("Nothing to search for" if not text.strip() else "Nothing found") in text_of(answer.content)


@pytest.mark.parametrize("address", ["/signal/flows/", "/signal/connections/", "/signal/mappings/", "/signal/metrics/", "/signal/retry/"])
def test_X5_it_stands_on_every_page_of_signal(site: SignalAccount, client: Client, address: str) -> None:
    site.signs_in(client)
    html = client.get(address).content.decode()
    assert html.count('class="find-anywhere" role="search" action="/find/"') == 2, "in the header, and in the menu of a phone"
    assert "/signal/find/" not in client.get("/registrations/").content.decode()


def test_P1_only_who_is_signed_in_searches(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database):
        assert User.objects.count() == 3
        assert client.get("/signal/find/?q=oakline")["Location"].startswith("/accounts/")


@given(st.text(max_size=30), st.text(min_size=1, max_size=5))
def test_X5_a_marked_text_is_the_text(text: str, word: str) -> None:
    """However letters fold: nothing of the text is lost, and what is marked folds to something with the word."""
    found = marked(text, folded(word))
    if found is not None:
        assert "".join(found) == text
        assert found[1]


@pytest.mark.parametrize(
    ("text", "word", "hit"),
    [
        ("Oakline s.r.o.", "oak", "Oak"),
        ("Kovář", "kovar", "Kovář"),
        ("Kova\u0301r\u030c", "kovar", "Kova\u0301r\u030c"),
        ("Straße 1", "sse", "ße"),
        ("ABC", "d", None),
    ],
)
def test_X5_a_hit_is_marked_in_its_own_letters(text: str, word: str, hit: str | None) -> None:
    found = marked(text, word)
    assert (found[1] if found else None) == hit
