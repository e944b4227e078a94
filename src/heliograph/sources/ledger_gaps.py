"""The gaps of the ledger: registrations that are not as they should be, each with its reason (S9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from heliograph.domain.source.call_documents import CallProblem, MappedRegistration, sent_modified
from heliograph.domain.source.call_mapping import CODE, EVENT, MODIFIED, CallMapping
from heliograph.domain.source.ledger_rules import Compared, Refusal, Verdict, gap_of
from heliograph.recording.source_calls import mapped_call, read_problems, refused_numbers
from heliograph.store.ledger_reads import KnownRegistration, ListedGap, UnrecordedCall


@dataclass(frozen=True, slots=True)
class Gap:
    """A registration that is not as it should be, or a message that is not delivered."""

    key: str
    """Names the gap in requests: `i12.0` an item's registration, `c34.1` a call's, `a56` a message, `r78` a run."""
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
    at: int | None = None
    """When that call came, or the message was made."""
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
    def place(self) -> tuple[int, int, int, int]:
        """Its place in a list of gaps, which no other gap has: by source, those of items first."""
        first, _, second = self.key[1:].partition(".")
        kinds = "icar"
        return self.source or 2**62, kinds.index(self.key[0]), int(first), int(second or 0)


@dataclass(frozen=True, slots=True)
class UnrecordedRegistration:
    """A registration of a call that waits or is stored, or the whole call."""

    key: str
    event: str
    code: str
    refusal: Refusal


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


def unrecorded_gap(
    source: int, unrecorded: UnrecordedRegistration, registration: KnownRegistration | None, erased: Collection[tuple[str, str]]
) -> Gap | None:
    """The gap of a registration of a call that no item names as one."""
    compared = Compared(
        is_there=True,
        is_here=registration is not None,
        is_active=registration is not None and registration.is_active,
        ours=None if registration is None else registration.ours,
        is_erased=(unrecorded.event, unrecorded.code) in erased,
    )
    refusal = unrecorded.refusal
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
        at=refusal.at,
        registration=None if registration is None else registration.id,
        problems=refusal.problems,
        theirs=refusal.sent,
        ours=compared.ours,
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
