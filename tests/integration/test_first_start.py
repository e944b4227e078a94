"""The first start by its one-time link (O6), and the four set-up steps of an empty account (N3)."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from tests.builders import signal_account
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.processes import Starter
from tests.waiting import PATIENCE

from heliograph.accounts.links import LinkOver
from heliograph.accounts.models import Account, EntryLink, Role, User
from heliograph.accounts.people import PersonRefused
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.options import Options
from heliograph.setup.services.account_creation import AccountFacts
from heliograph.setup.services.first_start import first_link, first_user, set_up
from heliograph.store.instants import to_micros

GIVEN = {
    "account": "Brightfield Events",
    "code": "BRIGHTFIELD",
    "timezone": "Europe/Vienna",
    "name": "Ada Lindqvist",
    "email": "Ada@Brightfield.example",
    "password": "a sentence to remember",
    "again": "a sentence to remember",
}


@pytest.fixture(autouse=True)
def no_locks() -> None:
    if settings.HELIOGRAPH.on_sqlite:  # elsewhere they are in the test's own database
        cache.clear()


def path() -> str:
    link = first_link()
    assert link is not None
    assert link.address.startswith("http://127.0.0.1:8700/first-start/")
    return link.address.removeprefix("http://127.0.0.1:8700")


def test_O6_the_link_makes_the_account_and_its_administrator_once(database: DatabaseFacts, client: Client) -> None:
    url = path()
    form = client.get(url).text
    assert "Set up Heliograph" in form
    (second,) = re.findall(r'<input[^>]*name="second"[^>]*>', form)
    assert "checked" not in second, "it is optional, and would keep every page closed until it is set up"
    answer = client.post(url, GIVEN)
    assert (answer.status_code, answer["Location"]) == (302, "/signal/first/")
    user, account = User.objects.get(), Account.objects.get()
    assert (user.email, user.role, user.account) == ("ada@brightfield.example", Role.ADMINISTRATOR, account)
    assert (account.code, account.timezone) == ("BRIGHTFIELD", "Europe/Vienna")
    assert "Set Signal up in four steps" in client.get("/signal/first/").content.decode()
    again = Client().post(url, GIVEN | {"code": "OTHER", "email": "other@example.org"})
    assert (again.status_code, User.objects.count()) == (410, 1)
    assert first_link() is None


def test_O6_what_is_refused_leaves_nothing_and_the_link_good(database: DatabaseFacts, client: Client) -> None:
    url = path()
    for wrong, said in (
        ({"again": "another"}, "The two are not the same. Type the new password twice."),
        ({"password": "short", "again": "short"}, "at least 12"),
        ({"code": "with space"}, "Letters, digits and dashes only."),
        ({"timezone": "Europe/Atlantis"}, "not a time zone"),
        ({"email": "nobody"}, "valid email"),
        ({"account": ""}, "cannot be blank"),
        ({"name": "Two\r\nlines"}, "one line"),
    ):
        answer = client.post(url, GIVEN | wrong)
        assert answer.status_code == 422, wrong
        assert said in answer.content.decode(), wrong
        assert "The link still works" in answer.content.decode()
        assert (Account.objects.count(), User.objects.count()) == (0, 0)
    assert client.post(url, GIVEN)["Location"] == "/signal/first/"


def test_O6_the_link_is_good_for_30_minutes(database: DatabaseFacts, client: Client) -> None:
    url = path()
    row = EntryLink.objects.get()
    assert (row.expires - row.created).total_seconds() == 30 * 60
    EntryLink.objects.update(expires=to_micros(row.created))
    for answer in (client.get(url), client.post(url, GIVEN)):
        assert (answer.status_code, "heliograph setuplink" in answer.content.decode()) == (410, True)
    assert not User.objects.exists()
    newer = path()
    assert client.get(url).status_code == 410
    assert client.get(newer).status_code == 200


def test_O6_of_two_who_take_it_at_once_one_gets_in(database: DatabaseFacts) -> None:
    token = path().split("/")[-2]
    start, said = threading.Barrier(2), list[str]()

    def take(n: int) -> None:
        try:
            start.wait(PATIENCE)
            set_up(
                token,
                AccountFacts(f"A-{n}", f"A {n}"),
                name="A",
                email=f"a{n}@example.org",
                password="a sentence to remember",
                second_factor=False,
            )
            said.append("in")
        except LinkOver:
            said.append("over")
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(said) == ["in", "over"]
    assert (User.objects.count(), Account.objects.count()) == (1, 1)


def test_O6_a_second_factor_can_be_set_up_at_once(database: DatabaseFacts, client: Client) -> None:
    client.post(path(), GIVEN | {"second": "1"})
    assert client.get("/signal/first/")["Location"] == "/accounts/me/second-factor/"
    page = client.get("/accounts/me/second-factor/")
    assert page.status_code == 200  # it does not ask for the password that was just chosen
    assert "You can go on once it is set up." in page.text
    assert "An Administrator of your account requires it." not in page.text, "they are the only one"


def test_O6_the_command_line_prints_links(fresh_database: DatabaseFacts, heliograph: Starter) -> None:
    told = heliograph.run("setuplink")
    assert told.returncode == 0, told.output
    assert re.search(r"http://\S+/first-start/\S{40,}/", told.output)
    assert heliograph.run("createaccount", "ACME").returncode == 0
    assert heliograph.run("createuser", "a@example.org", "--account", "ACME", "--generate").returncode == 0
    over = heliograph.run("setuplink")
    assert (over.returncode, "There are users already" in over.output) == (1, True)
    reset = heliograph.run("resetpassword", "A@example.org")
    assert re.search(r"http://\S+/accounts/new-password/\S{40,}/", reset.output), reset.output
    assert heliograph.run("resetpassword", "b@example.org").returncode == 1


def test_O6_containers_name_the_administrator(database: DatabaseFacts, client: Client) -> None:
    with pytest.raises(PersonRefused):
        first_user("ada@example.org", "short", "MAIN")
    assert not Account.objects.exists()
    user = first_user("Ada@example.org", GIVEN["password"], "MAIN")
    assert user is not None
    assert (user.email, user.role, user.account) == ("ada@example.org", Role.ADMINISTRATOR, Account.objects.get(code="MAIN"))
    assert first_user("other@example.org", GIVEN["password"], "OTHER") is None
    assert client.post("/accounts/sign-in/", {"login": "ada@example.org", "password": GIVEN["password"]})["Location"] == "/"
    with pytest.raises(ValueError, match="belong together"):
        Options(admin_email="ada@example.org")


def test_N3_signal_begins_with_the_four_steps_and_then_with_the_overview(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client, site.viewer)
        assert client.get("/signal/")["Location"] == "/signal/overview/"
        shown = client.get("/signal/first/").content.decode()
        assert "Done: 1 flow" in shown


def test_N3_the_steps_say_what_is_done(database: DatabaseFacts, client: Client) -> None:
    client.post(path(), GIVEN)
    assert client.get("/signal/")["Location"] == "/signal/first/"
    shown = client.get("/signal/first/").content.decode()
    assert shown.count("Not begun") == 4
    assert "Back to the platform" in shown  # N4
    client.post("/settings/tags/", {"label": "Registered", "name": "Registered", "objects": TagKind.REGISTRATION_STATUS.value})
    shown = client.get("/signal/first/").content.decode()
    assert "Done: 1 tag" in shown
    assert "New has no tag" in shown
    assert "10 more registration statuses have no tag" in shown


def test_N3_the_steps_ask_no_more_with_more_set_up(database: DatabaseFacts, client: Client) -> None:
    with signal_account.site(database) as site:
        site.signs_in(client)

        def asked() -> int:
            with counting_pages() as cost:
                assert client.get("/signal/first/").status_code == 200
            return cost.statements

        asked()
        before = asked()
        signal_account.fill(site)
        asked()
        assert asked() <= before


@pytest.mark.parametrize("role", ["administrator", "planner", "viewer"])
def test_N3_every_role_reads_the_steps_of_its_own_account(database: DatabaseFacts, client: Client, role: str) -> None:
    with signal_account.site(database) as site:
        other = signal_account.made(site.store, name="Another")
        site.signs_in(client, getattr(other, role))
        shown: Any = client.get("/signal/first/").content.decode()
        assert "Set Signal up in four steps" in shown
        assert "Brightfield" not in shown
