"""Records the registration documents that arrive through the API: like those of `/ingest` (I1-I3), but over Django's connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import structlog
from django.db import connection, transaction

from heliograph.domain.errors import HeliographError
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.engine.ingest import request_rules
from heliograph.engine.ingest.batch_queue import Mishap
from heliograph.engine.ingest.batch_writer import BatchResult
from heliograph.engine.ingest.problem_documents import IngestReply
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.json_documents import NoDocument
from heliograph.recording.record import record
from heliograph.registrations.draft import opened_by_id
from heliograph.registrations.imports.chunk_recorder import record_chunk
from heliograph.store.config_cache import Committed
from heliograph.store.django_database import of_django
from heliograph.store.token_check import ApiGrant
from heliograph.web.server_errors import is_database_trouble

log = structlog.get_logger(__name__)

LINES: Final = "api registrations.ndjson"
"""The address under which the keys of lines are stored (I3)."""
ADDRESS: Final = ("event", "code")
"""The members of a document that say which registration it is about."""


class TooManyLines(HeliographError):
    """The request has more lines than are recorded at once."""


def record_document(account: int, document: dict[str, Any], *, by: str) -> ItemResult:
    """Records one document that `read_document` has read, in a transaction of its own or in the caller's."""
    return _record(RecordItem(account, document, by))


def change_registration(account: int, id: int, members: dict[str, Any], *, by: str, expected: int | None = None) -> ItemResult:
    """Records a document for an existing registration. The document need not contain event and code.

    members: of the document, as `read_document` has read them
    expected: the version that the sender has seen; a newer one is a conflict

    Raises NotInAccount.
    """
    with transaction.atomic():
        registration = opened_by_id(of_django(connection), account, id)
        address = {"event": registration.event.code, "code": registration.code}
        problems = tuple(_moves(members, address))
        if problems:
            return ItemResult(ItemOutcome.REFUSED, problems=problems)
        return _record(RecordItem(account, members | address, by, expected=expected))


def _moves(members: Mapping[str, object], address: Mapping[str, str]) -> Iterator[DocumentProblem]:
    """The problems of members that name another registration: its event and its code never change."""
    for name in ADDRESS:
        if members.get(name, address[name]) != address[name]:
            yield DocumentProblem(name, "cannot be changed.", (address[name],))


def _record(item: RecordItem) -> ItemResult:
    with transaction.atomic():
        db = of_django(connection)
        return record(db, [item], Committed(db))[0]


def record_lines(body: bytes, grant: ApiGrant, key: str | None) -> Iterator[tuple[int, IngestReply | BatchResult]]:
    """Records the documents of a body, one a line, each chunk in a transaction of its own. Returns the number of each line and its result.

    key: the Idempotency-Key of the request; each line has a key of its own, as for `/ingest`

    Raises NoDocument, TooManyLines.
    """
    if request_rules.has_too_many_lines(body):
        raise TooManyLines("At most %(most)s lines per request.", most=request_rules.MOST_LINES)
    if not body.strip():
        raise NoDocument("The request contains no document.")
    for chunk in request_rules.chunks_of(body, grant, key):
        results = iter(_record_items(chunk.items))
        for number in chunk.numbers:
            yield number, chunk.refused.get(number) or next(results)


def _record_items(items: Sequence[RecordItem]) -> Sequence[BatchResult]:
    """The results of a chunk. An error of the database, or of ours, is the result of each of its items: none of them was recorded."""
    if not items:
        return []
    try:
        with transaction.atomic():
            return record_chunk(of_django(connection), items, endpoint=LINES)
    except Exception as error:  # noqa: BLE001 -- the chunks before are recorded, and have answers
        is_trouble = is_database_trouble(error)
        log.log(30 if is_trouble else 40, "chunk_not_recorded", error=type(error).__name__, message=str(error)[:200])
        return [Mishap.UNAVAILABLE if is_trouble else Mishap.FAILED] * len(items)
