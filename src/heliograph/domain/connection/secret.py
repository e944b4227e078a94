"""The secrets of a connection: which there are, and what each must look like (C5, C7).

They are stored encrypted, apart from the connection's body, which only names those that exist.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.sentence_template import Sentence, gettext_noop

MASK: Final = "…"
"""The text that replaces a secret (`outbound.masks`)."""
MAX_SECRET: Final = 8_000
MAX_PEM: Final = 64_000
NOT_PEM: Final = gettext_noop("are texts that begin with -----BEGIN and end with -----END; paste the whole text of the file")

_SIGNING_PREFIX: Final = "whsec_"
_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]+-----[\x20-\x7e\n\t]+-----END [A-Z0-9 ]+-----")


class Secret(StrEnum):
    """The secrets that a connection may have. PATH and TEST_PATH are path and query of its URLs, which can be credentials by themselves (C5)."""

    PATH = "path"
    TEST_PATH = "test_path"
    PASSWORD = "password"  # noqa: S105 - the name of a secret
    KEY = "key"
    CLIENT_SECRET = "client_secret"  # noqa: S105
    CLIENT_CERTIFICATE = "client_certificate"
    """The TLS client identity as PEM: certificate, intermediate certificates and private key."""
    AUTHORIZATION_QUERY = "authorization_query"
    ACCESS_TOKEN_QUERY = "access_token_query"  # noqa: S105
    REFRESH_TOKEN_QUERY = "refresh_token_query"  # noqa: S105
    """The queries of the addresses that OAuth2 asks, with their question marks."""
    SIGNING = "signing_secret"
    """If present, signs every request (Standard Webhooks; C7)."""
    SIGNING_BEFORE = "signing_secret_before"
    """While the target switches to a new secret, requests are signed with the previous one too."""


_WORDS: Final[Mapping[str, str]] = {
    Secret.PATH: gettext_noop("path"),
    Secret.PASSWORD: gettext_noop("password"),
    Secret.KEY: gettext_noop("key"),
    Secret.CLIENT_SECRET: gettext_noop("client secret"),
    Secret.CLIENT_CERTIFICATE: gettext_noop("client certificate"),
}
"""How a sentence names the secrets that a request needs."""


class MissingSecret(HeliographError):
    """A secret of the connection is not stored. name: which one."""

    def __init__(self, name: str) -> None:
        super().__init__(AttemptSentence.NO_SECRET, secret=Sentence(_WORDS.get(name, name.replace("_", " "))))
        self.name = name


def read_secret(secrets: Mapping[str, str], name: str) -> str:
    """A required secret. Raises MissingSecret."""
    value = secrets.get(name, "")
    if not value:
        raise MissingSecret(name)
    return value


def check_secret(name: Secret, value: str) -> str:
    """A secret as it is stored: without outer spaces. Raises ConnectionSetupError, which never quotes it, if no request could contain it."""
    value = value.strip()
    if name is Secret.CLIENT_CERTIFICATE:
        return _checked_pem(name, value)
    if name in (Secret.SIGNING, Secret.SIGNING_BEFORE):
        _check_signing(name, value)
    if len(value) > MAX_SECRET:
        raise ConnectionSetupError(name, "it is longer than %(most)s characters", most=MAX_SECRET)
    if header_rules.value_problem(value):
        raise ConnectionSetupError(name, "it contains a line break or another control character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConnectionSetupError(name, "it contains half a character (a lone surrogate)") from None
    return value


def _checked_pem(name: Secret, value: str) -> str:
    """Checks only its form; `outbound.certificates` validates it."""
    value = value.replace("\r\n", "\n")
    if len(value) > MAX_PEM:
        raise ConnectionSetupError(name, "it is longer than %(most)s characters", most=MAX_PEM)
    if not is_pem(value) or not value.isascii():
        raise ConnectionSetupError(name, "a certificate and its key %(problem)s", problem=Sentence(NOT_PEM))
    return value


def _check_signing(name: Secret, value: str) -> None:
    """Checks the format of the Standard Webhooks specification: `whsec_` and 24 to 64 bytes in base64."""
    try:
        key = base64.b64decode(value.removeprefix(_SIGNING_PREFIX), validate=True) if value.startswith(_SIGNING_PREFIX) else b""
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ConnectionSetupError(name, "a signing secret is %(prefix)s and 24 to 64 bytes in base64", prefix=_SIGNING_PREFIX)


def signing_secret(key: bytes) -> str:
    """A signing secret in the form that people copy. key: 24 to 64 random bytes."""
    return _SIGNING_PREFIX + base64.b64encode(key).decode()


def is_pem(text: str) -> bool:
    """True if this looks like the text of a PEM file."""
    return bool(_PEM.search(text))


def read_secrets(body: Body) -> frozenset[Secret]:
    """The names of the stored secrets in a connection's body. Raises BodyError."""
    names = set()
    for where, item in body.items("secrets", most=50):
        try:
            names.add(Secret(str(item)))
        except ValueError:
            raise BodyError(where, "expected one of %(names)s", names=", ".join(Secret)) from None
    return frozenset(names)
