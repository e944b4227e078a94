"""What was delivered yesterday, for the morning summary: sums of figures, which cost the same however many deliveries there were (B4)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.outcome_hours import HoursOfPeriod, outcome_hours
from heliograph.domain.flow.flow import Mode
from heliograph.insights.feed_lines import ends_of_day
from heliograph.store.instants import from_micros


@dataclass(frozen=True, slots=True)
class DeliveredYesterday:
    """The deliveries of Live flows yesterday, in the account's time zone."""

    by_flow: Sequence[tuple[str, int]] = ()
    """The name and the number of each flow that delivered something, the largest number first."""
    before: int = 0
    """How many were delivered on the day before."""

    @property
    def total(self) -> int:
        """How many were delivered."""
        return sum(number for _name, number in self.by_flow)


def delivered_yesterday(reader: AccountReader, zone: datetime.tzinfo, now: int) -> DeliveredYesterday:
    """now: microseconds"""
    today = from_micros(now).astimezone(zone).date()

    def outcomes(days_ago: int) -> HoursOfPeriod:
        day = today - datetime.timedelta(days=days_ago)
        return outcome_hours(reader.db, reader.account, Mode.LIVE, *ends_of_day(day, zone))

    numbers = {flow: hours.sent for flow, hours in outcomes(1).by_flow.items() if hours.sent}
    names = reader.flow_names(numbers)
    by_flow = sorted(((names.get(flow, ""), number) for flow, number in numbers.items()), key=lambda row: (-row[1], row[0]))
    return DeliveredYesterday(by_flow, outcomes(2).total.sent)
