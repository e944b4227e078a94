"""Many registrations in one request: all that match filters, or documents to record, one a line (I1-I3, D9)."""

from __future__ import annotations

from collections.abc import Generator
from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from django.http import HttpResponse, StreamingHttpResponse
from dmr import Query, ResponseSpec, validate
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.controller import ApiController
from heliograph.api.documents.registration_documents import ReadEnd, RecordedDocument, RegistrationDocument, RegistrationFilters
from heliograph.api.documents.shared_forms import Id, optional_number
from heliograph.api.ndjson import NDJSON, RENDERERS, streamed
from heliograph.api.stored_answers import key_of
from heliograph.api.token_access import EXPORT, SEND
from heliograph.engine.ingest import problem_documents
from heliograph.engine.ingest.problem_documents import IngestReply, reply_of
from heliograph.registrations.document_intake import record_lines
from heliograph.registrations.full_read import FullRead
from heliograph.registrations.read_places import READ_PLACES

_READ: Final = 'A registration a line, and at last `{"complete": true, "count": 200000, "last": "4711"}`.'
_LINES: Final = "An answer a line: `line`, `status`, and the result or the problem."
_encode: Final = msgspec.json.Encoder().encode


class FullReadQuery(RegistrationFilters):
    """The parameters of a full read."""

    after: Annotated[Id | None, msgspec.Meta(description="The id of the last registration that was received: goes on behind it.")] = None


class RegistrationLines(ApiController):
    """Registrations, one a line."""

    access: ClassVar = {"GET": EXPORT, "POST": SEND}
    renderers: ClassVar = RENDERERS
    body_type: ClassVar = NDJSON
    keys_by_line: ClassVar = True

    @validate(ResponseSpec(RegistrationDocument, status_code=HTTPStatus.OK, description=_READ), *ApiController.responses)
    def get(self, parsed_query: Query[FullReadQuery]) -> StreamingHttpResponse:
        """Read all registrations, one a line. The last line says that it is complete; an answer without it was cut off, and `after` goes on. The
        audit names each read."""
        after = optional_number("after", parsed_query.after)
        read = FullRead.behind(self.account.pk, parsed_query.read(), after)
        return streamed(_lines_of(read, by=None if self.is_head else self.actor))

    @validate(ResponseSpec(RecordedDocument, status_code=HTTPStatus.OK, description=_LINES), *ApiController.responses)
    def post(self) -> HttpResponse:
        """Record many documents, one a line. As `/ingest` does: each line has its own answer, and with an Idempotency-Key its own key."""
        replies = []
        for number, result in record_lines(self.request.body, self.grant, key_of(self.request)):
            reply = result if isinstance(result, IngestReply) else reply_of(result)
            if not reply.is_problem:  # with ids as the API spells them
                reply = IngestReply(reply.status, msgspec.to_builtins(RecordedDocument.from_reply(reply)))
            replies.append((number, reply))
        if all(reply is problem_documents.UNAVAILABLE for _number, reply in replies):
            raise Problem.from_reply(problem_documents.UNAVAILABLE)
        return HttpResponse(b"".join(reply.line(number) for number, reply in replies), content_type=NDJSON)


def _lines_of(read: FullRead, by: str | None) -> Generator[bytes]:
    """The lines of a full read. Without the last one, if another account's turn has come. Raises NoReadPlace before the first one.

    by: the actor, for the audit; None for HEAD, which answers no registration
    """
    count, last = 0, None
    with READ_PLACES.place(read.account):
        if by is not None:
            read.note(by)
        for chunk in read.chunks():
            yield b"".join(_encode(RegistrationDocument.from_opened(registration)) + b"\n" for registration in chunk)
            count, last = count + len(chunk), str(chunk[-1].id)
            if not read.is_complete and READ_PLACES.is_over(read.account):
                return
        yield _encode(ReadEnd(count=count, last=last)) + b"\n"


ROUTES: Final = [
    path("registrations.ndjson", RegistrationLines.as_view()),
]
