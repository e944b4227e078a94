"""A form that is sent after the session has ended: one signs in, and it is there, to be looked at or sent (its pages: test_two_sessions.py)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from tests.builders.platform_account import EVENT, PlatformAccount, count_changes, planned, registration_state
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts import kept_form
from heliograph.accounts.models import Role

URL = f"/registrations/add/?event={EVENT}"


def session_ends(client: Client) -> None:
    """As when it has run out: the browser has no such cookie any more."""
    del client.cookies["heliograph_session"]


def written(site: PlatformAccount, client: Client, code: str = "K-1") -> str:
    """A form that was opened in time and sent too late; where that led."""
    site.signs_in(client, Role.PLANNER)
    form = posted(client.get(URL).content.decode(), "form") | {
        "code": [code],
        "profile.first_name": ["Zoë\u00a0"],
        "profile.notes": ["a\r\nb"],
    }
    session_ends(client)
    answer = client.post(URL, form)
    assert answer.status_code == 302
    assert count_changes(site) == 0
    return str(answer["Location"])


def test_what_was_typed_is_there_after_signing_in(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        sign_in = written(site, client)
        assert sign_in.startswith(f"{reverse('account_login')}?next=/registrations/add/")
        assert "Sign in, and it is there." in text_of(client.get(sign_in).content)
        site.signs_in(client, Role.PLANNER)
        page = client.get(URL)
        assert "What you wrote is still here" in text_of(page.content)
        assert "Zoë" not in page.content.decode(), "no page holds what waits"
        assert "What you wrote is still here" not in text_of(client.get("/registrations/").content)
        button = posted(page.content.decode(), "dialog")
        done = client.post(URL, button)
        assert done["Location"] == f"/registrations/{EVENT}/K-1/"
        profile = registration_state(site, "K-1").profile
        assert (profile["first_name"].strip(), profile["notes"]) == ("Zoë", "a\nb")
        assert "What you wrote" not in text_of(client.get(URL).content), "it is sent once"
        assert client.post(URL, button)["Location"] == URL, "nor a second time by its button"


def test_what_is_refused_then_stands_in_its_form(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        written(site, client, code="")
        site.signs_in(client, Role.PLANNER)
        shown = client.post(URL, posted(client.get(URL).content.decode(), "dialog"))
        assert shown.status_code == 422
        assert 'value="Zoë' in shown.content.decode()


def test_it_can_be_forgotten(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        written(site, client)
        site.signs_in(client, Role.PLANNER)
        assert client.post(URL, posted(client.get(URL).content.decode(), "dialog") | {"do": ["forget"]})["Location"] == URL
        assert "What you wrote" not in text_of(client.get(URL).content)
        assert count_changes(site) == 0


def test_nobody_else_finds_it_nor_anybody_later(database: DatabaseFacts, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with planned(database) as site:
        written(site, client)
        button = {"kept": client.session["kept_form"]["name"]}
        site.signs_in(client, Role.ADMINISTRATOR)
        assert "What you wrote" not in text_of(client.get(URL).content)
        assert client.post(URL, button)["Location"] == URL
        assert count_changes(site) == 0
        written(site, client)
        sealed = client.session["kept_form"]["sealed"]
        assert "Zoë" not in sealed
        now = kept_form._now()
        monkeypatch.setattr(kept_form, "_now", lambda: now + 60 * kept_form.MINUTES + 1)
        site.signs_in(client, Role.PLANNER)
        assert "What you wrote" not in text_of(client.get(URL).content)


def test_of_strangers_and_of_who_has_signed_out_nothing_is_kept(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        for _time in ("a stranger", "signed out"):
            client.post(URL, {"code": "K-1"})
            assert "kept_form" not in client.session
            site.signs_in(client, Role.PLANNER)
            client.get(URL)
            assert kept_form.COOKIE in client.cookies
            assert client.cookies[kept_form.COOKIE]["httponly"]
            client.post(reverse("account_logout"))
            assert not client.cookies[kept_form.COOKIE].value
        client.cookies[kept_form.COOKIE] = f"{site.people[Role.PLANNER].pk}:forged"
        client.post(URL, {"code": "K-1"})
        assert "kept_form" not in client.session


def test_a_part_of_a_page_with_a_form_stays_until_the_form_is_sent(database: DatabaseFacts, client: Client) -> None:
    with planned(database):
        part = {"HX-Request": "true"}
        assert client.post(URL, {"look": "1"}, headers=part).status_code == 204
        assert client.get(URL, headers=part)["HX-Refresh"] == "true"
