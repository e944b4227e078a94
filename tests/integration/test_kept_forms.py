"""A form that is sent after the session has ended: one signs in, and it is there, to be looked at or sent (its pages: test_two_sessions.py)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.builders.platform_account import EVENT, PlatformAccount, count_changes, planned, registration_state
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts import kept_form
from heliograph.accounts.models import KeptForm, Role, User
from heliograph.accounts.people import remove, switch
from heliograph.store.queue.retention_round import RetentionRound

PASSWORD = "a long sentence of somebody"
URL = f"/registrations/add/?event={EVENT}"


@pytest.fixture(autouse=True)
def no_tries() -> None:
    """Forms of a user in a minute are counted by the process."""
    cache.clear()


def session_ends(client: Client) -> None:
    """As when it has run out: the browser has no such cookie any more."""
    client.cookies.pop("heliograph_session", None)


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
        assert "Sign in to get it back." in text_of(client.get(sign_in).content)
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
        written(site, client, code="x" * 300)
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


def test_nobody_else_finds_it_nor_anybody_later(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        written(site, client)
        (kept,) = KeptForm.objects.all()
        assert "profile.first_name" not in kept.sealed
        button = {"kept": kept.name}
        site.signs_in(client, Role.ADMINISTRATOR)
        assert "What you wrote" not in text_of(client.get(URL).content)
        assert client.post(URL, button)["Location"] == URL
        assert count_changes(site) == 0
        elsewhere = Client()
        site.signs_in(elsewhere, Role.PLANNER)
        assert "What you wrote" not in text_of(elsewhere.get(URL).content), "another browser of the same person"
        assert elsewhere.post(URL, button)["Location"] == URL
        written(site, client)
        KeptForm.objects.update(until=timezone.now() - timedelta(seconds=1))
        site.signs_in(client, Role.PLANNER)
        assert "What you wrote" not in text_of(client.get(URL).content)


def test_of_strangers_and_of_who_has_signed_out_nothing_is_kept(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        for _time in ("a stranger", "signed out"):
            client.post(URL, {"code": "K-1"})
            assert not KeptForm.objects.exists()
            site.signs_in(client, Role.PLANNER)
            client.get(URL)
            assert client.cookies[kept_form.WHO_COOKIE]["httponly"]
            client.post(reverse("account_logout"))
            assert not client.cookies[kept_form.WHO_COOKIE].value
        client.cookies[kept_form.WHO_COOKIE] = f"{site.people[Role.PLANNER].pk}:forged"
        client.post(URL, {"code": "K-1"})
        assert not KeptForm.objects.exists()


def switched_off(user: User) -> None:
    switch(user.account, user.pk, on=False, by="user:1")


def removed(user: User) -> None:
    remove(user.account, user.pk, by="user:1")


def new_password(user: User) -> None:
    user.set_password("another sentence of somebody")
    user.save()


@pytest.mark.parametrize("ends", [switched_off, removed, new_password])
def test_P1_of_who_may_no_longer_sign_in_nothing_is_stored(database: DatabaseFacts, client: Client, ends: Callable[[User], None]) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        client.get(URL)
        ends(site.people[Role.PLANNER])
        stored = stored_bytes(site)
        for _time in range(3):
            session_ends(client)
            assert client.post(URL, long_form(400_000)).status_code == 302
            assert kept_form.FORM_COOKIE not in client.cookies
        assert stored_bytes(site) <= stored


def test_P1_a_user_has_one_kept_form_however_many_are_posted(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        client.get(URL)
        before, most = stored_bytes(site), kept_form.MOST_BYTES - 2_000
        names = list[str]()
        for length, letter in ((most, "a"), (2 * most, "a"), (most, "\N{GRINNING FACE}"), *((most // 2, letter) for letter in "bcdefgh")):
            session_ends(client)
            assert client.post(URL, long_form(length, letter)).status_code == 302
            names += KeptForm.objects.values_list("name", flat=True)
            assert stored_bytes(site) - before < 4 / 3 * kept_form.MOST_BYTES + 1_000, "sealed, 3 bytes are 4 characters"
        assert len(set(names)) == kept_form.PER_MINUTE, "no more in a minute"
        assert KeptForm.objects.count() == 1


def test_P1_what_has_expired_is_deleted_by_the_hourly_round(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        user = site.people[Role.VIEWER]
        user.set_password(PASSWORD)
        user.save()
        for _time in range(2):
            client.cookies.clear()
            client.post("/accounts/sign-in/", {"login": user.email, "password": PASSWORD})
        Session.objects.filter(pk=client.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
        client.cookies.clear()
        written(site, client)
        KeptForm.objects.update(until=timezone.now() - timedelta(seconds=1))
        assert counts() == (3, 2, 1), "a test's own sign-in is in no list"
        hourly = RetentionRound(site.store, site.store.now(), threading.Event(), lambda _seconds: False)
        assert hourly.sign_ins() == 1
        assert counts() == (2, 1, 0)
        assert hourly.sign_ins() == 0


def long_form(length: int, letter: str = "K") -> dict[str, str]:
    """A form with so many characters, in texts of no more than a page may post."""
    return {f"profile.{start}": letter * min(50_000, length - start) for start in range(0, length, 50_000)}


def counts() -> tuple[int, int, int]:
    return Session.objects.count(), UserSession.objects.count(), KeptForm.objects.count()


def stored_bytes(site: PlatformAccount) -> int:
    """All that somebody without a session could have stored."""
    tables = {"django_session": "session_data", "kept_form": "sealed", "remembered": "value"}
    sums = [site.store.all(f"SELECT coalesce(sum(length({column})), 0) FROM {table}")[0][0] for table, column in tables.items()]
    return int(sum(sums))


def test_a_part_of_a_page_with_a_form_stays_until_the_form_is_sent(database: DatabaseFacts, client: Client) -> None:
    with planned(database):
        part = {"HX-Request": "true"}
        assert client.post(URL, {"look": "1"}, headers=part).status_code == 204
        assert client.get(URL, headers=part)["HX-Refresh"] == "true"


def test_a_form_for_an_address_that_only_takes_forms_is_forgotten_on_a_page_that_can_be_read(
    database: DatabaseFacts, client: Client
) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        session_ends(client)
        assert client.post("/signal/retry/submit/", {"all": "1"}).status_code == 302
        site.signs_in(client, Role.PLANNER)
        dialog = posted(client.get("/signal/retry/submit/").content.decode(), "dialog")
        assert client.post("/signal/retry/submit/", dialog | {"do": ["forget"]})["Location"] == "/signal/retry/"
