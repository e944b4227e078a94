"""The language of pages, mails and messages: a person's own choice, else the browser's (35.10)."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import translation
from tests.builders import signal_account
from tests.builders.signal_account import SignalAccount
from tests.databases import DatabaseFacts

from heliograph.accounts.language_middleware import LanguageMiddleware
from heliograph.accounts.languages import choose_language, in_language_of, in_stored_language
from heliograph.accounts.models import User
from heliograph.domain.notification.audience import Audience, Person, Recipient

SIGN_IN = "/accounts/sign-in/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        yield made


def language_of(client: Client, path: str = SIGN_IN, **headers: str) -> str:
    response = client.get(path, headers=headers)
    html = re.search(r'<html lang="(\w+)"', response.content.decode())
    assert html is not None
    assert response["Content-Language"] == html[1]
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}
    return html[1]


def test_a_page_has_the_language_of_its_browser(db: None, client: Client) -> None:
    assert language_of(client) == "en"
    assert language_of(client, accept_language="de-AT,de;q=0.9,en;q=0.5") == "de"
    assert language_of(client, accept_language="fr-CA, en;q=0.3") == "fr"
    assert language_of(client, accept_language="ja,pt;q=0.4") == "en"


def test_whoever_is_not_signed_in_chooses_the_language_of_their_browser(db: None, client: Client) -> None:
    page = client.get(SIGN_IN).content.decode()
    assert all(f">{name}</button>" in page for name in ("English", "Deutsch", "Français"))
    chosen = client.post("/accounts/language/", {"language": "fr", "next": f"{SIGN_IN}?next=/retry/"})
    assert chosen["Location"] == f"{SIGN_IN}?next=/retry/"
    assert language_of(client, accept_language="de") == "fr"
    assert client.post("/accounts/language/", {"language": "xx", "next": "https://elsewhere.example/"})["Location"] == "/"
    assert language_of(client, accept_language="de") == "fr"
    assert client.get("/accounts/language/").status_code == 405


def test_a_persons_choice_wins_over_their_browser_and_can_be_taken_back(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    assert language_of(client, "/accounts/me/", accept_language="de") == "de"
    profile = client.get("/accounts/me/").content.decode()
    assert re.findall(r'name="language" value="(\w*)"', profile) == ["", "en", "de", "fr"]
    client.post("/accounts/me/language/", {"language": "fr"})
    assert User.objects.get(pk=site.administrator.pk).language == "fr"
    assert language_of(client, "/accounts/me/", accept_language="de") == "fr"
    elsewhere = Client()
    site.signs_in(elsewhere)
    assert language_of(elsewhere, "/signal/flows/", accept_language="de") == "fr"
    for none in ("", "xx", "<b>"):
        client.post("/accounts/me/language/", {"language": "fr"})
        client.post("/accounts/me/language/", {"language": none})
        assert User.objects.get(pk=site.administrator.pk).language == ""
        assert language_of(client, "/accounts/me/", accept_language="de") == "de"


def test_a_language_that_is_gone_is_no_choice(site: SignalAccount, client: Client) -> None:
    User.objects.filter(pk=site.administrator.pk).update(language="xx")
    site.signs_in(client)
    assert language_of(client, "/accounts/me/", accept_language="fr") == "fr"


def test_a_program_is_answered_in_english(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    choose_language(site.administrator, "de")
    answer = client.get("/api/v1/events", headers={"accept-language": "de"})
    assert answer.status_code == 401
    assert answer["Content-Language"] == "en"


def test_no_language_stays_behind_in_the_thread(rf: RequestFactory) -> None:
    seen: list[str] = []

    def answer(_request: HttpRequest) -> HttpResponse:
        seen.append(translation.get_language())
        if len(seen) > 1:
            raise RuntimeError
        return HttpResponse()

    def work() -> None:
        pages: Any = LanguageMiddleware(answer)
        for _time in range(2):
            request = rf.get("/", headers={"accept-language": "fr"})
            request.user = None
            with pytest.raises(RuntimeError) if seen else translation.override("en"):
                pages(request)
            seen.append(translation.get_language())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["fr", "en", "fr", "en"]
    assert translation.get_language() == "en"


def test_texts_for_a_person_are_in_their_language_and_for_all_in_english() -> None:
    with translation.override("fr"):
        with in_language_of(User(language="de")):
            assert translation.get_language() == "de"
        for nobody in (None, User()):
            with in_language_of(nobody):
                assert translation.get_language() == "en"
        with in_stored_language():
            assert translation.get_language() == "en"
        assert translation.get_language() == "fr"


def test_a_mail_to_a_person_has_their_language_and_a_post_to_a_connection_has_none() -> None:
    audience = Audience([Person(7, "ana@example.org", language="de"), Person(8, "max@example.org")])
    assert audience.language_of(Recipient("mail", "ana@example.org", 7)) == "de"
    assert audience.language_of(Recipient("mail", "max@example.org", 8)) == ""
    assert audience.language_of(Recipient("mail", "list@example.org")) == ""
    assert audience.language_of(Recipient("connection", "3", 7)) == ""
