"""What the pages expose to an attacker: a hostile name, a link from another site, a frame, a shared computer (docs/reference/security.md)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from tests.builders.people import PASSWORD
from tests.routes import addresses, routes
from tests.story import Story

from heliograph.accounts.models import User
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services import event_setup, tags
from heliograph.setup.services.account_creation import AccountFacts, change_account
from heliograph.store import connection_tests

EVIL = "\"'><img src=x onerror=alert(1)>{{7*7}}</script>"
RAW = re.compile(r"<img src=x|onerror=alert\(1\)>|[\"']>&lt;img", re.IGNORECASE)


@pytest.fixture
def somebody(story: Story) -> User:
    cache.clear()
    return story.person(name="Ada", email="ada@example.org")


def test_P1_a_hostile_name_is_text_on_every_page(story: Story, client: Client, somebody: User) -> None:
    with story.saving("SUMMIT") as transaction:
        change_account(transaction, AccountFacts("ACME", EVIL, "Europe/Berlin"))
        kinds = frozenset(TagKind) - {TagKind.REGISTRATION_PROPERTY}
        tag = tags.save_tag(transaction, tags.TagFacts(f"T {EVIL}"[:60], kinds, label=EVIL)).pk
        summit = story.events["SUMMIT"]
        event_setup.save_type(transaction, summit, event_setup.TypeFacts("EVIL", EVIL, (tag,)))
        event_setup.save_session(transaction, summit, event_setup.SessionFacts("EVIL", EVIL))
        event_setup.save_question(transaction, summit, event_setup.QuestionFacts("evil", EVIL, "select", (EVIL, "b"), tag))
        event_setup.save_property(transaction, summit, event_setup.PropertyFacts("EVIL", EVIL))
    User.objects.filter(pk=somebody.pk).update(name=EVIL)
    crm = story.connection(EVIL, "/crm")
    story.flow(EVIL, [story.to(crm)])
    code = f"R {EVIL}"
    answer = story.record(
        code,
        status="Attended",
        attendee_type="EVIL",
        profile={"first_name": EVIL, "last_name": EVIL, "email": EVIL},
        answers={"evil": EVIL},
    )
    assert answer.is_recorded, answer.problems
    client.force_login(somebody)
    pages = [*addresses(), reverse("registration", args=("SUMMIT", code)), reverse("timeline", args=("SUMMIT", code))]
    pages += [reverse(name, args=("SUMMIT",)) for name in ("event-details", "questions", "sessions", "attendee-types", "configure")]
    pages += [f"{reverse('registrations')}?q={EVIL}", f"{reverse('feed')}?q={EVIL}", f"{reverse('tags')}?q={EVIL}", f"/{EVIL}"]
    seen = 0
    for address in pages:
        page = client.get(address)
        text = page.content.decode()
        if page.headers.get("Content-Disposition", "").startswith("attachment"):  # a file, which no browser shows as a page
            assert page.headers["Content-Type"].startswith(("application/json", "application/yaml", "text/csv")), address
            continue
        assert not RAW.search(text), (address, RAW.search(text))
        seen += "&lt;img src=x" in text
    assert seen > 10


def test_P1_every_answer_forbids_frames_scripts_of_others_and_keeping(client: Client, somebody: User) -> None:
    """A signed-in user's page is never cached, not even by the browser of a shared computer."""
    client.force_login(somebody)
    for address in [*addresses(), "/no/such/page", "/settings/tags/99999/"]:
        if address == reverse("account_logout"):
            continue
        answer = client.get(address)
        assert answer["X-Frame-Options"] == "DENY", address
        assert answer["X-Content-Type-Options"] == "nosniff", address
        assert answer["Referrer-Policy"] == "same-origin", address
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy, address
        assert "script-src 'self'" in policy, address
        assert "unsafe" not in policy, address
        assert "no-store" in answer["Cache-Control"], address


def test_P1_nothing_is_done_by_a_form_of_another_site(somebody: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(somebody)
    tried = 0
    for address in routes():
        answer = client.post(address, {"x": "y"})
        if address.startswith("/unsubscribe/"):  # what is signed in its address is the proof, and mail programs post it (RFC 8058)
            assert answer.status_code in (403, 404)
            continue
        # The API knows no cookie, so a form of another site is nobody there.
        assert answer.status_code in ((401, 403, 405) if address.startswith("/api/") else (403, 405)), address
        tried += answer.status_code == 403
    assert tried > 20


@pytest.mark.parametrize(
    "to",
    ["//evil.example/x", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "http:///evil.example", "\t//evil.example"],
)
def test_P1_nobody_is_sent_to_another_site(client: Client, somebody: User, to: str) -> None:
    form = {"login": somebody.email, "password": PASSWORD, "next": to}
    assert client.post(reverse("account_login"), form)["Location"] == "/"
    answer = client.post(reverse("retry-submit"), {"item": "a1"}, headers={"Referer": f"{to}{reverse('retry')}"})
    assert answer["Location"] == reverse("retry")
    answer = client.post(reverse("account_logout"), {"next": to})
    assert answer["Location"].startswith("/accounts/")


def test_P1_the_host_of_a_request_is_ours(client: Client, somebody: User) -> None:
    client.force_login(somebody)
    for host in ("evil.example", "testserver.evil.example", "testserver@evil.example", "testserver:80@evil"):
        assert client.get("/registrations/", headers={"Host": host}).status_code == 400, host


HOSTS = (
    "127.0.0.1:1",
    "127.0.0.1:2",
    "localhost",
    "LOCALHOST",
    "localhost:8700",
    "[::1]",
    "[::1]:9",
    "testserver",
    "TestServer",
    "testserver:80",
    "127.0.0.1.",
)
"""Spellings of Host that Django accepts; the server in front of it accepts fewer."""
ELSEWHERE: dict[str, Any] = {
    "HTTP_X_FORWARDED_HOST": "{}.example",
    "HTTP_FORWARDED": "for=192.0.2.{};host=h{}",
    "HTTP_X_REAL_IP": "192.0.2.{}",
    "HTTP_X_FORWARDED_FOR": "192.0.2.{}",
    "HTTP_CLIENT_IP": "192.0.2.{}",
    "HTTP_CF_CONNECTING_IP": "192.0.2.{}",
    "HTTP_USER_AGENT": "agent {}",
    "HTTP_ORIGIN": "",
    "HTTP_ACCEPT_LANGUAGE": "en-{}",
    "SERVER_NAME": "s{}.example",
    "SERVER_PORT": "{}",
}


def from_elsewhere(n: int) -> dict[str, Any]:
    """A request's headers, different each time; its source address stays the same."""
    said = {name: value.replace("{}", str(n)) for name, value in ELSEWHERE.items() if value}
    return {**said, "HTTP_HOST": HOSTS[n % len(HOSTS)], "REMOTE_ADDR": "198.51.100.7"}


def signs_in(client: Client, n: int, email: str, password: str) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password}, **from_elsewhere(n))


def test_H3_A3_wrong_passwords_are_counted_for_a_user_whatever_a_request_says_of_itself(client: Client, somebody: User) -> None:
    spellings = (somebody.email, somebody.email.upper(), f" {somebody.email} ", somebody.email.title(), somebody.email)
    for n, email in enumerate(spellings):
        assert "isn’t right" in signs_in(client, n, email, "wrong").content.decode()
    for n in range(5, 5 + len(HOSTS)):
        shown = signs_in(client, n, somebody.email, PASSWORD)
        assert shown.status_code == 200
        assert "is paused until" in shown.content.decode()


def test_H3_A3_wrong_passwords_are_counted_for_an_address_whatever_a_request_says_of_itself(client: Client, somebody: User) -> None:
    for n in range(30):
        assert "isn’t right" in signs_in(client, n, f"somebody-{n}@example.org", "wrong").content.decode()
    for n in range(30, 30 + len(HOSTS)):
        assert signs_in(client, n, somebody.email, PASSWORD).status_code == 429
    assert (
        client.post(reverse("account_login"), {"login": somebody.email, "password": PASSWORD}, REMOTE_ADDR="203.0.113.9").status_code == 302
    )


def test_H3_A3_wrong_codes_are_counted_for_a_user_whatever_a_request_says_of_itself(client: Client, somebody: User) -> None:
    """At sign-in, and when a signed-in user confirms their identity."""
    TOTP.activate(somebody, generate_totp_secret())
    code = reverse("mfa_authenticate")
    for n in range(5):  # from as many browsers
        browser = Client()
        assert signs_in(browser, n, somebody.email, PASSWORD).headers["Location"] == code
        assert "That code isn’t right" in browser.post(code, {"code": "000000"}, **from_elsewhere(n)).content.decode()
    for n in range(5, 5 + len(HOSTS)):
        browser = Client()
        signs_in(browser, n, somebody.email, PASSWORD)
        shown = browser.post(code, {"code": "000000"}, **from_elsewhere(n)).content.decode()
        assert "That code isn’t right" not in shown
        assert "Too many" in shown


def test_H3_A3_a_password_again_is_counted_for_a_user_whatever_a_request_says_of_itself(client: Client, somebody: User) -> None:
    client.force_login(somebody)
    again = reverse("account_reauthenticate")
    found = [client.post(again, {"password": "wrong"}, **from_elsewhere(n)).status_code for n in range(30)]
    assert 429 in found[:11]
    assert set(found[11:]) == {429}
    change = reverse("account_change_password")
    found = [
        client.post(change, {"oldpassword": "wrong", "password1": "x", "password2": "y"}, **from_elsewhere(n)).status_code
        for n in range(20)
    ]
    assert set(found[10:]) <= {429, 302}  # 302: a confirmation is required first, which is counted above


def test_H3_A3_links_and_tests_of_connections_look_at_nothing_that_a_request_says_of_itself(
    client: Client, story: Story, somebody: User
) -> None:
    """A link is 256 random bits: there is nothing to count, and no Host makes one valid. Tests are counted per connection and account."""
    for name in ("invitation", "new-password", "first-start"):
        for n in range(len(HOSTS)):
            assert client.get(reverse(name, args=(f"guess-{n}",)), **from_elsewhere(n)).status_code in {404, 410}
    crm = story.connection("CRM", "/crm")
    client.force_login(somebody)
    for n in range(2 * connection_tests.OF_CONNECTION):
        assert client.post(reverse("connection", args=(crm,)), {"do": "sample"}, **from_elsewhere(n)).status_code == 302
        ((tests,),) = story.db.all("SELECT tests FROM connection_state WHERE connection_id = :id", {"id": crm})
        assert tests == min(n + 1, connection_tests.OF_CONNECTION)


def test_P1_guesses_for_many_people_do_not_make_those_for_one_forgotten(client: Client, somebody: User) -> None:
    """Five wrong passwords block this user, even after an attacker has tried a thousand other names from as many addresses."""
    sign_in = reverse("account_login")

    def rests(email: str, address: str) -> bool:
        answer = client.post(sign_in, {"login": email, "password": "wrong"}, REMOTE_ADDR=address)
        return 'name="password"' not in answer.content.decode()  # the page in place of the form says until when

    for n in range(5):
        assert not rests(somebody.email, f"2001:db8::{n:x}")
    assert rests(somebody.email, "2001:db8::ffff")
    for n in range(1_000):
        cache.set(f"another-guess-{n}", [1.0], 900)  # what a guess for another user leaves, without the time for its hashing
    assert rests(somebody.email, "2001:db8::fffe")


ODD = ["a\0b", "\ud800", "9" * 30, "-1", "' OR 1=1 --", "x" * 9_000]
NAMES = ("q", "at", "page", "before", "after", "event", "status", "kind", "who", "for", "connection", "mapping", "action", "id", "next", "do", "show", "sort", "columns", "tag", "flow")  # fmt: skip
FIELDS = ("name", "code", "label", "email", "url", "text", "new", "item", "cause", "timezone", "tags", "options", "version", "login", "password", "first_name", "role", "active", "type", "watch")  # fmt: skip


@pytest.fixture(params=[2, pytest.param(1, marks=pytest.mark.trial)])
def apart(request: pytest.FixtureRequest) -> int:
    """Every so many of the odd values are tried, at each address other ones; all in the trials."""
    return int(request.param)


def test_P1_odd_addresses_and_queries_are_no_error_of_ours(client: Client, somebody: User, apart: int) -> None:
    """Numbers beyond 64 bits, NUL, lone surrogates and megabytes of nothing: refused or not found, never a 500."""
    client.force_login(somebody)
    client.raise_request_exception = False
    found = set()
    for text in ("%00", "%ED%A0%80", "9" * 30, "..%2f..%2fetc%2fpasswd"):
        for address in routes("99999999999999999999999", text):
            answer = client.get(address)
            found |= {(address, answer.status_code)} if answer.status_code >= 500 else set()
    for n, address in enumerate(addresses()):
        if address == reverse("account_logout"):
            continue
        for value in ODD[n % apart :: apart]:
            answer = client.get(f"{address}?{urlencode(dict.fromkeys(NAMES, value), errors='surrogatepass')}")
            found |= {(address, value, answer.status_code)} if answer.status_code >= 500 else set()
    assert not found, sorted(map(str, found))


def test_P1_odd_forms_are_no_error_of_ours(client: Client, somebody: User, apart: int) -> None:
    client.raise_request_exception = False
    found = set()
    for n, address in enumerate(routes()):
        if "sign-out" in address:
            continue
        for value in ODD[n % apart :: apart]:
            if SESSION_KEY not in client.session:  # some end it; to sign in takes as long as a form
                client.force_login(somebody)
            body = urlencode(dict.fromkeys((*NAMES, *FIELDS), value), errors="surrogatepass")
            answer = client.post(address, body, "application/x-www-form-urlencoded")
            found |= {(address, value[:20], answer.status_code)} if answer.status_code >= 500 else set()
    assert not found, sorted(map(str, found))
