"""Serves /ingest on the pages' port too: the same rules and the same writer, one thread per request (O1: one address serves all)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from heliograph.domain.source.inbound_request import InboundRequest
from heliograph.engine.counters import INBOUND, INGEST, entrance_of
from heliograph.engine.ingest import inbound_rules, problem_documents, request_rules
from heliograph.engine.ingest.batch_queue import WriterBusy
from heliograph.engine.ingest.batch_writer import BatchResult
from heliograph.engine.ingest.inbound_reception import InboundReception, source_of
from heliograph.engine.ingest.inbound_rules import Reply
from heliograph.engine.ingest.problem_documents import IngestReply, reply_of
from heliograph.engine.ingest.reception import Reception
from heliograph.engine.ingest.request_rules import IngestHead, IngestRequest
from heliograph.engine.tracer import TracedSpan, valid
from heliograph.recording.items import RecordItem
from heliograph.store.token_check import ApiGrant

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo


class IngestApplication:
    """Serves requests under /ingest and passes all others to the pages. The server has read the body and checked its length."""

    def __init__(self, pages: WSGIApplication, reception: Reception) -> None:
        self._reception = reception
        self._pages, self._writer, self._tokens, self._body_budget = pages, reception.writer, reception.tokens, reception.body_budget

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        entrance = entrance_of(path)
        if entrance == INBOUND and self._reception.inbound is not None:
            return _send_call_reply(start_response, environ, self._called(self._reception.inbound, environ, path))
        if entrance != INGEST:
            return self._pages(environ, self._counting(path, start_response))
        head = _head(environ, path)
        if self._reception.tracer is not None:
            span = self._reception.tracer.receives(path, valid(environ.get("HTTP_TRACEPARENT", "").strip()))
            head, start_response = replace(head, trace=span.traceparent), _ending(span, start_response)
        address = environ.get("REMOTE_ADDR", "")

        def send(reply: IngestReply) -> Iterable[bytes]:
            self._reception.refused.note(reply, head.token, address)
            return _send(start_response, reply)

        astray = request_rules.place(head)
        if astray is not None:
            return send(astray)
        grant = self._grant(head.token)
        request = grant if isinstance(grant, IngestReply) else request_rules.body_to_read(head, grant)
        if isinstance(grant, IngestReply) or isinstance(request, IngestReply):
            assert isinstance(request, IngestReply)
            if request is problem_documents.NO_TOKEN:
                self._reception.refuse_token(head.token, address)
            return send(request)
        self._writer.note_use(grant.token)
        size = request.length or 0
        if not self._body_budget.take(grant.account, size):
            return send(problem_documents.BUSY)
        parts = self._reply_parts(environ["wsgi.input"].read(size), size, head, grant, request, address)
        first = next(parts)
        if isinstance(first, IngestReply):
            parts.close()
            return send(first)
        start_response("200 OK", [("Content-Type", "application/x-ndjson")])
        return _Lines(first, parts)

    def count_refusal(self, path: str, status: str) -> None:
        """Counts an answer that refuses a request, for /metrics. status: as in an answer, "404 Not Found"."""
        if status[0] in "45":
            self._writer.counters.refused(entrance_of(path), int(status[:3]))

    def _counting(self, path: str, start_response: StartResponse) -> StartResponse:
        def start(status: str, headers: list[tuple[str, str]], error: OptExcInfo | None = None) -> Callable[[bytes], object]:
            self.count_refusal(path, status)
            return start_response(status, headers, error) if error else start_response(status, headers)

        return start

    def admits(
        self, method: str, path: str, headers: Mapping[str, str], address: str = ""
    ) -> IngestReply | Future[IngestReply | None] | None:
        """Decides by its head whether a body is to be read; None: it is. If the sender must be looked up first, the result is a future.
        address: the sender's on the network."""

        def refuse(reply: IngestReply | None) -> IngestReply | None:
            if reply is problem_documents.NO_TOKEN:
                self._reception.refuse_token(head.token, address)
            return reply

        head = _head({f"HTTP_{name}": value for name, value in headers.items()} | {"REQUEST_METHOD": method, **headers}, path)
        astray = request_rules.place(head)
        if astray is not None:
            return astray
        known = self._tokens.known(head.token)
        if known is not None:
            return _refusal(head, known)
        look_up = self._tokens.look_up(head.token) if head.token else None
        if look_up is None:
            return refuse(problem_documents.BUSY if head.token else problem_documents.NO_TOKEN)
        decision: Future[IngestReply | None] = Future()
        look_up.add_done_callback(lambda ended: decision.set_result(refuse(_refusal(head, _grant_of(ended)))))
        return decision

    def _called(self, reception: InboundReception, environ: WSGIEnvironment, path: str) -> Reply:
        """The reply to a call of a source."""
        reply = self._call_reply(reception, environ, path)
        reception.count(reply)
        return reply

    @staticmethod
    def _call_reply(reception: InboundReception, environ: WSGIEnvironment, path: str) -> Reply:
        called = inbound_rules.address_of(path)
        if called is None:
            return inbound_rules.NOTHING_HERE
        known = reception.known(called.source)
        source = source_of(known) if isinstance(known, Future) else known
        if isinstance(source, IngestReply):
            return source
        headers = [(name[5:].lower().replace("_", "-"), str(value)) for name, value in environ.items() if name.startswith("HTTP_")]
        headers += [(name.lower().replace("_", "-"), environ[name]) for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)]
        request = InboundRequest(environ["REQUEST_METHOD"], called.rest, environ.get("QUERY_STRING", ""), headers)
        if refusal := inbound_rules.refusal_of_head(request):
            return refusal
        length = environ.get("CONTENT_LENGTH", "")
        size = int(length) if length else 0  # the server has checked it, and sets it for a chunked body
        if not reception.body_budget.take(source.id, size):
            return inbound_rules.BUSY
        try:
            judged = reception.judge(source, replace(request, body=environ["wsgi.input"].read(size)), environ.get("REMOTE_ADDR", ""))
            return judged.reply if judged.call is None else reception.store(judged.call)
        finally:
            reception.body_budget.give_back(source.id, size)

    def _grant(self, token: str) -> ApiGrant | IngestReply:
        known = self._tokens.known(token)
        if known is not None:
            return known
        look_up = self._tokens.look_up(token) if token else None
        if look_up is None:
            return problem_documents.BUSY if token else problem_documents.NO_TOKEN
        return _grant_of(look_up)

    def _reply_parts(
        self, body: bytes, size: int, head: IngestHead, grant: ApiGrant, request: IngestRequest, address: str
    ) -> Generator[IngestReply | bytes]:
        """One reply, or the lines of many. Gives the body's bytes back to the budget at the end."""
        try:
            if not request.many:
                item = request_rules.item_of(body, grant, head.key, head.trace)
                yield item if isinstance(item, IngestReply) else self._replies([item], len(body))[0]
            elif request_rules.has_too_many_lines(body):
                yield problem_documents.too_large(request_rules.MOST_LINES, "lines")
            else:
                yield from self._many(body, head, grant, address)
        finally:
            self._body_budget.give_back(grant.account, size)

    def _many(self, body: bytes, head: IngestHead, grant: ApiGrant, address: str) -> Iterator[IngestReply | bytes]:
        """If the first chunk cannot be recorded at all, the whole request is refused."""
        started = False
        for chunk in request_rules.chunks_of(body, grant, head.key, head.trace):
            replies = self._replies(chunk.items, chunk.size)
            if not started and replies and all(reply in (problem_documents.BUSY, problem_documents.UNAVAILABLE) for reply in replies):
                yield replies[0]
                return
            started = True
            numbered = list(chunk.replies(replies))
            for _number, reply in numbered:
                self._reception.refused.note(reply, head.token, address)
            yield b"".join(reply.line(number) for number, reply in numbered)
        if not started:
            yield problem_documents.EMPTY

    def _replies(self, items: Sequence[RecordItem], size: int) -> list[IngestReply]:
        if not items:
            return []
        future: Future[Sequence[BatchResult]] = Future()
        try:
            self._writer.submit(items, size, future.set_result)
            return [reply_of(result) for result in future.result(request_rules.REPLY_WITHIN)]
        except WriterBusy:
            return [problem_documents.BUSY] * len(items)
        except TimeoutError:
            return [problem_documents.UNAVAILABLE] * len(items)


class _Lines:
    """The lines of a reply, of which the first have been computed. The server calls `close` even if the sender disconnects."""

    def __init__(self, first: bytes, rest: Generator[IngestReply | bytes]) -> None:
        self._first, self._rest = first, rest

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        for lines in self._rest:
            assert isinstance(lines, bytes)
            yield lines

    def close(self) -> None:
        self._rest.close()


def _grant_of(look_up: Future[ApiGrant | None]) -> ApiGrant | IngestReply:
    try:
        return look_up.result(request_rules.REPLY_WITHIN) or problem_documents.NO_TOKEN
    except (Exception, CancelledError):  # noqa: BLE001 -- logged where it was raised; without the database nobody is let in
        return problem_documents.UNAVAILABLE


def _refusal(head: IngestHead, grant: ApiGrant | IngestReply) -> IngestReply | None:
    body = grant if isinstance(grant, IngestReply) else request_rules.body_to_read(head, grant)
    return body if isinstance(body, IngestReply) else None


def _head(environ: WSGIEnvironment, path: str) -> IngestHead:
    token = request_rules.bearer(environ.get("HTTP_AUTHORIZATION", ""))
    return IngestHead(
        environ["REQUEST_METHOD"],
        path,
        token,
        environ.get("CONTENT_TYPE", ""),
        environ.get("HTTP_CONTENT_ENCODING", ""),
        environ.get("CONTENT_LENGTH", ""),
        environ.get("HTTP_IDEMPOTENCY_KEY"),
    )


def _ending(span: TracedSpan, start_response: StartResponse) -> StartResponse:
    """Ends the span when the response begins."""

    def start(status: str, headers: list[tuple[str, str]], error: OptExcInfo | None = None) -> Callable[[bytes], object]:
        span.end(status=int(status[:3]))
        return start_response(status, headers, error) if error else start_response(status, headers)

    return start


def _send_call_reply(start_response: StartResponse, environ: WSGIEnvironment, reply: Reply) -> Iterable[bytes]:
    parts = _send(start_response, reply)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else parts


def _send(start_response: StartResponse, reply: Reply) -> Iterable[bytes]:
    body = reply.body
    headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(body)))]
    headers += [(name, value) for name, value in reply.headers.items() if name != "Connection"]  # set by the server
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
    return [body]
