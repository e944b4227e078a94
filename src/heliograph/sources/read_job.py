"""The job that reads a source: one row for each source, which waits again whenever the source is due (S3; ARCHITECTURE.md, rule 6).

    read     ONE request, outside of any transaction
    write    what is new of the page as a call, what is known of its items, and the progress, in one transaction

`recording.source_calls` records the stored calls. The job keeps the rate of the list, and pauses for live traffic by `jobs.pace`.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Final

from django.db import connections

from heliograph.domain.errors import HeliographError
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.sentence_template import Sentence, gettext_noop, with_sentence
from heliograph.domain.source.doorbell import COALESCE, MOST_SINGLE
from heliograph.domain.source.key_sweep import ItemAnswer, item_answer, must_ask, sweeps_needed
from heliograph.domain.source.list_page import KEYLESS, ListItem, ListPage, UnreadablePage, new_items, read_item, read_page
from heliograph.domain.source.platforms import PLATFORMS
from heliograph.domain.source.read_failure import request_interval, wait_after
from heliograph.domain.source.read_progress import Reading, after_page, restarted
from heliograph.domain.source.rest_list import MINUTE, Paging, RestList
from heliograph.domain.source.source_progress import ReadStep, SourceProgress
from heliograph.domain.source.source_times import SECOND
from heliograph.jobs.models import Job
from heliograph.jobs.pace import Pace
from heliograph.jobs.registry import ChunkResult, JobKind
from heliograph.outbound.sender import Sender
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.sources.item_documents import deletion_documents, item_documents, read_became, read_mapping, recordable_items
from heliograph.sources.list_request import ListAnswer, ListRequester, ReadFailure, description_of
from heliograph.store import source_reads, source_rings
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.source_reads import DELETED_THERE, MissingItem, ReadSource
from heliograph.store.source_rings import Ring

KIND: Final = "read source"
LONGEST_PAUSE: Final = 15.0
"""Seconds that the job waits for its next request by itself. For a longer wait it ends, and begins again when the source is due."""
MOST_DELETIONS: Final = 50
"""Items that are set inactive in one transaction."""
ONCE_RECORDED: Final = 30 * SECOND
"""After it the job looks again whether the calls of the source are recorded: a deletion comes after everything that was read before it."""


def kind(sender: Sender | None = None) -> JobKind:
    """The kind of job, for wiring. sender: another than the process's"""
    return JobKind(KIND, lambda job: SourceReader(job, sender))


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one request brought."""

    source: ReadSource | None
    """The source as it was before the request; None if it is not on."""
    step: ReadStep = ReadStep.WAIT
    progress: SourceProgress = field(default_factory=SourceProgress)
    reading: Reading = field(default_factory=Reading)
    page: ListPage | None = None
    is_restart: bool = False
    """The server no longer knows the cursor or link of the page."""
    missing: tuple[MissingItem, ...] = ()
    """Items that are missing: one about which the platform was asked, or several about which nobody needs to ask."""
    answer: ItemAnswer = ItemAnswer.UNKNOWN
    ring: Ring | None = None
    """The item that a doorbell named."""
    failure: ReadFailure | None = None
    began: int = 0
    """Our time before the request."""


class SourceReader:
    """One run of the job, for as long as the source is due. Its cursor holds nothing: where reading stands is in the source's row."""

    def __init__(self, job: Job, sender: Sender | None = None) -> None:
        self._source, self._done, self._sender = int(job.parameters["source"]), job.done, sender
        self._pace = Pace()
        self._pause = threading.Event()  # never set: used only to wait
        self._next_at = 0.0  # the monotonic time of the next request
        self._requester: tuple[str, int, ListRequester] | None = None

    # --- reading

    def read(self) -> Chunk:
        """One request, when the rate allows it."""
        self._pause.wait(max(0.0, min(self._next_at - time.monotonic(), LONGEST_PAUSE)))
        db = of_django(connections["default"])
        now = db.now()
        source = source_reads.read_source_to_read(db, self._source)
        if source is None:
            return Chunk(None)
        progress = SourceProgress.from_body(_json(source.cursor))
        try:
            description = description_of(source.settings)
            rung = self._rung(db, source, now)
            step = progress.next_step(description, now, source.due_at, len(rung))
            self._next_at = time.monotonic() + request_interval(description.rate, is_backfill=not progress.is_filled) / SECOND
            if step is ReadStep.WAIT:
                return Chunk(source, step, progress, began=now)
            requester = self._requester_of(source, description)
            if step is ReadStep.ITEM:
                return self._read_item(source, description, progress, rung[0], requester, now)
            if step is ReadStep.DELETION:
                return self._check_deletion(db, source, description, progress, requester, now)
            return self._read_page(source, description, progress, step, requester, now)
        except HeliographError as error:
            return Chunk(source, ReadStep.PAGE, progress, failure=ReadFailure(error.sentence), began=now)

    @staticmethod
    def _rung(db: Database, source: ReadSource, now: int) -> list[Ring]:
        """What doorbells announced. While the platform cannot be read they wait: the reading that can be has it all."""
        return [] if source.failures else source_rings.rings(db, source.id, now - COALESCE, MOST_SINGLE + 1)

    def _requester_of(self, source: ReadSource, description: RestList) -> ListRequester:
        if self._requester is None or self._requester[:2] != (source.settings, source.version):
            self._requester = source.settings, source.version, ListRequester(source.account, description, self._sender)
        return self._requester[2]

    def _read_page(
        self, source: ReadSource, description: RestList, progress: SourceProgress, step: ReadStep, requester: ListRequester, now: int
    ) -> Chunk:
        progress, reading = progress.begun(description, step, now)
        chunk = Chunk(source, step, progress, reading, began=now)
        answer = requester.get(description.url(reading.since, reading.place))
        if isinstance(answer, ListAnswer) and answer.status >= 400 and not reading.place.is_first:
            if description.paging in (Paging.NUMBER, Paging.OFFSET):  # a page after the last one
                return replace(chunk, page=ListPage((), None, None))
            return replace(chunk, is_restart=True)
        if isinstance(answer, ListAnswer) and answer.status == 404 and description.is_empty_404:
            return replace(chunk, page=ListPage((), None, None))
        if isinstance(answer, ListAnswer) and answer.status >= 400:
            return replace(
                chunk, failure=ReadFailure(Sentence("This address has no list (%(status)d).", status=answer.status), answer.status)
            )
        if isinstance(answer, ReadFailure):
            if answer.status == 400 and description.paging in (Paging.CURSOR, Paging.LINK) and not reading.place.is_first:
                return replace(chunk, is_restart=True)
            return replace(chunk, failure=answer)
        try:
            return replace(chunk, page=read_page(description, answer.json, answer.headers, reading.place))
        except UnreadablePage as error:
            return replace(chunk, failure=ReadFailure(error.sentence, answer.status))

    def _read_item(
        self, source: ReadSource, description: RestList, progress: SourceProgress, ring: Ring, requester: ListRequester, now: int
    ) -> Chunk:
        """Asks for the item that a doorbell named."""
        chunk = Chunk(source, ReadStep.ITEM, progress, ring=ring, began=now)
        answer = requester.get(description.item_url(ring.key))
        if isinstance(answer, ReadFailure):
            return replace(chunk, failure=answer)
        if answer.status >= 400:
            return replace(chunk, answer=ItemAnswer.GONE)
        try:
            item = read_item(description, answer.json)
        except UnreadablePage as error:
            return replace(chunk, failure=ReadFailure(error.sentence, answer.status))
        if item.key.startswith(KEYLESS):
            return replace(
                chunk, failure=ReadFailure(gettext_noop("The answer for a single item is not an item of the list."), answer.status)
            )
        return replace(chunk, page=ListPage((item,), None, None))

    def _check_deletion(
        self, db: Database, source: ReadSource, description: RestList, progress: SourceProgress, requester: ListRequester, now: int
    ) -> Chunk:
        """Asks for one item that is missing."""
        chunk = Chunk(source, ReadStep.DELETION, progress, began=now)
        needed = DELETED_THERE if progress.missing else sweeps_needed(description)  # a person is asked about the others
        items = source_reads.missing_items(db, source.id, needed, MOST_DELETIONS)
        if not items:
            return chunk
        certain = tuple(takewhile(lambda item: item.missing >= DELETED_THERE or not description.item_address, items))
        if certain:
            self._next_at = 0.0  # there is no request
            return replace(chunk, missing=certain, answer=ItemAnswer.GONE)
        answer = requester.get(description.item_url(items[0].key))
        says = item_answer(answer.status)
        if says is ItemAnswer.UNKNOWN:
            failure = (
                answer
                if isinstance(answer, ReadFailure)
                else ReadFailure(Sentence("The server answered %(status)d.", status=answer.status), answer.status)
            )
            return replace(chunk, failure=failure)
        return replace(chunk, missing=(items[0],), answer=says)

    # --- writing

    def write(self, db: Database, chunk: Chunk) -> ChunkResult:
        """Stores what the request brought, with the progress."""
        self._pace.began()
        began = time.monotonic()
        source = None if chunk.source is None else source_reads.read_source_to_read(db, self._source, lock=True)
        if source is None:  # paused, removed
            return self._result(finished=True)
        if chunk.source is None or source.version != chunk.source.version or source.cursor != chunk.source.cursor:
            return self._result(finished=False)  # saved meanwhile, or a person answered: the page is asked for anew
        now = db.now()
        if chunk.failure is not None:
            due = now + wait_after(source.failures + 1, retry_after=chunk.failure.retry_after, jitter=random.uniform(-1, 1))  # noqa: S311
            if source.is_asked_since(chunk.began) and not chunk.failure.retry_after:
                due = now
            source_reads.save_failure(
                db, source.id, json.dumps({"status": chunk.failure.status, **with_sentence("words", chunk.failure.message)}), due, now
            )
            return self._result(finished=True)
        match chunk.step:
            case ReadStep.WAIT:
                return self._result(finished=True)
            case ReadStep.DELETION:
                finished = self._write_deletion(db, source, chunk, now)
            case ReadStep.ITEM if chunk.ring is not None:
                finished = self._write_item(db, source, chunk, chunk.ring, now)
            case _:
                finished = self._write_page(db, source, chunk, now)
        self._next_at = max(self._next_at, time.monotonic() + self._pace.pause(time.monotonic() - began))
        if not finished and self._next_at - time.monotonic() > LONGEST_PAUSE:
            source_reads.postpone(db, source.id, now + round((self._next_at - time.monotonic()) * SECOND))
            finished = True
        return self._result(finished=finished)

    def _write_page(self, db: Database, source: ReadSource, chunk: Chunk, now: int) -> bool:
        description = description_of(source.settings)
        if chunk.page is None:
            progress = chunk.progress.after(description, chunk.step, restarted(chunk.reading), 0, now)
            source_reads.save_progress(db, source.id, json.dumps(progress.to_body()), source.due_at, now)
            return False
        items = chunk.page.items
        known = source_reads.known_digests(db, source.id, sorted({item.key for item in items}))
        news = [item for item in new_items(items, known) if item.key in known or not item.is_deleted]
        news = recordable_items(db, source.account, read_mapping(source.mapping), news)
        reading = after_page(description, chunk.reading, chunk.page, {item.key for item in news}, chunk.began)
        place = {
            "from": None if chunk.reading.since is None else description.since_text(chunk.reading.since),
            "page": chunk.reading.place.page + 1,
        }
        self._store_page(db, source, chunk, news, place, now)
        progress = chunk.progress.after(description, chunk.step, reading, len(news), now)
        is_sweep = chunk.step is ReadStep.SWEEP or (description.sweep and not description.takes_since)
        news_keys = {item.key for item in news}
        seen = [item for item in new_items(items, {}) if item.key in known or item.key in news_keys] if is_sweep else news
        unannounced = self._count_changes(db, source, chunk, news)
        has_lost = self._save_items(db, source, seen, unannounced, progress.sweeps, now)
        progress = replace(progress, is_removing=progress.is_removing or has_lost)
        if any(item.is_deleted for item in news):
            progress = replace(progress, is_removing=True)
        if is_sweep and reading.is_over:
            progress = self._judged(db, source, description, progress)
        due = source.due_at
        if chunk.step is ReadStep.PAGE and reading.is_over:
            due = now if source.is_asked_since(progress.began) else now + description.every * MINUTE
            source_rings.settle_rings(db, source.id, progress.began)
        source_reads.save_progress(db, source.id, json.dumps(progress.to_body()), due, now)
        self._done += len(news)
        return progress.next_step(description, now, due) is ReadStep.WAIT

    def _write_item(self, db: Database, source: ReadSource, chunk: Chunk, ring: Ring, now: int) -> bool:
        description, progress = description_of(source.settings), chunk.progress
        if chunk.page is None:  # deleted there: one more request makes sure of it
            is_known = source_reads.note_missing(db, source.id, ring.key, sweeps_needed(description))
            progress = replace(progress, is_removing=progress.is_removing or is_known)
        else:
            items = chunk.page.items
            known = source_reads.known_digests(db, source.id, [item.key for item in items])
            news = new_items(items, known)
            self._store_page(db, source, chunk, news, {"item": ring.key}, now)
            self._count_changes(db, source, chunk, news)
            has_lost = self._save_items(db, source, news, (), progress.sweeps, now)
            progress = replace(progress, passed=progress.passed + len(news), is_removing=progress.is_removing or has_lost)
            self._done += len(news)
        source_rings.settle_ring(db, source.id, ring)
        source_reads.save_progress(db, source.id, json.dumps(progress.to_body()), source.due_at, now)
        return False

    def _store_page(
        self, db: Database, source: ReadSource, chunk: Chunk, news: Sequence[ListItem], place: dict[str, Any], now: int
    ) -> None:
        """Stores what is new, as it came. place: what was asked for"""
        there = [item.value for item in news if not item.is_deleted]
        if there:
            call = source_reads.store_page(db, source, _body(there), json.dumps(place), now)
            if not chunk.progress.is_filled:
                source_reads.stay_quiet(db, source.id, call)

    def _count_changes(self, db: Database, source: ReadSource, chunk: Chunk, news: Sequence[ListItem]) -> set[str]:
        """Counts which changes were announced. Returns the keys of the others. A sweep finds what platforms announce by design to nobody."""
        platform = PLATFORMS.get(source.platform)
        if platform is None or not platform.has_doorbell or not chunk.progress.is_filled or chunk.step is ReadStep.SWEEP:
            return set()
        keys = {item.key for item in news}
        announced = keys if chunk.step is ReadStep.ITEM else source_rings.rung_keys(db, source.id, keys)
        source_rings.count_changes(db, source.account, source.id, announced=len(announced), unannounced=len(keys - announced))
        return keys - announced

    def _save_items(
        self, db: Database, source: ReadSource, items: Sequence[ListItem], unannounced: Collection[str], sweep: int, now: int
    ) -> bool:
        """Notes what is known of items. Returns whether something that one of them had is gone from it."""
        keys = sorted({item.key for item in items})
        stored = source_reads.stored_documents(db, source.id, keys)
        documents = item_documents(read_mapping(source.mapping), items, stored, unannounced, now)
        if documents.regained:
            source_reads.drop_items(db, source.id, documents.regained)
        source_reads.save_items(db, source, documents.rows, sweep)
        return documents.has_lost

    def _judged(self, db: Database, source: ReadSource, description: RestList, progress: SourceProgress) -> SourceProgress:
        """The progress after a sweep: missing keys are made sure of, or a person is asked."""
        missing, known = source_reads.count_missing(db, source.id, progress.sweeps, sweeps_needed(description))
        if must_ask(missing, known):
            return replace(progress, missing=missing, known=known)
        return replace(progress, missing=0, known=0, is_removing=progress.is_removing or missing > 0)

    def _write_deletion(self, db: Database, source: ReadSource, chunk: Chunk, now: int) -> bool:
        description, progress = description_of(source.settings), chunk.progress
        due = source.due_at
        ids = [item.id for item in chunk.missing]
        if not ids:
            progress = replace(progress, is_removing=False)
        elif chunk.answer is ItemAnswer.THERE:
            source_reads.settle_missing(db, ids, gone=False)
        elif source_reads.has_stored_calls(db, source.id):
            source_reads.postpone(db, source.id, min(due, now + ONCE_RECORDED))
            return True
        else:
            self._record_deletions(db, source, chunk.missing, now)
            source_reads.settle_missing(db, ids, gone=True)
        source_reads.save_progress(db, source.id, json.dumps(progress.to_body()), due, now)
        return progress.next_step(description, now, due) is ReadStep.WAIT

    def _record_deletions(self, db: Database, source: ReadSource, items: Sequence[MissingItem], now: int) -> None:
        """The last document of each of the items' registrations: not active any more."""
        by_item = [deletion_documents([*read_became(item.documents), *read_became(item.sessions)]) for item in items]
        documents = [document for of_item in by_item for document in of_item]
        results = record(db, [RecordItem(source.account, document, by=f"source:{source.id}") for document in documents], Committed(db))
        changed = sum(result.outcome in (ItemOutcome.CREATED, ItemOutcome.UPDATED) for result in results)
        refused = sum(not result.is_recorded for result in results)
        body = _body([{"key": item.key, "deleted": True, "documents": of_item} for item, of_item in zip(items, by_item, strict=True)])
        source_reads.store_deletions(db, source, body, (len(documents), changed, refused), now)

    def _result(self, *, finished: bool) -> ChunkResult:
        return ChunkResult({}, self._done, finished=finished)

    def close(self) -> None:
        """Does nothing: nothing is open."""


def _body(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _json(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {}
