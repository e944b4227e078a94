"""Why, or why not, by the rules at the time of the change and by those of today, side by side (F9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation import GateRow, Why, why_of
from heliograph.domain.flow.rules_comparison import Rules, StopReason, ThenAndToday, stop_reason, then_and_today
from heliograph.domain.registration.change import Change


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change with the versions of the configuration that were in force when it was recorded."""

    change: Change
    event: int
    account_version: int
    event_version: int


@dataclass(frozen=True, slots=True)
class WhyBoth:
    """The explanations of then and of today."""

    then: Why | None
    """None if the flow did not exist when the change was recorded."""
    today: Why | None
    """None if the flow was deleted."""
    differs: bool
    gates: Sequence[GateRow]
    """The gates at the time of the change, with today's gates where they differ; today's gates alone if there was no flow then."""
    reason: StopReason | None
    """The reason why the change stopped then."""

    @property
    def then_or_today(self) -> Why:
        """The explanation by the rules at the time of the change; today's if there was no flow then. It marks the sentence of the flow."""
        answer = self.then or self.today
        assert answer is not None
        return answer


def rules_of(reader: AccountReader, recorded: RecordedChange) -> Rules:
    """The rules that were in force when the change was recorded."""
    return Rules(
        reader.provider.account(reader.account, recorded.account_version), reader.provider.event(recorded.event, recorded.event_version)
    )


def why_both(reader: AccountReader, recorded: RecordedChange, flow: int, cured: Callable[[Why], Why]) -> WhyBoth | None:
    """Why a flow took a change or did not, then and today; None if there is no such flow, neither then nor today.

    cured: adds to the gates the links to the pages where they are edited
    """
    then = rules_of(reader, recorded)
    today = Rules(reader.config, reader.provider.event(recorded.event))
    explanations = then_and_today(recorded.change, flow, then, today)
    if explanations.then is None and explanations.today is None:
        return None
    of_then = why_of(explanations.then, then.account) if explanations.then else None
    of_today = cured(why_of(explanations.today, today.account)) if explanations.today else None
    reason = stop_reason(explanations.then, recorded.change, then.event) if explanations.then else None
    return WhyBoth(of_then, of_today, explanations.differs, _side_by_side(explanations, of_then, of_today), reason)


def _side_by_side(explanations: ThenAndToday, then: Why | None, today: Why | None) -> list[GateRow]:
    """The gates of then, each with that of today if they differ."""
    if then is None or today is None:
        return list((then or today).gates) if then or today else []  # type: ignore[union-attr]
    rows: list[GateRow] = []
    for gate in dict.fromkeys(row.gate for row in (*then.gates, *today.gates)):
        was, now = ([row for row in why.gates if row.gate == gate] for why in (then, today))
        if not explanations.differs or [_plain(row) for row in was] == [_plain(row) for row in now]:
            rows += now
        else:
            *firsts, last = was
            rows += [replace(row, place=now[0].place) for row in firsts]
            rows.append(replace(last, place=now[0].place, today=now))
    return rows


def _plain(row: GateRow) -> GateRow:
    return replace(row, fix="", fix_href="", place="")
