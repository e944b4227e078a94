"""Records the stored calls and pages of a source (S2; docs/design/sources.md, section 1).

    read the next calls → map → ONE transaction: lock the source → record() → mark the calls → commit

A first try, a second one by a corrected mapping, and a test are this one path. A kill anywhere repeats a batch or nothing. Calls of which one
breaks the transaction are halved, so that it does not fail its neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import structlog

from heliograph import failpoints
from heliograph.domain.mapping.row import MappingError
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.sentence_template import Sentence, gettext_noop
from heliograph.domain.snapshot import ConfigProvider
from heliograph.domain.source.call_body import NoCallBody, read_call_body
from heliograph.domain.source.call_documents import MAX_REGISTRATIONS, CallProblem, MappedCall, documents_of
from heliograph.domain.source.call_mapping import EVENT, MODIFIED, CallMapping
from heliograph.domain.source.doorbell import named_key
from heliograph.domain.source.platforms import PLATFORMS
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.recording.batches import LONGEST_MS, TRIES, record_batch
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import OVERTAKEN_AT_MOST, Overtaken, record
from heliograph.store import driver_errors, stored_calls
from heliograph.store.database import Database
from heliograph.store.erasures import propose
from heliograph.store.instants import from_micros
from heliograph.store.source_rings import note_rings
from heliograph.store.stored_calls import CallMark, RecordedSource, StoredCall

log = structlog.get_logger(__name__)

MOST_CALLS: Final = 100
MOST_DOCUMENTS: Final = 300
"""Of one transaction, beyond those of its first call."""
MOST_KEPT: Final = 20
"""Problems of one call that are kept."""
LONGEST_REASON: Final = 300
"""Characters of a reason that is kept."""


class Halt(Enum):
    """Why no more calls of a source are recorded now."""

    DONE = "none is stored"
    BUSY = "another process has the source"
    NOT_ON = "it is removed, a draft or paused"
    UNREADABLE = "its mapping cannot be read"


@dataclass(frozen=True, slots=True)
class Processed:
    """What a batch of calls came to."""

    calls: int = 0
    changed: int = 0
    """Registrations that it made or changed."""
    halt: Halt | None = None
    """None: there may be more."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A stored call, and what the mapping makes of it."""

    stored: StoredCall
    mapped: MappedCall
    items: Sequence[RecordItem]
    rings: str = ""
    """The key of the item that it announces; such a call holds no registrations."""


def process(db: Database, provider: ConfigProvider, source: int, most: int = MOST_CALLS) -> Processed:
    """Records the next calls of a source, in its own transactions. Raises the driver's error if the database itself fails.

    most: calls
    """
    row = stored_calls.read_source(db, source)
    if row is None or row.standing is not SourceState.ON:
        return Processed(halt=Halt.NOT_ON)
    try:
        mapping = CallMapping.from_body(json.loads(row.mapping))
    except (MappingError, ValueError) as error:  # of a newer release
        log.warning("source_mapping_unreadable", account=row.account, source=source, error=str(error)[:200])
        return Processed(halt=Halt.UNREADABLE)
    calls: list[_Call] = []
    for stored in stored_calls.stored_calls(db, source, most):
        call = _mapped(row, mapping, stored)
        if calls and sum(len(each.items) for each in calls) + len(call.items) > MOST_DOCUMENTS:
            break
        calls.append(call)
    if not calls:
        return Processed(halt=Halt.DONE)
    return _recorded(db, provider, row, calls)


def call_json(stored: StoredCall) -> object:
    """The call as decoded JSON. Raises NoCallBody."""
    if stored.body is None:
        raise NoCallBody("It is no longer stored.")
    return read_call_body(stored.body, _content_type(stored.headers))


def _content_type(headers: str) -> str:
    try:
        named = json.loads(headers or "{}")
    except ValueError:
        return ""
    pairs = named.items() if isinstance(named, dict) else ()
    return next((str(value) for name, value in pairs if name.lower() == "content-type"), "")


def mapped_call(mapping: CallMapping, stored: StoredCall, *, first: int = MAX_REGISTRATIONS + 1) -> MappedCall:
    """What a mapping makes of a stored call; a body that is no JSON is a problem of the call. first: as for `documents_of`"""
    try:
        return documents_of(mapping, call_json(stored), first=first)
    except NoCallBody as error:
        cure = gettext_noop("Ask the sender for JSON; correcting the mapping cannot fix it.")
        return MappedCall(call_problems=(CallProblem(_clipped(Sentence("cannot be read: %(error)s", error=error.sentence)), cure=cure),))
    except Exception as error:  # a bug of ours that one call meets: it waits, and the others go on
        log.exception("source_call_not_mapped", call=stored.id, error=type(error).__name__)
        return MappedCall(
            call_problems=(
                CallProblem(gettext_noop("could not be mapped, because of an internal error."), cure=gettext_noop("Try again.")),
            )
        )


def items_of(row: RecordedSource, mapping: CallMapping, stored: StoredCall, mapped: MappedCall) -> list[RecordItem]:
    """The documents of a call, for record().

    Where no field says when a registration was modified, the arrival of the call does: recorded late, it does not undo what came after it. Not so
    for a list that only adds to what another source reads: two sources take turns in any order, and neither makes the other one stale.
    """
    has_time = mapping.row_of(MODIFIED) or mapping.needs_registration
    arrival = {} if has_time else {MODIFIED: from_micros(stored.at).isoformat()}
    quiet = stored.id <= row.quiet_until
    return [RecordItem(row.account, arrival | document, by=f"source:{row.id}", quiet=quiet) for document in mapped.documents]


def _mapped(row: RecordedSource, mapping: CallMapping, stored: StoredCall) -> _Call:
    if stored.is_call and row.platform in PLATFORMS and PLATFORMS[row.platform].has_doorbell:
        return _Call(stored, MappedCall(), (), _announced(row, stored))
    mapped = mapped_call(mapping, stored)
    return _Call(stored, mapped, items_of(row, mapping, stored, mapped))


def _announced(row: RecordedSource, stored: StoredCall) -> str:
    """The key of the item that a doorbell names, "" for none."""
    try:
        return named_key(row.platform, call_json(stored))
    except NoCallBody:
        return ""


# --- recording


def _recorded(db: Database, provider: ConfigProvider, row: RecordedSource, calls: Sequence[_Call]) -> Processed:
    """Records calls, halved if one of them breaks the transaction."""
    left, overtaken = TRIES - 1, 0
    while True:
        try:
            return _record_together(db, provider, row, calls)
        except Overtaken:
            overtaken += 1
            if overtaken == OVERTAKEN_AT_MOST:
                raise
        except driver_errors.lost_races():
            if not left:
                raise
            left -= 1
        except driver_errors.refusals() as error:
            return _halved(db, provider, row, calls, error)
        except driver_errors.all_errors():
            raise
        except Exception as error:  # noqa: BLE001 -- a bug of ours that one call meets: the others go on
            return _halved(db, provider, row, calls, error)


def _record_together(db: Database, provider: ConfigProvider, row: RecordedSource, calls: Sequence[_Call]) -> Processed:
    with db.transaction():
        db.limit_statements(LONGEST_MS)
        if halt := _halt_of(db, row):
            return Processed(halt=halt if halt is not Halt.DONE else None)
        ids = stored_calls.still_stored(db, row.id, [call.stored.id for call in calls])
        calls = [call for call in calls if call.stored.id in ids]
        results = iter(record(db, [item for call in calls for item in call.items], provider, in_savepoint=False))
        by_call = [(call, [next(results) for _ in call.items]) for call in calls]
        marks = [_mark(call, call_results) for call, call_results in by_call]
        stored_calls.note_registrations(
            db, row.account, row.id, [result.registration for _, call_results in by_call for result in call_results]
        )
        note_rings(db, row.account, row.id, {call.rings for call in calls if call.rings})
        propose(db, row.account, [id for call, call_results in by_call for id in _erased_there(call, call_results)], f"source:{row.id}")
        stored_calls.mark_calls(db, marks, row.version, db.now())
        failpoints.reach(failpoints.Instant.CHANGES_WRITTEN)
    failpoints.reach(failpoints.Instant.CHANGES_COMMITTED)
    return Processed(len(marks), sum(mark.changed for mark in marks))


def _halt_of(db: Database, row: RecordedSource) -> Halt | None:
    """Locks the source; Halt.DONE if it was saved after its calls were mapped: they are to be mapped once more."""
    locked = stored_calls.lock_source(db, row.id)
    if locked is None:
        return Halt.BUSY
    if locked.standing is not SourceState.ON:
        return Halt.NOT_ON
    return Halt.DONE if locked != row else None


def _halved(db: Database, provider: ConfigProvider, row: RecordedSource, calls: Sequence[_Call], error: Exception) -> Processed:
    if len(calls) == 1:
        return _record_alone(db, provider, row, calls[0], error)
    middle = len(calls) // 2
    parts = [_recorded(db, provider, row, half) for half in (calls[:middle], calls[middle:])]
    return Processed(sum(part.calls for part in parts), sum(part.changed for part in parts), next((p.halt for p in parts if p.halt), None))


def _record_alone(db: Database, provider: ConfigProvider, row: RecordedSource, call: _Call, error: Exception) -> Processed:
    """Records the registrations of a call that broke its transaction: all but those that cannot be stored, in transactions of their own. Its
    mark follows; killed in between, it is recorded once more, which changes nothing."""
    log.error("source_call_not_recorded", account=row.account, source=row.id, call=call.stored.id, error=type(error).__name__)
    results = record_batch(db, call.items, provider)
    mark = _mark(call, results)
    with db.transaction():
        if halt := _halt_of(db, row):
            return Processed(halt=halt if halt is not Halt.DONE else None)
        stored_calls.note_registrations(db, row.account, row.id, [result.registration for result in results])
        stored_calls.mark_calls(db, [mark], row.version, db.now())
    return Processed(1, mark.changed)


def _erased_there(call: _Call, results: Sequence[ItemResult]) -> list[int]:
    """The registrations of a call whose person the platform has erased, and that were here before."""
    mapped = [each for each in call.mapped.registrations if not each.problems]
    pairs = zip(mapped, results, strict=True)
    return [
        result.registration
        for each, result in pairs
        if each.is_erased and result.registration is not None and result.outcome is not ItemOutcome.CREATED
    ]


def _mark(call: _Call, results: Sequence[ItemResult]) -> CallMark:
    """What became of a call: it waits if anything of it could not be recorded."""
    numbers = [each.number for each in call.mapped.registrations if not each.problems]
    problems = call.mapped.problems
    refused_numbers = {each.number for each in call.mapped.registrations if each.problems}
    for number, result in zip(numbers, results, strict=True):
        if not result.is_recorded:
            refused_numbers.add(number)
            problems += problems_of(result, number)
    documents = len(call.mapped.registrations)
    standing = CallState.WAITING if problems else CallState.RECORDED if documents else CallState.NOTHING
    changed = sum(result.outcome in (ItemOutcome.CREATED, ItemOutcome.UPDATED) for result in results)
    problem = write_problems(problems, refused_numbers) if problems else ""
    return CallMark(call.stored.id, standing, documents, changed, len(refused_numbers), problem)


def problems_of(result: ItemResult, number: int) -> list[CallProblem]:
    """Why record() did not take a registration of a call."""
    if not result.problems:
        return [
            CallProblem(
                gettext_noop("could not be recorded, because of an internal error."), cure=gettext_noop("Try again."), number=number
            )
        ]
    return [
        CallProblem(
            problem.reason,
            problem.field,
            "",
            problem.value,
            _cure_of(problem),
            number,
        )
        for problem in result.problems
    ]


def _cure_of(problem: DocumentProblem) -> str:
    """What to do about a value that record() did not take."""
    known = ", ".join(problem.allowed[:MOST_KEPT])
    if problem.reason.endswith("is not known here."):
        cure = (
            gettext_noop("Create the event, or let the mapping make one that is known of it.")
            if problem.field == EVENT
            else gettext_noop("Add it in Event Setup, or let the mapping make one that is known of it.")
        )
        return Sentence("Known are %(names)s. %(cure)s", names=known, cure=Sentence(cure)) if known else cure
    return (
        Sentence("Known are %(names)s.", names=known)
        if known
        else gettext_noop("Correct the mapping, or ask the sender for another value.")
    )


def _clipped(reason: str) -> str:
    return reason if len(reason) <= LONGEST_REASON else reason[:LONGEST_REASON]


# --- problems as a row keeps them


def write_problems(problems: Sequence[CallProblem], refused: Collection[int] = ()) -> str:
    """Problems as JSON, of many the first.

    refused: the numbers of the registrations that were not recorded, all of them
    """
    body = {"count": len(problems), "problems": [problem.to_body() for problem in problems[:MOST_KEPT]], "refused": sorted(refused)}
    return json.dumps(body, ensure_ascii=False)


def refused_numbers(text: str) -> list[int]:
    """The numbers of the registrations that `write_problems` names as not recorded."""
    try:
        body = json.loads(text or "{}")
        return [number for number in body.get("refused", ()) if isinstance(number, int)]
    except (ValueError, AttributeError, TypeError):
        return []


def read_problems(text: str) -> list[CallProblem]:
    """The problems that `write_problems` wrote; none of what cannot be read."""
    try:
        body = json.loads(text or "{}")
        return [CallProblem.from_body(each) for each in body.get("problems", ()) if isinstance(each, Mapping)]
    except (ValueError, AttributeError):
        return []
