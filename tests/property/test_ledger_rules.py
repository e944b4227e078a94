"""The rules of the ledger: exactly what is not as it should be is a gap, and what is counted adds up (S9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.action import ActionState
from heliograph.domain.figures import FiguresDoNotAddUp
from heliograph.domain.source.ledger_rules import (
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
REFUSALS = st.none() | st.builds(Refusal, st.integers(1, 9), st.integers(0, 5), TIMES)
MESSAGES = st.dictionaries(st.sampled_from(ActionState), st.integers(0, 1_000))
COUNTS = st.integers(0, 1_000)


@given(COMPARED, REFUSALS, st.booleans())
def test_S9_a_registration_has_a_gap_exactly_if_it_is_not_as_it_should_be(
    compared: Compared, refusal: Refusal | None, has_kept: bool
) -> None:
    verdict = gap_of(compared, refusal, has_kept=has_kept)
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
        assert verdict.cause is not GapCause.REFUSED or refusal is not None
        assert verdict.cause is not GapCause.KEPT or has_kept


@given(MESSAGES, COUNTS, COUNTS)
def test_S9_what_a_flow_owes_adds_up(messages: dict[ActionState, int], filtered: int, undecided: int) -> None:
    balance = flow_balance(messages, filtered=filtered, undecided=undecided)
    assert balance.looked_at == filtered + undecided + sum(messages.values())
    assert balance.owed == balance.delivered + balance.replaced + balance.to_go
    assert balance.delivered + balance.replaced == messages.get(ActionState.SUCCESS, 0) + messages.get(ActionState.SUPERSEDED, 0)
    assert total_of([balance, balance]).looked_at == 2 * balance.looked_at


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


def test_S9_only_what_waits_or_failed_is_undelivered() -> None:
    gaps = {state: verdict.cause for state in ActionState if (verdict := undelivered(state)) is not None}
    assert gaps == {
        ActionState.QUEUED: GapCause.WAITS,
        ActionState.FAILED: GapCause.FAILED,
        ActionState.VALIDATION: GapCause.INVALID,
    }
    assert undelivered(None) is not None
