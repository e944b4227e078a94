"""The list of registrations and the form of one: exactly the changes are recorded (P10, I1; ARCHITECTURE.md, rule 1)."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.test import Client
from tests import forms
from tests.builders import signal_account
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.databases import DatabaseFacts

from heliograph.recording.contents import read_state

URL = "/registrations/SUMMIT-26/S26-2/"


def form_of(page: str) -> dict[str, list[str]]:
    """What a browser would post from the page's untouched form."""
    return forms.posted(page, "form") or forms.posted(page, "conflict")


def state(site: SignalAccount, code: str = "S26-2") -> Any:
    ((text,),) = site.store.all(
        "SELECT state FROM registration WHERE code = :code AND account_id = :account", {"code": code, "account": site.account.pk}
    )
    return read_state(text)


def changes(site: SignalAccount, code: str = "S26-2") -> int:
    ((n,),) = site.store.all(
        "SELECT count(*) FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = :code AND c.account_id = :account",
        {"code": code, "account": site.account.pk},
    )
    return int(n)


def test_P10_a_form_that_was_not_touched_makes_no_change(database: DatabaseFacts, client: Client) -> None:
    strange = {
        "first_name": "  two  spaces ",
        "last_name": "line\nbreak",
        "notes": "\nbegins with a break\n\nand ends\n",
        "organization": '"quoted" <b>&amp;</b>',
        "position": "=1+1",
        "city": "שלום",
    }
    with signal_account.site(database) as site:
        site.record(
            {
                "code": "S26-2",
                "profile": {**strange, "custom": {"shirt": "M"}},
                "answers": {"dietary": ["Gluten-free", "Vegan"], "allergies": "nuts\nand bolts", "consent": "Yes"},
                "properties": {"Complete": True, "VIP guest": True},
                "sessions": [{"code": "PANEL", "status": "Waitlisted"}],
            }
        )
        before = state(site), changes(site)
        site.signs_in(client, site.planner)
        answer = client.post(URL, form_of(client.get(URL).content.decode()), follow=True)
        assert "You changed nothing" in answer.content.decode()
        assert (state(site), changes(site)) == before


def test_P10_what_was_changed_is_one_change_by_hand(site: SignalAccount, client: Client) -> None:
    before = changes(site)
    site.signs_in(client, site.planner)
    form = form_of(client.get(URL).content.decode())
    form |= {
        "status": ["Attended"],
        "attendee_type": ["Speaker"],
        "profile.first_name": ["Joseph"],
        "profile.notes": ["one\r\ntwo"],
        f"custom.{site.setup.id(501)}": ["L"],
        f"answer.{site.setup.id(611)}": ["Vegan", "Gluten-free"],
        "properties": ["Complete", "VIP guest"],
    }
    answer = client.post(URL, form, follow=True)
    assert "Saved as one change." in answer.content.decode()
    now = state(site)
    assert (now.profile["first_name"], now.profile["notes"], now.profile["last_name"]) == ("Joseph", "one\ntwo", "Citizen")
    assert now.status == site.setup.statuses["Attended"]
    assert now.custom == {site.setup.id(501): ("L",)}
    assert now.answers == {site.setup.id(611): ("Vegan", "Gluten-free")}
    assert set(now.properties) == {-1, site.setup.id(621)}
    assert changes(site) == before + 1
    ((by, at, modified),) = site.store.all(
        "SELECT c.by, c.at, r.sent_modified FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = 'S26-2' ORDER BY c.id DESC LIMIT 1"
    )
    assert by == f"user:{site.planner.pk}"
    assert modified is None, "an edit by hand is no sender's"
    assert at


def test_a_session_and_a_field_are_saved_together(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    form = form_of(client.get(URL).content.decode()) | {f"session.{site.setup.id(632)}": ["Registered"], "order_code": ["O-77"]}
    client.post(URL, form)
    assert state(site).order_code == "O-77"
    rows = site.store.all("SELECT status_id FROM session_registration WHERE session_id = :id", {"id": site.setup.id(632)})
    assert rows == [(site.setup.session_statuses["Registered"],)]


def test_P8_is_active_can_be_cleared_and_set(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    place = f"/registration-active{URL.removeprefix('/registrations')}"
    assert place in client.get(URL).content.decode()
    asked = client.get(place).content.decode()
    assert "Clear Is Active of Joe Citizen?" in asked
    assert 'name="to" value="inactive"' in asked
    assert "One last change, Updated, is recorded" in asked
    assert [flow.name for flow in site.setup.provider.account(site.account.pk).flows.values() if flow.name in asked]
    shown = confirms(client, place, {"to": "inactive"}, follow=True).content.decode()
    assert "This registration is not active" in shown
    assert "&#x27;" not in shown.partition('id="main"')[2].partition("</form>")[0], "a value of Python's stands on the page"
    assert not state(site).active
    confirms(client, place, {"to": "inactive"})  # a second click does not revert it
    assert not state(site).active
    assert 'name="to" value="active"' in client.get(place).content.decode()
    confirms(client, place, {"to": "active"})
    assert state(site).active


def test_P8_a_save_of_the_form_leaves_is_active_alone(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    place = f"/registration-active{URL.removeprefix('/registrations')}"
    form = form_of(client.get(URL).content.decode()) | {"order_code": ["O-1"]}
    confirms(client, place, {"to": "inactive"})
    client.post(URL, form)
    assert (state(site).active, state(site).order_code) == (False, "O-1")


def test_what_is_refused_is_said_beside_its_field_and_nothing_is_lost(site: SignalAccount, client: Client) -> None:
    before = changes(site)
    site.signs_in(client, site.planner)
    born = f"custom.{site.setup.id(502)}"
    form = form_of(client.get(URL).content.decode()) | {born: ["31/02/2026"], "profile.city": ["Vienna"]}
    answer = client.post(URL, form)
    shown = answer.content.decode()
    assert answer.status_code == 422
    assert "Not saved: 1 field is refused" in shown
    assert f'id="{born}-error"' in shown
    assert 'value="31/02/2026"' in shown
    assert 'value="Vienna"' in shown
    assert changes(site) == before
    client.post(URL, form_of(shown) | {born: ["2000-02-29"]})
    assert state(site).custom[site.setup.id(502)] == ("2000-02-29",)
    assert state(site).profile["city"] == "Vienna"


def test_two_who_changed_different_fields_are_both_kept(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    form = form_of(client.get(URL).content.decode()) | {"profile.mobile": ["+43 660 5550142"]}
    site.record({"code": "S26-2", "profile": {"position": "Head of Events"}})
    assert client.post(URL, form).status_code == 302
    assert (state(site).profile["mobile"], state(site).profile["position"]) == ("+43 660 5550142", "Head of Events")


@pytest.mark.parametrize(("pick", "status"), [("mine", "Attended"), ("theirs", "Cancelled")])
def test_two_who_changed_one_field_are_asked(site: SignalAccount, client: Client, pick: str, status: str) -> None:
    site.signs_in(client, site.planner)
    form = form_of(client.get(URL).content.decode()) | {"status": ["Attended"], "profile.mobile": ["+43"]}
    site.record({"code": "S26-2", "status": "Cancelled"}, by=f"user:{site.administrator.pk}")
    before = changes(site)
    answer = client.post(URL, form)
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Administrator saved this meanwhile" in shown
    for said in ("Changed by both", "New", "Cancelled", "Attended", "Changed by one of you", "+43"):
        assert said in shown, said
    assert changes(site) == before, "nothing is stored yet"
    client.post(URL, form_of(shown) | {"pick-status": [pick]})
    assert state(site).status == site.setup.statuses[status]
    assert state(site).profile["mobile"] == "+43"
    assert changes(site) == before + 1


def test_a_third_save_between_is_asked_about_again(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    form = form_of(client.get(URL).content.decode()) | {"status": ["Attended"]}
    site.record({"code": "S26-2", "status": "Cancelled"})
    first = form_of(client.post(URL, form).content.decode()) | {"pick-status": ["mine"]}
    site.record({"code": "S26-2", "status": "No-show"})
    answer = client.post(URL, first)
    assert answer.status_code == 409
    assert "No-show" in answer.content.decode()
    assert state(site).status == site.setup.statuses["No-show"]


@pytest.mark.parametrize(
    "opened", ["", "[]", "{", '{"status": 1}', '{"nonsense.1": ["x"], "session.x": [], "custom.zz": ["1"]}', "[" * 10_000]
)
def test_a_form_that_was_tampered_with_changes_nothing(site: SignalAccount, client: Client, opened: str) -> None:
    before = state(site), changes(site)
    site.signs_in(client, site.planner)
    assert client.post(URL, {"opened": opened, "nonsense.1": "y", "custom.zz": "2", "session.x": "Attended"}).status_code == 302
    assert (state(site), changes(site)) == before


def test_a_value_that_no_database_takes_is_refused(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    form = form_of(client.get(URL).content.decode()) | {"profile.city": ["y" * 5000], "profile.state": ["x" * 5000]}
    answer = client.post(URL, form)
    assert answer.status_code == 422
    assert "2 fields are refused" in answer.content.decode()


def test_a_viewer_reads_it_as_text(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.viewer)
    shown = client.get(URL).content.decode()
    assert "Citizen" in shown
    assert "<textarea" not in shown
    assert 'name="opened"' not in shown


def test_the_form_says_what_it_showed(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    form = form_of(client.get(URL).content.decode())
    then = json.loads(form["opened"][0])
    assert then["status"] == ["New"]
    assert then["profile.first_name"] == ["Joe"]
    assert set(then) - {"properties"} - set(form) <= {f"answer.{site.setup.id(611)}"}, "a field that is not shown would be cleared"


# --- the list


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", ["S26-6", "S26-5", "S26-4", "S26-3", "S26-2", "S26-1"]),
        ("?sort=code", ["S26-1", "S26-2", "S26-3", "S26-4", "S26-5", "S26-6"]),
        ("?sort=name", ["S26-4", "S26-2", "S26-6", "S26-5", "S26-1", "S26-3"]),
        ("?q=ZO%C3%8B", ["S26-1"]),
        ("?q=%E8%8A%B1%E5%AD%90", ["S26-3"]),
        ("?q=citizen+joe", ["S26-2"]),
        ("?q=oakline&status=Cancelled", ["S26-6"]),
        ("?status=Attended", ["S26-1"]),
        ("?is=test", []),
        ("?is=inactive", []),
        ("?is=live&q=S26-1", ["S26-1"]),
        ("?q=100%25", []),
    ],
)
def test_the_list_is_searched_filtered_and_sorted(site: SignalAccount, client: Client, query: str, codes: list[str]) -> None:
    site.signs_in(client)
    shown = client.get(f"/registrations/{query}").content.decode()
    assert re.findall(r'data-th="Code"><a href="[^"]+">([^<]+)', shown) == codes


@pytest.mark.parametrize("sort", ["", "code", "name"])
def test_the_list_is_walked_there_and_back(database: DatabaseFacts, client: Client, sort: str) -> None:
    with signal_account.site(database) as site:
        for n in range(60):
            site.record(person(f"R-{n:03}", "Same" if n % 2 else "", "Name"))
        site.signs_in(client)

        def walk(url: str, rel: str) -> tuple[list[str], str]:
            codes: list[str] = []
            last = url
            while url:
                last, shown = url, client.get(url).content.decode()
                found = re.findall(r'data-th="Code"><a href="[^"]+">([^<]+)', shown)
                codes += found if rel == "next" else found[::-1]
                link = re.search(rf'rel="{rel}" href="([^"]+)"', shown)
                url = f"/registrations/{html.unescape(link[1])}" if link else ""
            return codes, last

        there, last = walk(f"/registrations/?sort={sort}", "next")
        assert len(there) == len(set(there)) == 60
        again, _ = walk(last, "prev")
        assert again == there[::-1]
