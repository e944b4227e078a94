"""The gaps of the ledger: registrations that are not as they should be, each with its reason (S9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from heliograph.domain.source.call_documents import CallProblem, MappedRegistration, sent_modified
from heliograph.domain.source.call_mapping import CODE, EVENT, MODIFIED, CallMapping
from heliograph.domain.source.ledger_rules import Compared, Refusal, Verdict, gap_of
from heliograph.recording.source_calls import mapped_call, read_problems, refused_numbers
from heliograph.store.ledger_reads import KnownRegistration, ListedGap, UnrecordedCall
from heliograph.store.refused_rows import WHOLE_FILE, WaitingRow


@dataclass(frozen=True, slots=True)
class PlaceInFile:
    """Where a row of a watched folder stands."""

    file: str
    """The file's name as pages show it."""
    line: int
    """WHOLE_FILE: the file could not be imported."""
    kept_as: str
    """The file's name in *done* or *failed*."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A registration that is not as it should be, or a message that is not delivered."""

    key: str
    """Names the gap in requests: `i12.0` an item's registration, `c34.1` a call's, `f90` a row of a file, `a56` a message, `r78` a run."""
    verdict: Verdict
    event: str
    """The code of the event; "" if it cannot be read."""
    code: str
    """The code of the registration; "" if it cannot be read."""
    source: int | None = None
    """None for a message."""
    item: int | None = None
    item_key: str = ""
    """The key of the item at the source."""
    call: int | None = None
    """The call with it, which waits or is stored."""
    place_in_file: PlaceInFile | None = None
    """Where the refused row of a watched folder stands."""
    at: int | None = None
    """When that call came, the row was refused, or the message was made."""
    registration: int | None = None
    event_id: int | None = None
    problems: tuple[CallProblem, ...] = ()
    theirs: int | None = None
    ours: int | None = None
    misses: int = 0
    flow: int | None = None
    message: str = ""
    """Why the message waits or failed."""

    @property
    def is_of_row(self) -> bool:
        """A single row of a file was refused."""
        return self.place_in_file is not None and self.place_in_file.line != WHOLE_FILE

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Its place in a list of gaps, which no other gap has: by source, those of items first."""
        first, _, second = self.key[1:].partition(".")
        kinds = "icfar"
        return self.source or 2**62, kinds.index(self.key[0]), int(first), int(second or 0)


@dataclass(frozen=True, slots=True)
class UnrecordedRegistration:
    """A registration of a call that waits or is stored, or the whole call; or a row of a file that was refused, or the whole file."""

    key: str
    event: str
    code: str
    refusal: Refusal
    place_in_file: PlaceInFile | None = None


def unrecorded_in(mapping: CallMapping, call: UnrecordedCall, most: int) -> list[UnrecordedRegistration]:
    """The registrations of a call that were not recorded, by today's mapping: of one that waits those that were refused, of a stored one all.
    A call that cannot be read is one without a code."""
    stored, problems = call.stored, read_problems(call.problem)
    mapped = mapped_call(mapping, stored)
    if call.is_stored:
        problems = list(mapped.call_problems)
        numbers = {each.number for each in mapped.registrations}
        if not numbers and not problems:
            return []
    else:
        numbers = set(refused_numbers(call.problem))
    if not numbers or most <= 0:
        whole = Refusal(stored.id, stored.at, None, tuple(problems), call.is_stored)
        return [UnrecordedRegistration(f"c{stored.id}.0", "", "", whole)]
    arrives = mapping.row_of(MODIFIED) is None
    by_number: dict[int, MappedRegistration] = {each.number: each for each in mapped.registrations}
    rows = []
    for number in sorted(numbers)[:most]:
        document = by_number[number].document if number in by_number else {}
        sent = stored.at if arrives else sent_modified(document)
        reasons = tuple(problem for problem in problems if problem.number == number) or tuple(problems[:1])
        event, code = (str(document.get(name) or "") for name in (EVENT, CODE))
        refusal = Refusal(stored.id, stored.at, sent, reasons, call.is_stored)
        rows.append(UnrecordedRegistration(f"c{stored.id}.{number}", event, code if event else "", refusal))
    return rows


def refused_in_file(row: WaitingRow) -> UnrecordedRegistration:
    """A row of a watched folder that was refused."""
    has_time = row.sent_modified is not None
    refusal = Refusal(None, row.at, row.sent_modified if has_time else row.at, tuple(read_problems(row.problem)), has_time=has_time)
    return UnrecordedRegistration(f"f{row.id}", *row.address, refusal, PlaceInFile(row.file, row.line, row.kept_as))


def unrecorded_gap(
    source: int, unrecorded: UnrecordedRegistration, registration: KnownRegistration | None, erased: Collection[tuple[str, str]]
) -> Gap | None:
    """The gap of a registration of a call, or of a row of a file, that no item names as one."""
    refusal = unrecorded.refusal
    ours = None if registration is None else registration.ours
    if registration is not None and not refusal.has_time:
        ours = max(ours or 0, registration.changed)
    compared = Compared(
        is_there=True,
        is_here=registration is not None,
        is_active=registration is not None and registration.is_active,
        ours=ours,
        is_erased=(unrecorded.event, unrecorded.code) in erased,
    )
    verdict = gap_of(compared, refusal)
    if verdict is None:
        return None
    return Gap(
        unrecorded.key,
        verdict,
        unrecorded.event,
        unrecorded.code,
        source,
        call=refusal.call,
        place_in_file=unrecorded.place_in_file,
        at=refusal.at,
        registration=None if registration is None else registration.id,
        problems=refusal.problems,
        theirs=refusal.sent if refusal.has_time else None,
        ours=None if registration is None else registration.ours,
    )


def listed_gap(
    row: ListedGap,
    unrecorded: Mapping[tuple[str, str], UnrecordedRegistration],
    *,
    has_more_stored: bool,
    erased: Collection[tuple[str, str]],
) -> Gap | None:
    """The gap of a registration that an item names."""
    call = unrecorded.get((row.event, row.code))
    compared = Compared(
        is_there=not row.is_deleted and not row.misses,
        is_deleted=row.is_deleted,
        theirs=row.theirs,
        is_here=row.registration is not None,
        is_active=row.is_active,
        ours=row.ours,
        is_erased=(row.event, row.code) in erased,
    )
    verdict = gap_of(compared, call.refusal if call else None, has_more_stored=has_more_stored)
    if verdict is None:
        return None
    return Gap(
        f"i{row.item}.{row.number}",
        verdict,
        row.event,
        row.code,
        row.source,
        item=row.item,
        item_key=row.key,
        call=call.refusal.call if call else None,
        at=call.refusal.at if call else None,
        registration=row.registration,
        event_id=row.event_id,
        problems=call.refusal.problems if call else (),
        theirs=row.theirs,
        ours=row.ours,
        misses=row.misses,
    )
