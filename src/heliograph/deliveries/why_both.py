"""Why, or why not, by the rules of then and of today side by side (F9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.why import GateRow, Why, told
from heliograph.domain.flow.then_and_today import Rules, StopReason, ThenAndToday, stop_reason, then_and_today
from heliograph.domain.registration.change import Change


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change with what was in force when it was recorded."""

    change: Change
    event: int
    account_version: int
    event_version: int


@dataclass(frozen=True, slots=True)
class WhyBoth:
    """Both answers. then, today: None where the flow was not there. gates: of then (of today, where there was no flow then), with today's where
    they differ. reason: why it stopped then."""

    then: Why | None
    today: Why | None
    differs: bool
    gates: Sequence[GateRow]
    reason: StopReason | None

    @property
    def shown(self) -> Why:
        """The answer that the sentence of the flow is marked with."""
        found = self.then or self.today
        assert found is not None
        return found


def rules_of(reading: AccountReader, recorded: RecordedChange) -> Rules:
    """What was in force when the change was recorded."""
    return Rules(
        reading.source.account(reading.account, recorded.account_version), reading.source.event(recorded.event, recorded.event_version)
    )


def why_both(reading: AccountReader, recorded: RecordedChange, flow: int, cured: Callable[[Why], Why]) -> WhyBoth | None:
    """Why a flow accepted a change or did not, then and today; None for a flow that was there neither then nor today.

    cured: adds the links of a gate to the pages where it is changed.
    """
    then = rules_of(reading, recorded)
    today = Rules(reading.config, reading.source.event(recorded.event))
    both = then_and_today(recorded.change, flow, then, today)
    if both.then is None and both.today is None:
        return None
    of_then = told(both.then, then.account) if both.then else None
    of_today = cured(told(both.today, today.account)) if both.today else None
    reason = stop_reason(both.then, recorded.change, then.event) if both.then else None
    return WhyBoth(of_then, of_today, both.differs, _side_by_side(both, of_then, of_today), reason)


def _side_by_side(both: ThenAndToday, then: Why | None, today: Why | None) -> list[GateRow]:
    """The gates of then, each with those of today where something differs."""
    if then is None or today is None:
        return list((then or today).gates) if then or today else []  # type: ignore[union-attr]
    out: list[GateRow] = []
    for gate in dict.fromkeys(row.gate for row in (*then.gates, *today.gates)):
        was, now = ([row for row in why.gates if row.gate == gate] for why in (then, today))
        if not both.differs or [_plain(row) for row in was] == [_plain(row) for row in now]:
            out += now
        else:
            *firsts, last = was
            out += [replace(row, place=now[0].place) for row in firsts]
            out.append(replace(last, place=now[0].place, today=now))
    return out


def _plain(row: GateRow) -> GateRow:
    return replace(row, fix="", fix_href="", place="")
