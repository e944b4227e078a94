"""The rules of the ledger: exactly what is not as it should be is a gap, and what is counted adds up (S9)."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.figures import FiguresDoNotAddUp
from heliograph.domain.source.ledger_rules import (
    ChangeCounts,
    Compared,
    FlowBalance,
    GapCause,
    GapKind,
    Refusal,
    Repair,
    SourceBalance,
    flow_balance,
    gap_of,
    total_of,
    undelivered,
)

TIMES = st.none() | st.integers(0, 5)
COMPARED = st.builds(Compared, st.booleans(), st.booleans(), TIMES, st.booleans(), st.booleans(), TIMES, st.booleans())
REFUSALS = st.none() | st.builds(Refusal, st.none() | st.integers(1, 9), st.integers(0, 5), TIMES, is_stored=st.booleans())
MESSAGES = st.dictionaries(st.sampled_from(ActionState), st.integers(0, 1_000))
COUNTS = st.integers(0, 1_000)
CHANGES = st.builds(ChangeCounts, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)


@given(COMPARED, REFUSALS, st.booleans())
def test_S9_a_registration_has_a_gap_exactly_if_it_is_not_as_it_should_be(
    compared: Compared, refusal: Refusal | None, has_more_stored: bool
) -> None:
    verdict = gap_of(compared, refusal, has_more_stored=has_more_stored)
    newest = max((time for time in (compared.theirs, refusal.sent if refusal else None) if time is not None), default=None)
    is_behind = newest is not None and (compared.ours is None or newest > compared.ours)
    if compared.is_erased:
        expected = None
    elif not compared.is_there:
        expected = GapKind.ONLY_HERE if compared.is_here and compared.is_active else None
    elif not compared.is_here:
        expected = GapKind.MISSING
    else:
        expected = GapKind.OLDER if is_behind else None
    assert (verdict.kind if verdict else None) is expected
    if verdict is not None:
        assert (verdict.repair is Repair.NONE) == (verdict.cause is GapCause.KEPT)
        assert verdict.cause is not GapCause.REFUSED or (refusal is not None and not refusal.is_stored)
        assert (verdict.repair is Repair.IMPORT_AGAIN) == (
            verdict.cause is GapCause.REFUSED and refusal is not None and refusal.call is None
        )
        assert verdict.cause is not GapCause.KEPT or has_more_stored or (refusal is not None and refusal.is_stored)


@given(st.lists(st.tuples(MESSAGES, CHANGES, COUNTS, COUNTS), max_size=4))
def test_S9_every_change_and_every_message_of_a_flow_is_counted_once(
    flows: list[tuple[dict[ActionState, int], ChangeCounts, int, int]],
) -> None:
    balances = []
    for messages, counts, others, most_erased in flows:
        erased = min(most_erased, messages.get(ActionState.FAILED, 0))
        balances.append(flow_balance(messages, counts, changes=counts.looked_at + others, erased=erased))
        assert balances[-1].not_looked_at == others
        assert balances[-1].owed == sum(messages.values()) + counts.waiting + counts.failed + counts.erased
        assert balances[-1].failed + balances[-1].erased == messages.get(ActionState.FAILED, 0) + counts.failed + counts.erased
    for balance in [*balances, total_of(balances)]:
        assert balance.changes == balance.not_looked_at + balance.filtered + balance.acted_on
        assert balance.owed == (balance.delivered + balance.replaced + balance.waiting + balance.failed + balance.invalid + balance.erased)
        assert balance.owed == balance.delivered + balance.replaced + balance.to_go + balance.erased
        assert min(getattr(balance, field.name) for field in fields(FlowBalance)) >= 0


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_S9_there_and_here_add_up(there: int, missing: int, older: int, only_here: int) -> None:
    balance = SourceBalance(there + missing, there + only_here, missing, older, only_here)
    assert balance.equal + balance.older + balance.missing == balance.there
    assert balance.equal + balance.older + balance.only_here == balance.recorded
    with pytest.raises(FiguresDoNotAddUp):
        SourceBalance(there + missing + 1, there + only_here, missing, older, only_here)


def test_S9_figures_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(FiguresDoNotAddUp, match="3 messages are owed, but 2 have a state"):
        FlowBalance(owed=3, delivered=2)
    with pytest.raises(FiguresDoNotAddUp, match="1 not looked at, 2 filtered and 3 acted on cannot be 7 changes"):
        FlowBalance(changes=7, not_looked_at=1, filtered=2, acted_on=3)


def test_S9_only_what_waits_or_failed_is_undelivered() -> None:
    gaps = {state: verdict.cause for state in ActionState if (verdict := undelivered(state)) is not None}
    assert gaps == {
        ActionState.QUEUED: GapCause.WAITS,
        ActionState.FAILED: GapCause.FAILED,
        ActionState.VALIDATION: GapCause.INVALID,
    }
