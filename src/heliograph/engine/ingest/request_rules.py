"""The rules for requests to /ingest, for both doors: the fast one and the pages' port (I2, I3; docs/reference/ingest.md).

    head → sender → kind and size → body → documents → the batch writer → replies

No I/O here: a door reads and writes, these rules decide.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.domain.registration.document_values import DocumentProblem, DocumentRefused
from heliograph.engine.ingest import problem_documents
from heliograph.engine.ingest.problem_documents import IngestReply
from heliograph.recording.items import MAX_KEY, RecordItem
from heliograph.recording.json_documents import NoDocument, read_document
from heliograph.store.token_check import ApiGrant

PATH: Final = "/ingest/registrations"
SCOPE: Final = "ingest"
LARGEST_ONE: Final = 1024 * 1024
LARGEST_MANY: Final = 32 * 1024 * 1024
"""Bytes of a body with one document or many. A line of many is a document too."""
MOST_LINES: Final = 10_000
CHUNK: Final = 200
"""Lines of one request that are recorded together."""
MOST_BODY_BYTES: Final = 64 * 1024 * 1024
"""Limit on the bytes of bodies that a process holds at one time."""
BODY_WITHIN: Final = 30.0
REPLY_WITHIN: Final = 30.0
"""Seconds: for a body to arrive, and for its commit."""
SLOWEST: Final = 64 * 1024
"""Bytes a second: a large body gets the extra time it needs at this rate."""

_ONE: Final = frozenset({"application/json"})
_MANY: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})


@dataclass(frozen=True, slots=True)
class IngestHead:
    """The parts of a request's head that matter here. The door has refused heads that contain one of them twice (`domain.http_request`)."""

    method: str
    path: str
    token: str = ""
    content_type: str = ""
    encoding: str = ""
    length: str = ""
    key: str | None = None
    trace: str = ""
    """The traceparent of the door's own span; "" without traces."""


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A body to read. length: None if it is not known in advance."""

    many: bool
    length: int | None

    @property
    def largest(self) -> int:
        return LARGEST_MANY if self.many else LARGEST_ONE


def head_of(method: str, path: str, headers: Iterable[tuple[bytes, bytes]]) -> IngestHead:
    """Reads ASGI's headers: lower-case names."""
    token = content_type = encoding = length = ""
    key = None
    for name, value in headers:
        if name == b"authorization":
            token = bearer(value.decode("latin-1"))
        elif name == b"idempotency-key":
            key = value.decode("latin-1")
        elif name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"content-encoding":
            encoding = value.decode("latin-1")
        elif name == b"content-length":
            length = value.decode("latin-1")
    return IngestHead(method, path, token, content_type, encoding, length, key)


def bearer(authorization: str) -> str:
    """The token of an Authorization header; empty if there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def place(head: IngestHead) -> IngestReply | None:
    """The reply that refuses another path or method; None if the request is for /ingest."""
    if head.path != PATH:
        return problem_documents.NOT_FOUND
    return None if head.method == "POST" else problem_documents.WRONG_METHOD


def body_to_read(head: IngestHead, grant: ApiGrant) -> IngestRequest | IngestReply:
    """The body to read, or the reply that refuses it."""
    if SCOPE not in grant.scopes:
        return problem_documents.NOT_ALLOWED
    kind = head.content_type.partition(";")[0].strip().lower()
    if (kind not in _ONE and kind not in _MANY) or head.encoding.strip().lower() not in ("", "identity"):
        return problem_documents.WRONG_TYPE
    if head.key is not None and (not head.key or len(head.key) > MAX_KEY or not head.key.isprintable()):
        return problem_documents.refused([DocumentProblem("Idempotency-Key", f"must be 1 to {MAX_KEY} printable characters.")])
    length = None
    if head.length:
        if not (head.length.isascii() and head.length.isdigit() and len(head.length) < 18):
            return problem_documents.NO_LENGTH
        length = int(head.length)
    request = IngestRequest(kind in _MANY, length)
    return problem_documents.too_large(request.largest) if length is not None and length > request.largest else request


def item_of(data: bytes, grant: ApiGrant, key: str | None, trace: str = "") -> RecordItem | IngestReply:
    """The document of a body, ready to be recorded, or why it is refused. trace: the traceparent of its request's span."""
    try:
        return RecordItem(grant.account, read_document(data), grant.actor, key=key, trace=trace)
    except DocumentRefused as refused:
        return problem_documents.refused(refused.problems)
    except NoDocument as error:
        return problem_documents.problem(400, "json", str(error))


@dataclass(frozen=True, slots=True)
class LineChunk:
    """Lines to record together."""

    numbers: Sequence[int]
    """The numbers of all lines, also of those that are refused."""
    items: Sequence[RecordItem]
    refused: dict[int, IngestReply]
    """The replies to lines that are not recorded, by line number."""
    size: int
    """Bytes of the lines to record."""

    def replies(self, recorded: Sequence[IngestReply]) -> Iterator[tuple[int, IngestReply]]:
        """The replies, line by line."""
        recorded_replies = iter(recorded)
        for number in self.numbers:
            yield number, self.refused.get(number) or next(recorded_replies)


def chunks_of(body: bytes, grant: ApiGrant, key: str | None, trace: str = "") -> Iterator[LineChunk]:
    """Splits a body into chunks of documents, one document a line, without empty lines. The key of a line is `key:line`, counted from 1."""
    numbers: list[int] = []
    items: list[RecordItem] = []
    refused: dict[int, IngestReply] = {}
    size = start = number = 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        line, start, number = body[start:end].strip(b" \t\r"), end + 1, number + 1
        if not line:
            continue
        numbers.append(number)
        item = (
            item_of(line, grant, None if key is None else f"{key}:{number}", trace)
            if len(line) <= LARGEST_ONE
            else problem_documents.too_large(LARGEST_ONE, "line")
        )
        if isinstance(item, RecordItem):
            items.append(item)
            size += len(line)
        else:
            refused[number] = item
        if len(numbers) == CHUNK:
            yield LineChunk(numbers, items, refused, size)
            numbers, items, refused, size = [], [], {}, 0
    if numbers:
        yield LineChunk(numbers, items, refused, size)


def has_too_many_lines(body: bytes) -> bool:
    """Checks the number of lines before anything is recorded."""
    return body.count(b"\n") + (not body.endswith(b"\n")) > MOST_LINES


def body_within(size: int) -> float:
    """Seconds from the start of a body within which more must arrive, given the bytes so far."""
    return BODY_WITHIN + size / SLOWEST


class BodyBudget:
    """Limits the bytes of bodies that this process reads or records at a time, so that large ones do not fill its memory.

    An account gets at most half of the budget, so it cannot keep others out (D9).
    """

    def __init__(self, most: int = MOST_BODY_BYTES) -> None:
        self._most, self._share = most, most // 2
        self._bytes = 0
        self._bytes_by_account: dict[int, int] = {}
        self._lock = threading.Lock()

    def take(self, account: int, size: int) -> bool:
        """Reserves this many bytes; False if they exceed the budget."""
        with self._lock:
            account_bytes = self._bytes_by_account.get(account, 0) + size
            if self._bytes + size > self._most or account_bytes > self._share:
                return False
            self._bytes += size
            self._bytes_by_account[account] = account_bytes
            return True

    def give_back(self, account: int, size: int) -> None:
        with self._lock:
            self._bytes -= size
            account_bytes = self._bytes_by_account.pop(account, 0) - size
            if account_bytes > 0:
                self._bytes_by_account[account] = account_bytes
