"""The gaps of the ledger: registrations that are not as they should be, each with its reason (S9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from heliograph.domain.source.call_documents import CallProblem, MappedRegistration, sent_modified
from heliograph.domain.source.call_mapping import CODE, EVENT, MODIFIED, CallMapping
from heliograph.domain.source.ledger_rules import Compared, Refusal, Verdict, gap_of
from heliograph.recording.source_calls import mapped_call, read_problems, refused_numbers
from heliograph.store.ledger_reads import KnownRegistration, ListedGap, WaitingCall


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
    """The call that waits with it."""
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
class RefusedRegistration:
    """A registration of a waiting call, or the whole call."""

    key: str
    event: str
    code: str
    refusal: Refusal


def refused_in(mapping: CallMapping, waiting: WaitingCall, most: int) -> list[RefusedRegistration]:
    """The registrations of a call that could not be recorded, by today's mapping. A call that cannot be read is one without a code."""
    stored, problems = waiting.stored, read_problems(waiting.problem)
    numbers = set(refused_numbers(waiting.problem))
    if not numbers or most <= 0:
        return [RefusedRegistration(f"c{stored.id}.0", "", "", Refusal(stored.id, stored.at, None, tuple(problems)))]
    arrives = mapping.row_of(MODIFIED) is None
    by_number: dict[int, MappedRegistration] = {each.number: each for each in mapped_call(mapping, stored).registrations}
    rows = []
    for number in sorted(numbers)[:most]:
        document = by_number[number].document if number in by_number else {}
        sent = stored.at if arrives else sent_modified(document)
        reasons = tuple(problem for problem in problems if problem.number == number) or tuple(problems[:1])
        event, code = (str(document.get(name) or "") for name in (EVENT, CODE))
        refusal = Refusal(stored.id, stored.at, sent, reasons)
        rows.append(RefusedRegistration(f"c{stored.id}.{number}", event, code if event else "", refusal))
    return rows


def refused_gap(
    source: int, refused: RefusedRegistration, here: KnownRegistration | None, erased: Collection[tuple[str, str]]
) -> Gap | None:
    """The gap of a waiting call's registration that no item names as one."""
    compared = Compared(
        is_there=True,
        is_here=here is not None,
        is_active=here is not None and here.is_active,
        ours=None if here is None else here.ours,
        is_erased=(refused.event, refused.code) in erased,
    )
    verdict = gap_of(compared, refused.refusal)
    if verdict is None:
        return None
    return Gap(
        refused.key,
        verdict,
        refused.event,
        refused.code,
        source,
        call=refused.refusal.call,
        at=refused.refusal.at,
        registration=None if here is None else here.id,
        problems=refused.refusal.problems,
        theirs=refused.refusal.sent,
        ours=compared.ours,
    )


def listed_gap(
    row: ListedGap, refused: Mapping[tuple[str, str], RefusedRegistration], *, has_kept: bool, erased: Collection[tuple[str, str]]
) -> Gap | None:
    """The gap of a registration that an item names."""
    waiting = refused.get((row.event, row.code))
    compared = Compared(
        is_there=not row.is_deleted and not row.misses,
        is_deleted=row.is_deleted,
        theirs=row.theirs,
        is_here=row.registration is not None,
        is_active=row.is_active,
        ours=row.ours,
        is_erased=(row.event, row.code) in erased,
    )
    verdict = gap_of(compared, waiting.refusal if waiting else None, has_kept=has_kept)
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
        call=waiting.refusal.call if waiting else None,
        at=waiting.refusal.at if waiting else None,
        registration=row.registration,
        event_id=row.event_id,
        problems=waiting.refusal.problems if waiting else (),
        theirs=row.theirs,
        ours=row.ours,
        misses=row.misses,
    )
