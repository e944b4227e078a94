"""Which header names mark credentials, and how their texts are stored (C5, A14)."""

from __future__ import annotations

import pytest

from heliograph.domain.connection.connection import Auth, Connection
from heliograph.domain.mapping.headers import SEALED, NotSealed, is_secret_name, sealed_texts
from heliograph.domain.mapping.mapping import FixedText, Mapping, MappingError, MappingKind, MappingRow, Otherwise, SourceValue, ValueMap

SECRET = (
    *("Authorization", "X-Authorization", "Proxy-Authorisation", "Authentication", "X-Auth", "X-Auth-Token", "Cookie", "X-Cookie"),
    *("X-API-Key", "x-api-key", "apikey", "ApiKey", "api_key", "X-Key", "Ocp-Apim-Subscription-Key", "x-functions-key", "Access-Key"),
    *(
        "Token",
        "X-Access-Token",
        "accessToken",
        "X-CSRFToken",
        "X-Secret",
        "Client-Secret",
        "clientsecret",
        "X-Password",
        "X-Passwd",
        "pwd",
    ),
    *("X-Hub-Signature-256", "Signature", "X-HMAC", "X-Sig", "X-Credential", "PRIVATEKEY", "X-JWT", "X-Passphrase", "XAPIKEY", "APIKey"),
)
PLAIN = (
    *("X-Version", "X-Event", "Accept", "Content-Type", "X-Client", "Idempotency-Key", "idempotencyKey", "X-Correlation-Key", "X-Monkey"),
    *("X-Registration", "X-Session", "X-Session-Code", "X-Keyword", "X-Author", "X-Passenger", "User-Agent", "X-Event-Key", "X-Design"),
)


@pytest.mark.parametrize("name", SECRET)
def test_C5_A14_a_name_that_says_so_is_a_credential(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", PLAIN)
def test_C5_A14_any_other_name_is_none(name: str) -> None:
    assert not is_secret_name(name)


def test_C5_A14_texts_are_kept_replaced_and_go_with_one_renamed_header() -> None:
    known = {"header x-api-key": "one", "header token": "two"}
    assert sealed_texts({"X-API-Key": SEALED, "Token": "new"}, known) == {"header x-api-key": "one", "header token": "new"}
    assert sealed_texts({"X-Api-Token": SEALED, "Token": ""}, known) == {"header x-api-token": "one", "header token": "two"}
    assert sealed_texts({}, known) == {}


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ({"Token": SEALED}, {}),
        ({"Token": ""}, {"header x-api-key": "one"}),  # a new header without a value does not take another one's
        ({"Token": SEALED}, {"header x-api-key": "one", "header x-key": "two"}),
        ({"Token": SEALED, "X-Key": SEALED}, {"header x-api-key": "one"}),
    ],
)
def test_C5_A14_a_text_that_is_not_known_for_sure_is_asked_for(typed: dict[str, str], known: dict[str, str]) -> None:
    with pytest.raises(NotSealed) as error:
        sealed_texts(typed, known)
    assert not {"one", "two"} & set(str(error.value).replace(".", "").split())


def test_C5_A14_no_body_holds_the_text_of_a_credential() -> None:
    row = MappingRow("Authorization", (FixedText("Bearer s3cr3t"), SourceValue("profile.email")))
    mapping = Mapping("M", MappingKind.HEADER, rows=(row, MappingRow("X-Version", (FixedText("3"),))))
    assert "s3cr3t" not in str(mapping.to_body())
    assert mapping.sealed.typed_secrets == {"Authorization": SEALED}
    assert mapping.sealed.with_texts({"header authorization": "Bearer s3cr3t"}) == mapping
    old = {"name": "M", "kind": "header", "subject": "registration", "rows": [{"target": "X-Token", "parts": [{"text": "s3cr3t"}]}]}
    assert Mapping.from_body(old).rows[0].parts == (FixedText(SEALED),)
    connection = Connection("C", "https://a.example", Auth.OPEN, headers=(("X-API-Key", "s3cr3t"), ("X-Client", "brightfield")))
    assert connection.headers == (("X-API-Key", SEALED), ("X-Client", "brightfield"))


@pytest.mark.parametrize(
    "parts",
    [
        (FixedText("one"), SourceValue("profile.email"), FixedText("two")),
        (FixedText(f"Bearer {SEALED}"),),
        (SourceValue("profile.email", if_empty="s3cr3t"),),
        (SourceValue("profile.country", ValueMap((("AT", "s3cr3t"),), Otherwise.KEEP)),),
    ],
)
def test_C5_A14_what_could_not_be_sealed_is_refused(parts: tuple[FixedText | SourceValue, ...]) -> None:
    with pytest.raises(MappingError) as error:
        Mapping("M", MappingKind.HEADER, rows=(MappingRow("X-Token", parts),))
    assert "s3cr3t" not in str(error.value)
    Mapping("M", rows=(MappingRow("X-Token", parts),))
    Mapping("M", MappingKind.HEADER, rows=(MappingRow("X-Version", parts),))
