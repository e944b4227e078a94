"""The result of testing a connection (guide: Save & Test; C3): five steps with their durations, and what is wrong in one word.

    name → connect → TLS → credentials → answer

    tested     the target has answered a request with our credentials
    reached    there is a connection, but nothing was sent: the credentials were not tried
    failed     at one of the steps

The words for people, and how to fix it, are in `connections.diagnosis_words`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from heliograph.domain.connection.connection import SignIn
from heliograph.domain.connection.stated_error import INSUFFICIENT_SCOPE, OF_SIGN_IN
from heliograph.domain.delivery.outcomes import CONNECTION_STATUSES, Cause, Refused
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.mapping.json_bodies import Body


class DiagnosisStep(StrEnum):
    """The steps, in order."""

    NAME = "name"
    CONNECT = "connect"
    TLS = "tls"
    CREDENTIALS = "credentials"
    ANSWER = "answer"


class StepState(StrEnum):
    """The result of a step."""

    DONE = "done"
    FAILED = "failed"
    NOT_TRIED = "not tried"
    NOT_NEEDED = "not needed"


class DiagnosisVerdict(StrEnum):
    """The result of the test."""

    TESTED = "tested"
    REACHED = "reached"
    FAILED = "failed"


class TestedField(StrEnum):
    """The field of Connection Setup that holds the tested address."""

    URL = "url"
    TEST_URL = "test_url"
    TOKEN_URL = "access_token_url"  # noqa: S105 - the name of a field


class Finding(StrEnum):
    """The fault that a test found."""

    INCOMPLETE = "incomplete"
    URL = "url"
    NO_SUCH_NAME = "no_such_name"
    NO_NAME_SERVER = "no_name_server"
    BLOCKED = "blocked"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    PROXY = "proxy"
    CERTIFICATE_NAME = "certificate_name"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_EARLY = "certificate_early"
    SELF_SIGNED = "self_signed"
    UNTRUSTED = "untrusted"
    TLS = "tls"
    CLIENT = "client"
    SCOPE = "scope"
    CONNECT_AGAIN = "connect_again"
    TOKEN = "token"  # noqa: S105 - the authority gave none
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    LACKS_SCOPE = "lacks_scope"
    """The access token is good, but not for this."""
    LOGIN = "login"
    MOVED = "moved"
    PAGE = "page"
    NOT_FOUND = "not_found"
    METHOD = "method"
    GONE = "gone"
    TOO_LARGE = "too_large"
    CONTENT_TYPE = "content_type"
    BUSY = "busy"
    NOT_UNDERSTOOD = "not_understood"
    BROKEN = "broken"
    AWAY = "away"
    SLOW = "slow"
    CLOSED = "closed"
    NOT_HTTP = "not_http"
    LONG_ANSWER = "long_answer"
    RULE = "rule"
    DATA = "data"
    OURSELVES = "ourselves"


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step."""

    step: DiagnosisStep
    state: StepState
    seconds: float | None = None
    """Its duration, None if unknown."""


@dataclass(frozen=True, slots=True)
class DiagnosisReport:
    """A test of a connection."""

    verdict: DiagnosisVerdict
    steps: tuple[Stepped, ...]
    target: str
    """The host and port that the request went to."""
    sample: bool = False
    """True if a sample was sent, False if the test URL was requested."""
    finding: Finding | None = None
    detail: str = ""
    """The sentence of the sender or of the authority."""
    status: int | None = None
    answer: str = ""
    """The beginning of the answer, without secrets."""
    moved: str = ""
    """The host that a redirect names."""
    field: TestedField | None = None
    """The field that holds the address of the last step."""
    sign_in: SignIn | None = None
    """None: the report is of an older release."""
    says: str = ""
    """The target's own words about its refusal, "" for none."""
    trace: str = ""
    """A text by which a person finds the sample in the target; "" for none."""

    @property
    def tries_credentials(self) -> bool:
        """Whether the connection has credentials at all."""
        return all(each.state is not StepState.NOT_NEEDED for each in self.steps if each.step is DiagnosisStep.CREDENTIALS)

    @property
    def failed_at(self) -> DiagnosisStep | None:
        return next((each.step for each in self.steps if each.state is StepState.FAILED), None)

    def to_body(self) -> dict[str, object]:
        """The JSON to store."""
        return {
            "verdict": self.verdict.value,
            "steps": [[each.step.value, each.state.value, each.seconds] for each in self.steps],
            "target": self.target,
            "sample": self.sample,
            "finding": self.finding.value if self.finding else None,
            "detail": self.detail,
            "status": self.status,
            "answer": self.answer,
            "moved": self.moved,
            "field": self.field.value if self.field else None,
            "sign_in": self.sign_in.value if self.sign_in else None,
            "says": self.says,
            "trace": self.trace,
        }

    @classmethod
    def from_body(cls, value: Mapping[str, Any]) -> DiagnosisReport:
        """Parses what was stored. Raises BodyError, KeyError or ValueError if it is invalid."""
        body = Body(value)
        return cls(
            body.choice("verdict", DiagnosisVerdict),
            tuple(Stepped(DiagnosisStep(step), StepState(state), seconds) for step, state, seconds in value["steps"]),
            body.text("target", longest=1_000),
            body.flag("sample"),
            body.choice("finding", Finding) if body.has("finding") else None,
            body.text("detail", longest=2_000),
            body.number("status", least=0, most=999),
            body.text("answer", longest=4_000),
            body.text("moved", longest=1_000),
            body.choice("field", TestedField) if body.has("field") else None,
            body.choice("sign_in", SignIn) if body.has("sign_in") else None,
            body.text("says", longest=1_000),
            body.text("trace", longest=200),
        )


# OpenSSL's results (X509_V_ERR_…) for a rejected certificate.
_CERTIFICATE: Final = {
    1: Finding.CERTIFICATE_NAME,
    9: Finding.CERTIFICATE_EARLY,
    10: Finding.CERTIFICATE_EXPIRED,
    18: Finding.SELF_SIGNED,
    19: Finding.UNTRUSTED,
    20: Finding.UNTRUSTED,
    21: Finding.UNTRUSTED,
    62: Finding.CERTIFICATE_NAME,
}
_FAILED: Final = {
    Cause.BAD_REQUEST: (DiagnosisStep.NAME, Finding.URL),
    Cause.DNS: (DiagnosisStep.NAME, Finding.NO_SUCH_NAME),
    Cause.NO_NAME_SERVER: (DiagnosisStep.NAME, Finding.NO_NAME_SERVER),
    Cause.BLOCKED: (DiagnosisStep.CONNECT, Finding.BLOCKED),
    Cause.REFUSED: (DiagnosisStep.CONNECT, Finding.REFUSED),
    Cause.PROXY: (DiagnosisStep.CONNECT, Finding.PROXY),
    Cause.GARBLED: (DiagnosisStep.ANSWER, Finding.NOT_HTTP),
    Cause.EXCEPTION: (DiagnosisStep.CONNECT, Finding.OURSELVES),
}


def failed(cause: Cause, *, left: bool, connected: bool, secure: bool, verify: int) -> tuple[DiagnosisStep, Finding]:
    """The step that failed, and the reason that there was no answer.

    left: the request was written
    connected: TCP was connected
    secure: TLS is required
    verify: OpenSSL's result for the certificate
    """
    if cause is Cause.TLS:
        return DiagnosisStep.TLS, _CERTIFICATE.get(verify, Finding.TLS)
    if cause in (Cause.TIMEOUT, Cause.RESET):
        if left:
            return DiagnosisStep.ANSWER, Finding.SLOW if cause is Cause.TIMEOUT else Finding.CLOSED
        return (DiagnosisStep.TLS, Finding.TLS) if connected and secure else (DiagnosisStep.CONNECT, Finding.UNREACHABLE)
    return _FAILED.get(cause, (DiagnosisStep.CONNECT, Finding.OURSELVES))


_STATUSES: Final = {
    401: Finding.UNAUTHORIZED,
    403: Finding.FORBIDDEN,
    404: Finding.NOT_FOUND,
    405: Finding.METHOD,
    408: Finding.SLOW,
    410: Finding.GONE,
    413: Finding.TOO_LARGE,
    415: Finding.CONTENT_TYPE,
    429: Finding.BUSY,
}
_SIGN_IN: Final = re.compile(
    r"(?:^|[/._?&=-])(?:log-?in|log-?on|sign-?in|sso|saml2?|oauth2?|authorize|accounts?)(?:$|[/._?&=-])", re.IGNORECASE
)
_PASSWORD: Final = re.compile(rb"""<input[^>]{0,500}type\s*=\s*["']?password""", re.IGNORECASE)
_PAGE: Final = re.compile(rb"\s*(?:<!--[^>]{0,500}-->\s*)?<(?:!doctype html|html)\b", re.IGNORECASE)


_ABOUT_SENDER: Final = (400, 401, 403, 404)
"""Statuses with which targets refuse the sender (RFC 6750 §3.1, RFC 6749 §5.2). Some use 404, to hide that the address exists."""


def refusal_finding(status: int, error: str = "") -> Finding:
    """The most likely meaning of a response that is no success.

    error: the error code in the response (`stated_error`)
    """
    if 300 <= status < 400:
        return Finding.MOVED
    if status in _ABOUT_SENDER and error in OF_SIGN_IN:
        return Finding.UNAUTHORIZED
    if status in _ABOUT_SENDER and error == INSUFFICIENT_SCOPE:
        return Finding.LACKS_SCOPE
    if status in _STATUSES:
        return _STATUSES[status]
    if status in CONNECTION_STATUSES:
        return Finding.AWAY
    return Finding.BROKEN if status >= 500 else Finding.NOT_UNDERSTOOD


OF_CREDENTIALS: Final = frozenset({Finding.UNAUTHORIZED, Finding.FORBIDDEN, Finding.LACKS_SCOPE, Finding.LOGIN})
"""Findings of the step Sign in."""


def finding_of_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, wants_json: bool, error: str = ""
) -> tuple[DiagnosisStep, Finding] | None:
    """The step and the finding of an answer. None: nothing is wrong with it.

    headers: by lower-case name
    error: the code that the answer states (`stated_error`)
    """
    if 200 <= status < 300:
        is_page = headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml")) or _PAGE.match(body) is not None
        if is_page and _PASSWORD.search(body):
            return DiagnosisStep.CREDENTIALS, Finding.LOGIN
        return (DiagnosisStep.ANSWER, Finding.PAGE) if is_page and wants_json else None
    if 300 <= status < 400 and _SIGN_IN.search(headers.get("location", "")):
        return DiagnosisStep.CREDENTIALS, Finding.LOGIN
    finding = refusal_finding(status, error)
    return DiagnosisStep.CREDENTIALS if finding in OF_CREDENTIALS else DiagnosisStep.ANSWER, finding


def token_finding(refused: Refused, *, lost: bool, client: bool, error: str) -> Finding:
    """The finding for an authority's refusal. error: its error code (RFC 6749 §5.2)."""
    if client:
        return Finding.CLIENT
    if lost or error == "invalid_grant":
        return Finding.CONNECT_AGAIN
    if error == "invalid_scope":
        return Finding.SCOPE
    if refused.cause is Cause.BLOCKED:
        return Finding.BLOCKED
    return Finding.AWAY if refused.category is Category.CONNECTION and refused.cause is Cause.OAUTH else Finding.TOKEN
