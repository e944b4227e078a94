"""Connections and the requests they make (guide: Adding a Connection; C1, C2, C5, C7, M9)."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

import pytest
from tests.addresses import HOSTILE, browsed

from heliograph.domain.connection.connection import Auth, Connection, ContentType, KeyPlace, Method, OAuthGrant
from heliograph.domain.connection.request import Request, prepare
from heliograph.domain.connection.secret import MissingSecret, Secret, check_secret
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.target_url import AddressError, masked, parse_path_and_query, split_address, without_query
from heliograph.domain.mapping.mapping import FixedText, Mapping, MappingKind, MappingRow, SourceValue, ValueType
from heliograph.domain.mapping.mapping_renderer import InvalidValues, Rendered, ValueProblem, render
from heliograph.domain.setup.fields import Value

ZONE = ZoneInfo("Europe/Vienna")
SECRETS = {"path": "/v2/leads", "password": "påss:word", "key": "k3y-1234567"}


class Facts:
    def __init__(self, **values: Value) -> None:
        self.values = {key.replace("_", ".", 1): value for key, value in values.items()}

    def value(self, source: str) -> Value:
        return self.values.get(source)


FACTS = Facts(event_code="SUMMIT-26", profile_email="zoë@example.org")


def rendered(*rows: MappingRow, kind: MappingKind = MappingKind.PAYLOAD) -> Rendered:
    found = render(Mapping("x", kind=kind, rows=rows), Facts(answer_3=("A b", "C&D")), timezone=ZONE)
    assert isinstance(found, Rendered)
    return found


PAYLOAD = rendered(
    MappingRow("name", (FixedText("Zoë & Co"),)),
    MappingRow("topics", (SourceValue("answer.3"),), type=ValueType.LIST),
    MappingRow("a.b", (FixedText("1"),), nested=True, type=ValueType.NUMBER),
)


def header(name: str, value: str = "x") -> Rendered:
    return rendered(MappingRow(name, (FixedText(value),)), kind=MappingKind.HEADER)


def connection(**more) -> Connection:
    return Connection(**{"name": "Sales CRM", "origin": "https://crm.example.com", **more})


def request(target: Connection, *, secrets: dict[str, str] | None = None, facts: Facts = FACTS, **more) -> Request:
    found = prepare(target, SECRETS | (secrets or {})).build(
        **{"payload": PAYLOAD, "headers": None, "webhook_id": "msg_1", **more}, facts=facts
    )
    assert isinstance(found, Request), found
    return found


def refusal(target: Connection, *, secrets: dict[str, str] | None = None, facts: Facts = FACTS, **more) -> str:
    found = prepare(target, SECRETS | (secrets or {})).build(
        **{"payload": PAYLOAD, "headers": None, "webhook_id": "msg_1", **more}, facts=facts
    )
    assert isinstance(found, InvalidValues), found
    return "; ".join(map(str, found.problems))


def test_C1_a_connection_comes_back_from_its_body() -> None:
    whole = connection(
        auth=Auth.OAUTH2,
        content_type=ContentType.FORM,
        method=Method.PATCH,
        test_origin="https://crm.example.com:8443",
        primary=True,
        grant=OAuthGrant.AUTHORIZATION_CODE,
        client_id="abc",
        authorization_url="https://login.example.com/authorize",
        access_token_url="https://login.example.com/token?x=1",
        scope="contacts.write",
        headers=(("X-Client", "brightfield"),),
        rate=600,
        parallel=4,
        patient=True,
        secrets=frozenset({Secret.PATH, Secret.CLIENT_SECRET, Secret.ACCESS_TOKEN_QUERY}),
    )
    assert whole.access_token_url == "https://login.example.com/token?…"
    assert whole.token_urls({Secret.ACCESS_TOKEN_QUERY: "?x=1"}).access_token == "https://login.example.com/token?x=1"
    assert whole.lacks == ("connected",)
    connected = replace(whole, connected=whole.bond)
    assert Connection.from_body(json.loads(json.dumps(connected.to_body()))) == connected
    assert connected.lacks == ()


@pytest.mark.parametrize(
    "more",
    [
        {"origin": "https://elsewhere.example.com"},
        {"test_origin": "https://elsewhere.example.com"},
        {"client_id": "another"},
        {"scope": "more"},
        {"authorization_url": "https://elsewhere.example.com/authorize"},
        {"access_token_url": "https://elsewhere.example.com/token"},
        {"refresh_token_url": "https://elsewhere.example.com/token"},
    ],
)
def test_C5_tokens_are_good_for_nothing_once_they_would_go_elsewhere(more: dict[str, str]) -> None:
    before = connection(
        auth=Auth.OAUTH2, grant=OAuthGrant.AUTHORIZATION_CODE, client_id="abc", access_token_url="https://login.example.com/t"
    )
    assert replace(before, **more).bond != before.bond
    assert replace(before, name="Renamed", test_origin=before.origin, rate=5).bond == before.bond


@pytest.mark.parametrize(
    ("more", "lacks"),
    [
        ({}, ("path",)),
        ({"auth": Auth.BASIC, "secrets": frozenset({Secret.PATH})}, ("user_name", "password")),
        ({"auth": Auth.KEY, "secrets": frozenset({Secret.PATH})}, ("key",)),
        ({"auth": Auth.OAUTH2, "secrets": frozenset({Secret.PATH})}, ("client_id", "client_secret", "access_token_url")),
    ],
)
def test_C1_a_connection_says_what_it_lacks(more: dict, lacks: tuple[str, ...]) -> None:
    assert connection(**more).lacks == lacks


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x", "auth": "Digest"}, "auth"),
        ({"name": "x", "auth": "OAuth2", "origin": "crm.example.com"}, "origin"),
        ({"name": "x", "auth": "OAuth2", "origin": "https://crm.example.com/secret"}, "origin"),
        ({"name": "x", "auth": "OAuth2", "origin": "https://{event.code}.example.com"}, "origin"),
        ({"name": "x", "auth": "OAuth2", "origin": "https://a.example", "access_token_url": "https://u:p@a.example"}, "access_token_url"),
        (
            {"name": "x", "auth": "OAuth2", "origin": "https://a.example", "access_token_url": "https://a.example/{event.code}"},
            "access_token_url",
        ),
        ({"name": "x", "auth": "API Key / Token", "origin": "https://a.example", "key_place": "header"}, "key_name"),
        ({"name": "x", "auth": "API Key / Token", "origin": "https://a.example", "key_place": "header", "key_name": "Host"}, "key_name"),
        ({"name": "x", "auth": "Basic Authentication", "origin": "https://a.example", "user_name": "a:b"}, "user_name"),
        ({"name": "x", "auth": "Open / No Auth", "origin": "https://a.example", "rate": True}, "rate"),
        ({"name": "x", "auth": "Open / No Auth", "origin": "https://a.example", "headers": [["A"]]}, "headers[0]"),
        ({"name": "x", "auth": "Open / No Auth", "origin": "https://a.example", "headers": [["Content-Length", "1"]]}, "headers"),
        ({"name": "x", "auth": "Open / No Auth", "origin": "https://a.example", "headers": [["X-A", "1\r\nHost: x"]]}, "headers"),
        ({"name": "x", "auth": "Open / No Auth", "origin": "https://a.example", "headers": [["Authorization", "1"]]}, "headers"),
        ({"name": "x", "auth": "Open / No Auth", "origin": "https://a.example", "headers": [["X-A", "1"], ["x-a", "2"]]}, "headers"),
        ({"name": "x", "auth": "Open / No Auth", "origin": "https://a.example", "secrets": ["hat"]}, "secrets[0]"),
    ],
)
def test_C1_a_refusal_names_the_field(body: dict, field: str) -> None:
    with pytest.raises(ConnectionSetupError) as caught:
        Connection.from_body({"auth": "Open / No Auth", **body})
    assert caught.value.field == field


def test_C1_basic_authentication() -> None:
    sent = request(connection(auth=Auth.BASIC, user_name="ada"))
    scheme, _, credentials = dict(sent.headers)["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials).decode() == "ada:påss:word"


def test_C1_an_open_connection_sends_no_credentials() -> None:
    assert request(connection()).headers == (("Content-Type", "application/json"), ("webhook-id", "msg_1"))


def test_C1_an_api_key_goes_where_it_was_said_to() -> None:
    bearer = request(connection(auth=Auth.KEY))
    assert ("Authorization", "Bearer k3y-1234567") in bearer.headers
    own = request(connection(auth=Auth.KEY, key_place=KeyPlace.HEADER, key_name="X-Api-Key"))
    assert ("X-Api-Key", "k3y-1234567") in own.headers
    query = request(connection(auth=Auth.KEY, key_place=KeyPlace.QUERY, key_name="api key"), secrets={"key": "a&b=c"})
    assert query.url == "https://crm.example.com/v2/leads?api%20key=a%26b%3Dc"


def test_C1_an_oauth2_connection_takes_the_token_it_is_given() -> None:
    sent = request(connection(auth=Auth.OAUTH2), bearer="t0ken")
    assert ("Authorization", "Bearer t0ken") in sent.headers


def test_C1_a_missing_secret_is_told_before_anything_is_composed() -> None:
    with pytest.raises(MissingSecret, match="no password") as caught:
        prepare(connection(auth=Auth.BASIC, user_name="ada"), {"path": "/"})
    assert caught.value.name is Secret.PASSWORD


@pytest.mark.parametrize("method", [Method.POST, Method.PUT, Method.PATCH])
def test_C2_json_is_an_object(method: Method) -> None:
    sent = request(connection(method=method))
    assert sent.method == method
    assert sent.url == "https://crm.example.com/v2/leads"
    assert sent.body == '{"name":"Zoë & Co","topics":["A b","C&D"],"a":{"b":1}}'.encode()


def test_C2_a_form_is_utf_8_with_repeated_keys() -> None:
    sent = request(connection(content_type=ContentType.FORM))
    assert sent.body == b"name=Zo%C3%AB+%26+Co&topics=A+b&topics=C%26D&a%5Bb%5D=1"
    assert ("Content-Type", "application/x-www-form-urlencoded") in sent.headers


@pytest.mark.parametrize(("rest", "joined"), [("/x", "/x?"), ("/x?", "/x?"), ("/x?a=1", "/x?a=1&"), ("/x?a=1&", "/x?a=1&")])
@pytest.mark.parametrize("content_type", list(ContentType))
def test_C2_get_adds_the_pairs_to_the_query_and_has_no_body(rest: str, joined: str, content_type: ContentType) -> None:
    sent = request(connection(method=Method.GET, content_type=content_type), secrets={"path": rest})
    assert sent.url == f"https://crm.example.com{joined}name=Zo%C3%AB%20%26%20Co&topics=A%20b&topics=C%26D&a%5Bb%5D=1"
    assert sent.body is None
    assert "Content-Type" not in dict(sent.headers)


def test_C2_source_fields_in_path_and_query_are_percent_encoded() -> None:
    sent = request(
        connection(), secrets={"path": "/e/{event.code}/x?mail={profile.email}"}, facts=Facts(event_code="a/b ?#&%ë", profile_email="z@x")
    )
    assert sent.url == "https://crm.example.com/e/a%2Fb%20%3F%23%26%25%C3%AB/x?mail=z%40x"


def test_C2_an_empty_source_field_in_the_url_is_a_validation_error() -> None:
    assert (
        refusal(connection(), secrets={"path": "/e/{event.code}"}, facts=Facts(event_code="  "))
        == "URL contains the field event.code, which is empty"
    )


@pytest.mark.parametrize(
    ("path", "value"), [("/e/{event.code}/x", ".."), ("/e/{event.code}", "."), ("/e/{event.code}.", "."), ("/{event.code}%2e/x", ".")]
)
def test_C2_a_source_field_cannot_lead_to_another_path(path: str, value: str) -> None:
    assert "another path" in refusal(connection(), secrets={"path": path}, facts=Facts(event_code=value))


def test_C2_a_url_has_an_end() -> None:
    assert "longer than 8,192" in refusal(connection(), secrets={"path": "/{event.code}"}, facts=Facts(event_code="x" * 9000))


def test_C2_half_a_character_is_a_validation_error() -> None:
    broken = rendered(MappingRow("a", (FixedText("\ud800"),)))
    for method in (Method.POST, Method.GET):
        assert "half a character" in refusal(connection(method=method), payload=broken)
    assert "not valid text" in refusal(connection(), secrets={"path": "/{event.code}"}, facts=Facts(event_code="\udfff"))


@pytest.mark.parametrize(
    ("url", "origin", "rest"),
    [
        ("https://crm.example.com", "https://crm.example.com", "/"),
        ("HTTPS://CRM.Example.com:443/A?b=C", "https://crm.example.com", "/A?b=C"),
        ("https://crm.example.com:8443?x", "https://crm.example.com:8443", "/?x"),
        ("https://[2001:DB8:0::1]:9/x", "https://[2001:db8::1]:9", "/x"),
        ("https://a.example/{event.code}/x?y={profile.email}", "https://a.example", "/{event.code}/x?y={profile.email}"),
    ],
)
def test_C2_a_url_is_an_origin_and_the_rest(url: str, origin: str, rest: str) -> None:
    address = split_address(url)
    assert (address.origin, address.path_and_query) == (origin, rest)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "readable host"),
        ("crm.example.com/x", "readable host"),
        ("http://crm.example.com/x", "must start with https://"),
        ("ftp://crm.example.com/x", "must start with https://"),
        ("https:///x", "readable host"),
        ("https://user:pass@crm.example.com/x", "user name or password"),
        ("https://{event.code}.example.com/x", "Scheme, host and port"),
        ("https://a.example:{event.code}/x", "Scheme, host and port"),
        ("{event.code}://a.example/x", "Scheme, host and port"),
        ("https://a.example:99999/x", "port"),
        ("https://a.example:0/x", "port"),
        ("https://a..example/x", "host name"),
        ("https://münchen.example/x", "host name"),
        ("https://[00]/x", "IPv6"),
        ("https://a.example\\@b.example/x", "backslash"),
        ("https://a.example/x y", "space"),
        ("https://a.example/x\r\ny", "line break"),
        ("https://a.example/x#y", "after #|follows #"),
        ("https://a.example/{nothing}", "no field “nothing”"),
        ("https://a.example/{event.code", "brace"),
        ("https://a.example/a/../b", "/../"),
        ("https://a.example/%2e%2E/b", "/../"),
        ("https://a.example/" + "x" * 9000, "longer than"),
        ("https://a.example/\ud800", "half a character"),
    ],
)
def test_C2_a_url_that_can_be_read_in_two_ways_is_refused(url: str, said: str) -> None:
    with pytest.raises(AddressError, match=said.replace(".", r"\.")):
        split_address(url)


def test_C2_text_beyond_ascii_in_a_path_is_encoded() -> None:
    assert request(connection(), secrets={"path": "/zoë%20x"}).url == "https://crm.example.com/zo%C3%AB%20x"


@pytest.mark.parametrize("text", HOSTILE)
def test_C2_A2_a_field_in_a_path_leads_to_no_other_path(text: str) -> None:
    """However the target, or a proxy in front, reads the path: decoded never, once or twice, with dot segments removed or not."""

    class Named(Facts):
        def value(self, source: str) -> Value:
            return text

    rest = parse_path_and_query("/leads/{registration.code}/note?of={registration.code}").fill(Named(), ZONE)
    if isinstance(rest, ValueProblem):
        assert {".", ".."} & set(re.split(r"[/\\]", unquote(unquote(text))))
        return
    path = rest.partition("?")[0]
    for read in (path, unquote(path), unquote(unquote(path))):
        for seen in (read, browsed("/", quote(read)).path, browsed("/", quote(read.replace("\\", "/"))).path):
            assert seen.startswith("/leads/"), read
            assert seen.endswith("/note"), read


def test_C2_a_date_in_a_url_that_no_calendar_has_is_a_problem() -> None:
    class Far(Facts):
        def value(self, source: str) -> Value:
            return 10**5000

    assert isinstance(parse_path_and_query("/{event.code}").fill(Far(), ZONE), ValueProblem)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.slack.com/services/T0/B0/secret", "hooks.slack.com/…"),
        ("https://a.example:8443?sig=secret", "a.example:8443/…"),
        ("https://user:pass@a.example/x", "a.example/…"),
        ("secret", "…"),
        ("", "…"),
        ("https://se\ncret", "…"),
    ],
)
def test_C5_a_url_is_shown_as_host_and_dots(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://login.example.com/services/oauth2/token", "login.example.com/services/oauth2/token"),
        ("https://a.example:8443/token?client=secret", "a.example:8443/token?…"),
        ("https://a.example?client=secret", "a.example?…"),
        ("https://a.example", "a.example"),
        ("https://user:pass@a.example/x", "a.example/x"),
        ("secret", "…"),
        ("", "…"),
        ("https://a.example/se\ncret", "a.example/…"),
    ],
)
def test_C5_the_address_of_an_authority_is_shown_without_its_query(url: str, shown: str) -> None:
    assert without_query(url) == shown


def test_C5_credentials_are_hidden_where_a_request_is_shown() -> None:
    sent = request(
        connection(auth=Auth.KEY, key_place=KeyPlace.HEADER, key_name="X-Api-Key"), headers=header("Authorization", "also secret")
    )
    assert dict(sent.shown_headers)["X-Api-Key"] == dict(sent.shown_headers)["Authorization"] == "…"
    assert sent.shown_url == "crm.example.com/…"


def test_C5_a_body_and_a_representation_hold_no_secret() -> None:
    target = connection(auth=Auth.BASIC, user_name="ada", secrets=frozenset(Secret))
    prepared = prepare(target, SECRETS)
    for shown in (json.dumps(target.to_body()), repr(target), repr(prepared)):
        assert not any(secret in shown for secret in SECRETS.values())


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "\ud800", "x" * 8001])
def test_C5_a_secret_that_no_request_can_carry_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ConnectionSetupError) as caught:
        check_secret(Secret.KEY, value)
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "asks"),
    [
        ({}, False),
        ({"name": "other", "method": Method.PUT}, False),
        ({"origin": "https://other.example.com"}, True),
        ({"origin": "http://crm.example.com"}, True),
        ({"origin": "https://crm.example.com:8443"}, True),
        ({"test_origin": "https://crm.example.com"}, False),
        ({"test_origin": "https://test.example.com"}, True),
        ({"access_token_url": "https://login.example.com/other"}, False),
        ({"access_token_url": "https://evil.example.com/token"}, True),
        ({"refresh_token_url": "https://login.example.com/refresh"}, False),
        ({"access_token_url": ""}, False),
    ],
)
def test_C5_another_host_asks_for_the_secrets_again(change: dict, asks: bool) -> None:
    before = connection(access_token_url="https://login.example.com/token")
    assert connection(**{"access_token_url": before.access_token_url, **change}).asks_secrets_again(before) is asks


def test_C7_fixed_headers_go_with_every_request_and_a_mapping_may_replace_them() -> None:
    target = connection(headers=(("X-Client", "brightfield"), ("X-Env", "live")))
    sent = dict(request(target, headers=header("x-client", "other")).headers)
    assert sent["X-Env"] == "live"
    assert sent["x-client"] == "other"
    assert "X-Client" not in sent


def test_M9_a_mapping_may_name_another_content_type() -> None:
    sent = request(connection(), headers=header("content-type", "application/vnd.api+json"))
    assert [value for name, value in sent.headers if name.lower() == "content-type"] == ["application/vnd.api+json"]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"auth": Auth.BASIC, "user_name": "ada"}, "authorization"),
        ({"auth": Auth.KEY}, "Authorization"),
        ({"auth": Auth.OAUTH2}, "AUTHORIZATION"),
        ({"auth": Auth.KEY, "key_place": KeyPlace.HEADER, "key_name": "X-Api-Key"}, "x-api-key"),
    ],
)
def test_M9_a_mapping_may_not_set_what_the_connection_authenticates_with(more: dict, name: str) -> None:
    assert (
        refusal(connection(**more), headers=header(name)) == f"{name} is what the connection authenticates with, so no mapping may set it"
    )


def test_M9_nor_the_parameter_that_the_key_goes_in() -> None:
    target = connection(auth=Auth.KEY, key_place=KeyPlace.QUERY, key_name="name", method=Method.GET)
    assert "authenticates with" in refusal(target)


def test_M9_headers_have_an_end() -> None:
    mapped = rendered(*(MappingRow(f"X-{i}", (FixedText("x" * 5000),)) for i in range(3)), kind=MappingKind.HEADER)
    assert refusal(connection(), headers=mapped) == "headers are longer than 12,000 characters together"


def test_D1_every_request_carries_the_actions_id() -> None:
    assert request(connection(), webhook_id="msg_42").headers[-1] == ("webhook-id", "msg_42")
