"""Tries a source's mapping on calls that really came: what they would become, and what would wait. Nothing is recorded (S2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext_noop

from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.domain.snapshot import ConfigProvider
from heliograph.domain.source.call_documents import CallProblem, MappedCall
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_states import SourceState
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import prepare
from heliograph.recording.source_calls import items_of, mapped_call, problems_of
from heliograph.registrations.imports.columns import Known
from heliograph.registrations.imports.import_dry_run import compare
from heliograph.registrations.imports.preparation import load_known
from heliograph.sources.models import Source
from heliograph.store.database import Database
from heliograph.store.stored_calls import RecordedSource, StoredCall, newest_calls

MOST_TRIED = 20
"""Newest calls with which a mapping is tried."""


@dataclass(slots=True)
class TriedCall:
    """What a call would become."""

    stored: StoredCall
    mapped: MappedCall
    outcomes: Counter[ItemOutcome] = field(default_factory=Counter)
    problems: list[CallProblem] = field(default_factory=list)

    @property
    def documents(self) -> Sequence[Mapping[str, object]]:
        """The documents of all its registrations, as far as the mapping comes."""
        return [each.document for each in self.mapped.registrations]

    @property
    def name(self) -> str:
        """The codes of its registrations, of many the first."""
        codes = [str(document["code"]) for document in self.documents if document.get("code")]
        return f"{', '.join(codes[:2])}{' …' if len(codes) > 2 else ''}"


@dataclass(slots=True)
class CallTrial:
    """What the tried calls would become together."""

    calls: list[TriedCall]
    """Newest first."""
    outcomes: Counter[ItemOutcome]
    acts: Counter[int]
    """How often each flow would act, by its id."""

    @property
    def waiting(self) -> list[TriedCall]:
        """Those that would wait."""
        return [call for call in self.calls if call.problems]

    @property
    def reasons(self) -> list[tuple[CallProblem, list[TriedCall]]]:
        """Each reason to wait with its calls, the most frequent first."""
        return by_reason((call, call.problems) for call in self.waiting)


def by_reason[Call](calls: Iterable[tuple[Call, Sequence[CallProblem]]]) -> list[tuple[CallProblem, list[Call]]]:
    """Calls by their first reason to wait, the most frequent first."""
    grouped: dict[tuple[str, str, str], tuple[CallProblem, list[Call]]] = {}
    for call, problems in calls:
        if problems:
            first = problems[0]
            grouped.setdefault((first.target, first.reason, first.value), (first, []))[1].append(call)
    return sorted(grouped.values(), key=lambda group: -len(group[1]))


def _try_calls(
    db: Database, provider: ConfigProvider, source: RecordedSource, mapping: CallMapping, calls: Sequence[StoredCall]
) -> CallTrial:
    """Tries the mapping with calls of a source, newest first."""
    tried = [TriedCall(stored, mapped_call(mapping, stored)) for stored in calls]
    items: list[tuple[TriedCall, int, RecordItem]] = []
    for call in reversed(tried):  # as they came
        numbers = [each.number for each in call.mapped.registrations if not each.problems]
        call.problems += call.mapped.problems
        items += [(call, number, item) for number, item in zip(numbers, items_of(source, mapping, call.stored, call.mapped), strict=True)]
    codes = {str(item.document["event"]) for _, _, item in items}
    known = load_known(db, provider, source.account, codes)
    prepared = [(call, item) for call, number, item in items if _is_prepared(call, number, item, known)]
    outcomes: Counter[ItemOutcome] = Counter()
    acts: Counter[int] = Counter()
    made: set[tuple[str, str]] = set()
    for (call, item), compared in zip(prepared, compare(source.account, [item for _, item in prepared], known), strict=True):
        outcome = compared.outcome
        if outcome is ItemOutcome.CREATED and item.address in made:  # an earlier call makes it
            outcome = ItemOutcome.UPDATED
        made.add(item.address)
        if compared.problem is not None:
            call.problems += problems_of(ItemResult(ItemOutcome.REFUSED, problems=(compared.problem,)), 0)
            continue
        call.outcomes[outcome] += 1
        outcomes[outcome] += 1
        acts.update(compared.acts)
    return CallTrial(tried, outcomes, acts)


def try_newest(db: Database, provider: ConfigProvider, source: Source, mapping: CallMapping) -> CallTrial:
    """Tries the mapping with the newest calls of a source."""
    row = RecordedSource(source.pk, source.account_id, SourceState(source.state), "", source.version, 0)
    return _try_calls(db, provider, row, mapping, newest_calls(db, source.pk, MOST_TRIED))


def _is_prepared(call: TriedCall, number: int, item: RecordItem, known: Known) -> bool:
    """Resolves an item; a refused one adds its problems to the call."""
    try:
        event_code, code = item.address
    except DocumentRefused as refused:
        call.problems += problems_of(ItemResult(ItemOutcome.REFUSED, problems=refused.problems), number)
        return False
    event = next((each for each in known.events if each.code == event_code), None)
    if event is None:
        cure = gettext_noop("Map the event’s name to the code of an event, or add an event with this code.")
        call.problems.append(CallProblem(gettext_noop("there is no such event."), "event", "", event_code, cure, number))
        return False
    prepared = prepare(item, code, known.account, event)
    if prepared.upsert is None:
        call.problems += problems_of(ItemResult(ItemOutcome.REFUSED, problems=prepared.problems), number)
        return False
    return True
