"""The replies of the doors: results, and problem documents (RFC 9457) for refusals. HTTP statuses are decided only here.

outcome of record()                    status
created                                201
updated, unchanged, stale              200
refused                                400, with the field and the allowed values
running (the first use of this key)    409, try again
key reused with another document       422
the database fails                     503, try again with the same Idempotency-Key: the document may or may not have been recorded
an internal error                      500, nothing was recorded
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import msgspec

from heliograph.domain.http_request import PROBLEM, PROBLEM_TYPE
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.sentence_template import plain_text
from heliograph.engine.ingest.batch_queue import Mishap
from heliograph.engine.ingest.batch_writer import BatchResult
from heliograph.recording.items import ItemResult

RETRY_BUSY: Final = 1
RETRY_DATABASE: Final = 5
"""Seconds after which a sender is asked to try again."""

_json = msgspec.json.Encoder(enc_hook=plain_text)


@dataclass(frozen=True, slots=True)
class IngestReply:
    """A reply, before HTTP: a whole response, or one line of many."""

    status: int
    content: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_problem(self) -> bool:
        return self.status >= 400

    @property
    def content_type(self) -> str:
        return PROBLEM_TYPE if self.is_problem else "application/json"

    @property
    def body(self) -> bytes:
        return _json.encode(self.content)

    def line(self, number: int) -> bytes:
        """The reply to one line of many."""
        if self.is_problem:
            return _json.encode({"line": number, **self.content}) + b"\n"
        return _json.encode({"line": number, "status": self.status, **self.content}) + b"\n"


def problem(
    status: int, name: str, detail: str, errors: Iterable[DocumentProblem] = (), *, retry_after: int | None = None, **headers: str
) -> IngestReply:
    """A problem document.

    name: the last part of its type, for programs.
    detail: a sentence for people.
    retry_after: seconds.
    headers: further response headers, with "_" in place of "-".
    """
    content: dict[str, Any] = {"type": PROBLEM + name, "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    field_errors = [_field_error(error) for error in errors]
    if field_errors:
        content["errors"] = field_errors
    response_headers = {key.replace("_", "-"): value for key, value in headers.items()}
    if retry_after is not None:
        response_headers["Retry-After"] = str(retry_after)
    return IngestReply(status, content, response_headers)


def _field_error(error: DocumentProblem) -> dict[str, Any]:
    content: dict[str, Any] = {"field": error.field, "reason": error.reason}
    if error.allowed:
        content["allowed"] = error.allowed
    if error.value:
        content["value"] = error.value
    return content


NOT_FOUND: Final = problem(404, "not-found", "There is nothing here. Post registrations to /ingest/registrations.")
WRONG_METHOD: Final = problem(405, "method", "Use POST to send registrations.", Allow="POST")
NO_TOKEN: Final = problem(401, "token", "Send a valid token: Authorization: Bearer hg_…", WWW_Authenticate='Bearer realm="heliograph"')
NOT_ALLOWED: Final = problem(403, "scope", "This token may not send registrations: it lacks the scope `ingest`.")
TOO_SLOW: Final = problem(408, "slow", "The request did not arrive in time.", Connection="close")
NO_LENGTH: Final = problem(400, "length", "Content-Length is not a number.", Connection="close")
WRONG_TYPE: Final = problem(
    415,
    "content-type",
    "Send one registration as application/json, or many as application/x-ndjson, one per line; in UTF-8, uncompressed.",
    Accept_Post="application/json, application/x-ndjson",
)
EMPTY: Final = problem(400, "json", "The request contains no document.")
BUSY: Final = problem(
    429, "busy", "More arrives than can be recorded at the moment. Nothing in this request was recorded.", retry_after=RETRY_BUSY
)
TOO_MANY_CONNECTIONS: Final = problem(
    429,
    "connections",
    "This account has as many open connections as it may. Nothing in this request was recorded.",
    retry_after=RETRY_BUSY,
    Connection="close",
)
NO_PLACE: Final = problem(
    503,
    "full",
    "Too many connections are open. Nothing in a request that has no other answer was recorded: send it again.",
    retry_after=RETRY_BUSY,
    Connection="close",
)
UNAVAILABLE: Final = problem(
    503,
    "unavailable",
    "The database cannot store this now. Send it again with the same Idempotency-Key: nothing is recorded twice.",
    retry_after=RETRY_DATABASE,
)
FAILED: Final = problem(500, "internal", "Heliograph failed with an internal error; nothing was recorded.")
RUNNING: Final = problem(
    409, "running", "The first request with this Idempotency-Key has no answer yet. Send it again later.", retry_after=RETRY_BUSY
)
KEY_REUSED: Final = problem(422, "key-reused", "This Idempotency-Key was used for another document.")
CONFLICT: Final = problem(409, "conflict", "The registration has been changed in the meantime.")


def too_large(most: int, what: str = "body") -> IngestReply:
    """A 413. most: the limit, in bytes, or in lines if `what` is "lines".

    The connection stays open for the rest of the body (door_protocol.REST_WITHIN). A sender that writes the whole body before it reads, as proxies do,
    would find the connection reset, and never read the reply.
    """
    if what == "lines":
        return problem(413, "lines", f"At most {most:,} lines per request. For longer files, use `heliograph import`.")
    return problem(413, "size", f"The {what} may have at most {most:,} bytes.")


def refused(errors: Iterable[DocumentProblem]) -> IngestReply:
    """A 400 with every problem of the document."""
    problems = tuple(errors)
    detail = " ".join(f"{each.field}: {each.reason}" if each.field else f"The document {each.reason}" for each in problems[:5])
    return problem(400, "refused", detail or "The database refuses this document.", problems)


def reply_of(result: BatchResult) -> IngestReply:
    """The reply for the result of a document."""
    if isinstance(result, Mishap):
        return UNAVAILABLE if result is Mishap.UNAVAILABLE else FAILED
    match result.outcome:
        case ItemOutcome.REFUSED:
            return refused(result.problems)
        case ItemOutcome.RUNNING:
            return RUNNING
        case ItemOutcome.KEY_REUSED:
            return KEY_REUSED
        case ItemOutcome.CONFLICT:
            return CONFLICT
        case _:
            return IngestReply(201 if result.outcome is ItemOutcome.CREATED else 200, _content(result))


def _content(result: ItemResult) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "registration": result.registration,
        "version": result.version,
        "changes": result.changes,
    }
