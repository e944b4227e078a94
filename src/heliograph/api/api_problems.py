"""The problem documents of the API (RFC 9457): their types, and the answer that each error of the services gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, assert_never

import msgspec
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.http import HttpResponse

from heliograph.accounts.api_tokens import TokenRefused
from heliograph.accounts.people import PersonRefused
from heliograph.accounts.signal_switch import SignalOff
from heliograph.connections.answers import NeverMatched
from heliograph.connections.rule_words import nowhere
from heliograph.connections.services.save_and_test import TooManyTests
from heliograph.connections.services.signing_secrets import RotationOpen
from heliograph.domain.errors import HeliographError, NotInAccount, TooMuchWork
from heliograph.domain.http_request import PROBLEM, PROBLEM_TYPE
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.sentence_template import at_place, plain_text
from heliograph.engine.ingest.problem_documents import IngestReply, refused
from heliograph.insights.period import WrongPeriod
from heliograph.insights.record_export import TooManyExports
from heliograph.recording.json_documents import NoDocument
from heliograph.registrations.document_intake import TooManyLines
from heliograph.registrations.read_places import ASK_AGAIN, NoReadPlace
from heliograph.retry.queue_operations import DiscardsAll
from heliograph.setup.save_questions import AsksFirst, LosesValues, WidensFirst
from heliograph.setup.services.events import MarksFirst
from heliograph.setup.services.retention_terms import RemovesFirst
from heliograph.setup.setup_errors import InUse, Invalid
from heliograph.web.cursor import CursorError
from heliograph.web.server_errors import RETRY_AFTER


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A type of problem."""

    name: str
    """The last part of its URN."""
    status: HTTPStatus
    meaning: str
    """What it says and what to do, for the reference; `detail` of a problem that says no more."""

    @property
    def urn(self) -> str:
        return PROBLEM + self.name


PROBLEM_TYPES: Final[dict[str, ProblemType]] = {
    each.name: each
    for each in (
        ProblemType(
            "request", HTTPStatus.BAD_REQUEST, "The request cannot be read: its JSON, a member, a parameter or a header. `errors` names it."
        ),
        ProblemType(
            "refused", HTTPStatus.BAD_REQUEST, "A value is not accepted. `errors` has each field, the reason, and what would be accepted."
        ),
        ProblemType("token", HTTPStatus.UNAUTHORIZED, "No valid token was sent: `Authorization: Bearer hg_…`."),
        ProblemType("scope", HTTPStatus.FORBIDDEN, "The token lacks the scope that this needs, which `detail` names."),
        ProblemType("role", HTTPStatus.FORBIDDEN, "The role of the token is too low for this."),
        ProblemType("signal-off", HTTPStatus.FORBIDDEN, "Signal is off for this account. Whoever runs Heliograph can turn it on."),
        ProblemType("not-found", HTTPStatus.NOT_FOUND, "The account has no such thing, or has it no longer; or there is no such address."),
        ProblemType("method", HTTPStatus.METHOD_NOT_ALLOWED, "This address does not take this method. `Allow` lists those that it takes."),
        ProblemType("accept", HTTPStatus.NOT_ACCEPTABLE, "The answer is JSON (that of a file is CSV), which the header Accept excludes."),
        ProblemType(
            "in-use", HTTPStatus.CONFLICT, "Something uses it, so it cannot be deleted or changed like this. `uses` lists what does (P12)."
        ),
        ProblemType(
            "stops-flows",
            HTTPStatus.CONFLICT,
            "This would stop running flows, which `flows` lists. Nothing was saved. `?confirmed=true` saves it all the same (F2).",
        ),
        ProblemType(
            "widens-flow",
            HTTPStatus.CONFLICT,
            "A Live flow would act on more than before. Nothing was saved. `?confirmed=true` saves it all the same (F2).",
        ),
        ProblemType(
            "loses-values",
            HTTPStatus.CONFLICT,
            "Flows filter by values that would be gone, which `values` lists. Nothing was saved. `?confirmed=true` saves it all the same (P12).",
        ),
        ProblemType(
            "not-allowed",
            HTTPStatus.CONFLICT,
            "By this configuration file Live flows would act on more, or running flows would stop; `flows` lists them. Nothing was applied."
            " `allow_wider` applies it all the same (B5).",
        ),
        ProblemType(
            "confirm",
            HTTPStatus.CONFLICT,
            "This has a consequence that somebody should want; `detail` says which. Nothing was done. `?confirmed=true` does it all the same.",
        ),
        ProblemType(
            "marks-first",
            HTTPStatus.CONFLICT,
            "The event would leave Planning or Testing, and its registrations have to be marked Test first: `POST events/{event}/leave-testing` (P9).",
        ),
        ProblemType("conflict", HTTPStatus.CONFLICT, "The state of the thing does not allow this, or has just changed. `detail` says why."),
        ProblemType(
            "running",
            HTTPStatus.CONFLICT,
            "The first request with this Idempotency-Key has no answer yet. Send it again later (`Retry-After`).",
        ),
        ProblemType("changed", HTTPStatus.PRECONDITION_FAILED, "It is not what If-Match says; `current` has what stands there now (P14)."),
        ProblemType("size", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large."),
        ProblemType("content-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be JSON in UTF-8: `Content-Type: application/json`."),
        ProblemType("key-reused", HTTPStatus.UNPROCESSABLE_ENTITY, "This Idempotency-Key was used for another request."),
        ProblemType(
            "rate", HTTPStatus.TOO_MANY_REQUESTS, "The account has sent more requests than it may. `Retry-After` says when to go on."
        ),
        ProblemType(
            "too-much-work",
            HTTPStatus.TOO_MANY_REQUESTS,
            "The account has as many jobs, tests, full reads or plans of configuration files as it may. `detail` says what to do, and `Retry-After` when to try again.",
        ),
        ProblemType("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "Heliograph failed with an internal error. Its log has more."),
        ProblemType("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The database cannot be used now. Try again later (`Retry-After`)."),
    )
}
"""All types of the API by name. Those of `/ingest` are its own (docs/reference/api.md)."""


class FieldProblem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A field that is refused: its name, the reason, the values that would be accepted, and the refused value."""

    field: str
    reason: str
    allowed: list[str] = []
    value: str = ""


class ProblemDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A problem document (RFC 9457). type: a URN of the list of problem types; further members depend on it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
    uses: list[str] = []
    flows: list[str] = []
    values: list[str] = []
    current: Any = None


class Problem(Exception):
    """Ends a request with a problem document."""

    def __init__(self, name: str, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        """A problem of a type.

        name: of the type, as in PROBLEM_TYPES
        detail: a sentence for people; "" for that of the type
        members: further members of the document
        """
        self.type = PROBLEM_TYPES[name]
        self.detail = detail or self.type.meaning
        self.headers, self.members = dict(headers or {}), members
        if self.type.status is HTTPStatus.SERVICE_UNAVAILABLE:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER))
        super().__init__(self.detail)

    @classmethod
    def from_field(cls, field: str, reason: str, *, allowed: Sequence[str] = (), name: str = "refused") -> Problem:
        """A problem that names one field.

        reason: a sentence, or the end of one that begins with the field
        allowed: the values that would be accepted
        """
        return cls(name, at_place(field, reason), errors=[FieldProblem(field=field, reason=reason, allowed=list(allowed))])

    @classmethod
    def from_reply(cls, reply: IngestReply) -> Problem:
        """The problem of a registration document that was not recorded. reply: one for which `is_problem` holds."""
        content = reply.content
        errors = [FieldProblem(**{**error, "allowed": list(error.get("allowed", ()))}) for error in content.get("errors", ())]
        return cls(content["type"].removeprefix(PROBLEM), content["detail"], headers=reply.headers, errors=errors)

    def response(self) -> HttpResponse:
        """The problem document as a response."""
        status = self.type.status
        document = ProblemDocument(type=self.type.urn, title=status.phrase, status=status.value, detail=self.detail, **self.members)
        return HttpResponse(
            msgspec.json.encode(document, enc_hook=plain_text), status=status.value, content_type=PROBLEM_TYPE, headers=self.headers
        )


_NAMED: Final[Mapping[type[HeliographError], str]] = {
    TokenRefused: "refused",
    MarksFirst: "marks-first",
    RemovesFirst: "confirm",
    TooManyLines: "size",
}
"""The types of errors whose document needs no further members. Any other HeliographError is a `conflict`."""


def problem_of(error: Exception) -> Problem | None:
    """The problem document of an error that a service raises; None for an error that nobody expected."""
    match error:
        case Problem():
            return error
        case RequestDataTooBig():
            return Problem("size")
        case NoDocument():
            return Problem.from_field("body", str(error), name="request")
        case NotInAccount() | ObjectDoesNotExist():
            return Problem("not-found")
        case SignalOff():
            return Problem("signal-off")
        case Invalid() | PersonRefused():
            problems = [FieldProblem(field=field, reason=reason) for field, reasons in error.fields.items() for reason in map(str, reasons)]
            return Problem("refused", str(error), errors=problems)
        case DocumentRefused():
            return Problem.from_reply(refused(error.problems))
        case InUse():
            return Problem("in-use", str(error), uses=[str(use) for use in error.uses])
        case AsksFirst() | WidensFirst() | LosesValues() | RotationOpen() | NeverMatched() | DiscardsAll():
            return _problem_to_confirm(error)
        case TooMuchWork() | TooManyTests() | TooManyExports():
            wait = ASK_AGAIN if isinstance(error, NoReadPlace) else 60
            return Problem("too-much-work", str(error), headers={"Retry-After": str(wait)})
        case WrongPeriod():
            return Problem.from_field(error.parameter, str(error))
        case CursorError():
            return Problem.from_field("cursor", str(error), name="request")
        case HeliographError():
            return Problem(_NAMED.get(type(error), "conflict"), str(error))
        case _:
            return None


def _problem_to_confirm(error: AsksFirst | WidensFirst | LosesValues | RotationOpen | NeverMatched | DiscardsAll) -> Problem:
    """The problem (409) of an operation that has to be confirmed: sent again with `?confirmed=true`, it is done."""
    match error:
        case AsksFirst():
            return Problem("stops-flows", str(error), flows=[stop.name for stop in error.stops])
        case WidensFirst():
            return Problem("widens-flow", str(error))
        case RotationOpen() | DiscardsAll():
            return Problem("confirm", str(error))
        case NeverMatched():
            return Problem("confirm", str(error), values=[nowhere(each) for each in error.conditions])
        case LosesValues():
            return Problem("loses-values", str(error), values=list(error.values))
        case _:
            assert_never(error)
