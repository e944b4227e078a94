"""What a request, an address or a sign-in failed for is stored in English, and said in the reader's language on pages (35.10)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection as database
from django.db import transaction as django_transaction
from django.test import Client
from django.utils import translation
from tests.builders import connection as connections
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.languages import translated
from heliograph.accounts.vault import vault
from heliograph.deliveries.message_words import is_known, message_words
from heliograph.domain.connection.connection import Connection, OAuthGrant
from heliograph.domain.connection.oauth_access import Ask, ByCode, ByCredentials, ByRefresh, Denied, TokenResponse, denied
from heliograph.domain.connection.secret import MissingSecret, Secret, read_secret
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.mapping_renderer import ValueProblem
from heliograph.outbound.curl_headers import BadHeader, header_lines
from heliograph.outbound.exchange import CutOff, Failure, Response, Timings
from heliograph.outbound.guard import Policy, allow
from heliograph.outbound.oauth_protocol import read_answer
from heliograph.outbound.proxy import refused
from heliograph.outbound.target import read_target
from heliograph.store import oauth_token_store
from heliograph.store.django_database import of_django

GERMAN = {"accept-language": "de"}
BLOCKED = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "169.254.169.254", "169.254.170.2", "169.254.169.253",
    "168.63.129.16", "100.64.0.1", "0.0.0.1", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "240.0.0.1", "224.0.0.1",
    "::1", "::", "fe80::1", "fec0::1", "fd00:7::1", "64:ff9b:1::1", "2001::1", "2001:db8::1", "3fff::1", "3ffe::1", "4000::1",
    "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::", "fd00:ec2::254", "ff02::1", "crm.example",
)  # fmt: skip
AUTHORITY = Connection(
    "CRM", grant=OAuthGrant.AUTHORIZATION_CODE, origin="https://crm.example", access_token_url="https://id.example/token", scope="write"
)
ASKS: tuple[Ask, ...] = (ByCredentials(), ByCode("c", "v", "https://signal.example"), ByRefresh("r"))


@pytest.mark.parametrize("policy", [Policy(), Policy.parse(["169.254.0.0/16"])], ids=["nothing is allowed", "a network is allowed"])
def test_every_refused_address_has_words(policy: Policy) -> None:
    for address in BLOCKED:
        for port, plain in ((443, False), (80, True), (25, False)):
            permission = allow(address, port, policy, plain=plain)
            if not permission.allowed:
                assert is_known(f"https://{address}:{port} is blocked: {permission.reason}."), permission.reason
    for port, plain in ((80, True), (25, False)):
        permission = allow("93.184.216.34", port, policy, plain=plain)
        assert not permission.allowed
        assert is_known(f"https://crm.example is blocked: {permission.reason}."), permission.reason


def test_every_trouble_with_the_proxy_has_words() -> None:
    for status in (403, 405, 407, 502):
        assert is_known(refused(status, read_target("https://crm.example/"))), status


def test_every_refusal_of_an_authority_has_words() -> None:
    errors = ("invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client", "unsupported_grant_type", "server_error")
    for ask in ASKS:
        for error in errors:
            for description in ("", "Ask your administrator (code 7)."):
                message = denied(AUTHORITY, ask, error, description).refused.message
                assert is_known(message), message
        for result in (
            CutOff(left=True),
            Failure(Cause.REFUSED, "crm.example could not be reached.", left=False),
            *(Response(status, (), b"", truncated=False, timings=Timings(), address="192.0.2.1") for status in (200, 302, 401, 404, 503)),
        ):
            answer = read_answer(AUTHORITY, ask, result)
            assert isinstance(answer, Denied), "none of them has a token"
            assert is_known(answer.refused.message), answer


def test_what_cannot_be_sent_has_words() -> None:
    errors: list[HeliographError] = []
    with pytest.raises(MissingSecret) as missing:
        read_secret({}, "client_secret")
    errors.append(missing.value)
    for headers in ([("X-A", "1")] * 1_000, [("X A", "1")]):
        with pytest.raises(BadHeader) as bad:
            header_lines(headers)
        errors.append(bad.value)
    for error in errors:
        assert is_known(str(error)), error


@pytest.mark.needs("gettext")
def test_parts_of_a_message_are_shown_in_german(german: None) -> None:
    with translation.override("de"):
        assert message_words(
            "https://10.9.8.7 is blocked: 10.9.8.7 is a private address (10.0.0.0/8), and the operator has not allowed that network."
        ) == (
            "⟦https://10.9.8.7 is blocked: ⟦10.9.8.7 is ⟦⟦a private address⟧ (10.0.0.0/8)⟧, and the operator has not allowed that network⟧.⟧"
        )
        assert message_words("id.example refused to give access (server_error). It says: Come back later.") == (
            "⟦⟦id.example refused to give access (server_error).⟧ It says: Come back later.⟧"
        )
        assert message_words("The connection has no client secret.") == "⟦The connection has no ⟦client secret⟧.⟧"
        assert translated(ValueProblem("age", "is not a number", "ten").sentence) == "⟦age: “ten” ⟦is not a number⟧⟧"
        assert message_words("age: “ten” is not a number") == "age: “ten” ⟦is not a number⟧"
    assert str(ValueProblem("age", "is not a number", "ten")) == "age: “ten” is not a number"
    assert str(ValueProblem("age", "is required and empty")) == "age is required and empty"


@pytest.mark.needs("gettext")
def test_what_a_proposed_rule_says_is_shown_in_german(german: None) -> None:
    with translation.override("de"):
        assert message_words("The target did not confirm it.") == "⟦The target did not confirm it.⟧"
        assert message_words("The target said ok: false.") == "⟦The target said ok: false.⟧"
        assert message_words("The target said: full: no seats left") == "⟦The target said: full: no seats left⟧"


# --- pages


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as account:
        yield account


@pytest.mark.needs("gettext")
def test_connection_setup_says_in_german_that_an_address_is_blocked(site: PlatformAccount, client: Client, german: None) -> None:
    site.signs_in(client)
    form = {"name": "", "url": "https://10.9.8.7/", "auth": "Open / No Auth", "do": "save"}
    url = "/signal/connections/new/webhook/"
    assert "is blocked: 10.9.8.7 is a private address" in text_of(client.post(url, form).content)
    shown = text_of(client.post(url, form, headers=GERMAN).content)
    assert "is blocked: ⟦10.9.8.7 is ⟦⟦a private address⟧ (10.0.0.0/8)⟧" in shown


@pytest.mark.needs("gettext")
def test_the_access_of_a_connection_says_in_german_why_it_failed(site: PlatformAccount, client: Client, german: None) -> None:
    fields = {"auth": "OAuth2", "grant": "Client Credentials", "client_id": "us", "access_token_url": "https://id.example/token"}
    with site.acme.setting_up() as transaction:
        made = connections.connection(
            transaction, "Marketing list", "https://crm.example/", secrets={Secret.CLIENT_SECRET: "client-secret"}, **fields
        )
    bond = Connection.from_body(made.body).bond
    with django_transaction.atomic():
        db = of_django(database)
        access = oauth_token_store.read_access(db, vault(), site.pk, made.pk)
        assert oauth_token_store.claim(db, site.pk, made.pk, access.generation, "test")
        oauth_token_store.keep(db, vault(), site.pk, made.pk, TokenResponse("token"), bond, before=access, asked_at=db.now(), who="test")
        access = oauth_token_store.read_access(db, vault(), site.pk, made.pk)
        assert oauth_token_store.claim(db, site.pk, made.pk, access.generation, "test")
        oauth_token_store.fail(db, site.pk, made.pk, "id.example refused to give access (server_error).", lost=False, who="test")
    site.signs_in(client)
    url = f"/signal/connections/{made.pk}/access/"
    assert "id.example refused to give access (server_error)." in text_of(client.get(url).content)
    assert "⟦id.example refused to give access (server_error).⟧" in text_of(client.get(url, headers=GERMAN).content)
