"""A call that came in to a source, and what the verifier says about it (S2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl

MOST_PARAMETERS = 50


@dataclass(frozen=True, slots=True)
class InboundRequest:
    """A call as it arrived at /in/<path>."""

    method: str
    path_rest: str = ""
    """What follows the source's path in the URL, with its slash; "" for nothing."""
    query: str = ""
    headers: Sequence[tuple[str, str]] = ()
    """Lower-case names; each character of a value is one byte (ISO-8859-1)."""
    body: bytes = field(default=b"", repr=False)

    def values(self, header: str) -> list[str]:
        """The values of a header, without outer spaces; one for each time that it occurs."""
        name = header.lower()
        return [value.strip(" \t") for each, value in self.headers if each == name]

    def parameter(self, name: str) -> str | None:
        """The value of a parameter in the query; None if it is absent or occurs twice."""
        try:
            pairs = parse_qsl(self.query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
        except ValueError:
            return None
        values = [value for each, value in pairs if each == name]
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class SourceSecret:
    """A secret that a source shares with its sender."""

    id: int
    value: str = field(repr=False)
    ends: int | None = None
    """When it stops being valid, in microseconds; None: never."""

    def is_valid(self, now: int) -> bool:
        """now: microseconds"""
        return self.ends is None or now < self.ends


class RefusalReason(StrEnum):
    """Why a call was refused. The sender never learns it; it is counted by the hour, and the source's page says it."""

    NOT_SET_UP = "not set up"
    """The source has no verification yet: nothing is taken before one was chosen."""
    NO_SECRET = "no secret"  # noqa: S105 - the name of a reason
    """The source has no secret that the verification could use."""
    UNUSABLE_SECRET = "unusable secret"  # noqa: S105
    """The secret does not have the form that the verification expects."""
    NO_SIGNATURE = "no signature"
    """The header of the signature, of the token or of the password is missing."""
    HEADER_TWICE = "header twice"
    """A header that proves who sends occurs twice, so it is not clear which one counts."""
    UNREADABLE_SIGNATURE = "unreadable signature"
    """The header is there, but contains no signature of the form that was chosen."""
    TOO_MANY_SIGNATURES = "too many signatures"
    WRONG_SIGNATURE = "wrong signature"
    """No signature fits: another secret, or something changed the call on its way."""
    ONE_WORD = "one word"
    """The signed text is one word, such as a handshake signs for anybody: no call."""
    WRONG_TOKEN = "wrong token"  # noqa: S105
    WRONG_PASSWORD = "wrong password"  # noqa: S105
    WRONG_PATH = "wrong path"
    """The path does not continue with a secret of the source."""
    ENDED_SECRET = "ended secret"  # noqa: S105
    """The call was made with a secret of the source that has ended."""
    NO_ID = "no id"
    """The identifier that is part of the signed text is missing."""
    NO_TIMESTAMP = "no timestamp"
    UNREADABLE_TIMESTAMP = "unreadable timestamp"
    TOO_OLD = "too old"
    """The signature fits, but the call is older than the tolerance: it was repeated by somebody, or a clock is wrong."""
    TOO_NEW = "too new"
    """The signature fits, but the call comes from the future: the sender's clock or ours is wrong."""
    WRONG_HANDSHAKE = "wrong handshake"
    """The handshake's token does not fit, or its challenge is missing or too long."""
    WRONG_METHOD = "wrong method"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The call comes from the sender."""

    secret_id: int | None
    """The secret that fitted; None where the verification needs none."""
    sender_id: str = ""
    """The sender's identifier of this call, by which duplicates are recognised; "" if there is none."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The call is not taken."""

    reason: RefusalReason
