"""Which other changes of the last seven days stopped at a flow for the same reason, and judging them again (F9, D7).

A change that waits for a tag, or could not be judged, has a run and can be judged again. A final decision or a filtered change cannot be judged
again; a replay can still send it. Reasons are computed by the rules that were in force when the change was recorded. Only the newest changes are
explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.delivery_operations import AT_ONCE, Submitted, submit
from heliograph.deliveries.explanation_pair import RecordedChange, WhyBoth, rules_of
from heliograph.domain.delivery.action import SUBMITTABLE, QueueStatus
from heliograph.domain.delivery.retry_policy import DAY
from heliograph.domain.errors import NotInAccount
from heliograph.domain.flow.decision import GateName, Reason, explain
from heliograph.domain.flow.flow import Flow
from heliograph.domain.flow.rules_comparison import StopReason, stop_reason
from heliograph.domain.registration.change import Change
from heliograph.recording.contents import CHANGE_COLUMNS, read_change
from heliograph.store.database import Row
from heliograph.store.row_states import RUN_NOT_TRIGGERED
from heliograph.web.cursor import ROWS, Cursor, ListPage, pages

DAYS: Final = 7
LOOKED_AT: Final = 20_000
"""Most changes of these days whose facets are read, newest first."""
JUDGED: Final = 2_000
"""Most changes that are explained."""


@dataclass(frozen=True, slots=True)
class AlikeChange:
    """Another change that stopped for the same reason."""

    id: int
    at: int
    """Microseconds."""
    change: Change
    event: int
    registration: int | None
    run: int = 0
    """The id of its run; 0 if none is stored."""
    waits: bool = False
    """True if it can be judged again."""


@dataclass(frozen=True, slots=True)
class StoppedAlike:
    """The other changes."""

    rows: Sequence[AlikeChange]
    """Newest first."""
    more: bool = False
    """True if there are older changes, which were not read."""

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[AlikeChange]:
        """One page of them."""

        def fetch(at: Cursor | None, limit: int) -> Sequence[AlikeChange]:
            if at is None:
                return self.rows[:limit]
            if at.back:
                return [row for row in reversed(self.rows) if (row.at, row.id) > at.key][:limit]
            return [row for row in self.rows if (row.at, row.id) < at.key][:limit]

        return pages(fetch, lambda row: (row.at, row.id), cursor, size=size)

    @property
    def waiting(self) -> list[str]:
        """The Retry items among them."""
        return [f"r{row.run}" for row in self.rows if row.waits]


def alike_of(reader: AccountReader, recorded: RecordedChange, pair: WhyBoth) -> StoppedAlike:
    """The other changes that stopped for the reason of an explained one. Raises NotInAccount if that was not stopped then."""
    if pair.then is None or pair.reason is None:
        raise NotInAccount(f"Change {recorded.change.id} was not stopped.")
    return stopped_alike(reader, pair.then.flow, recorded, pair.reason)


def stopped_alike(reader: AccountReader, flow: Flow, recorded: RecordedChange, reason: StopReason) -> StoppedAlike:
    """The other changes that stopped for the same reason.

    flow: the flow as it was when the change was recorded
    reason: why the change stopped
    """
    if reason[0] in ("", GateName.ACTIVATION):
        rows = _runs(reader, flow, reason)
    else:
        watched = int(flow.watch.facets) if flow.watch else 0
        rows = _changes(reader, 0 if reason[0] == GateName.WATCH else watched)
    alike = []
    for *row, registration, run, queue in rows[:JUDGED]:
        change = read_change(row) if row[0] != recorded.change.id else None
        if change is None:
            continue
        rules = rules_of(reader, RecordedChange(change, row[11], row[12], row[13]))
        known = rules.account.flows.get(flow.id)
        if known and stop_reason(explain(known, change, rules.account, rules.event), change, rules.event) == reason:
            alike.append(
                AlikeChange(row[0], row[5], change, row[11], registration, run or 0, QueueStatus.of_code(queue or 0) in SUBMITTABLE)
            )
    return StoppedAlike(alike, len(rows) > JUDGED)


def judge_again(account: int, alike: StoppedAlike) -> Submitted:
    """Judges the changes that wait, by today's rules, before everything else in the queue (D8)."""
    done: list[str] = []
    refused: dict[str, str] = {}
    keys = alike.waiting
    for begin in range(0, len(keys), AT_ONCE):
        submitted = submit(account, keys[begin : begin + AT_ONCE])
        done += submitted.done
        refused |= submitted.refused
    return Submitted(tuple(done), refused)


def _changes(reader: AccountReader, facets: int) -> list[Row]:
    """The newest changes of the last DAYS.

    facets: only changes with one of these; 0 for all changes
    """
    return reader.db.all(
        f"SELECT {CHANGE_COLUMNS}, c.registration_id, 0, 0"
        f" FROM (SELECT * FROM change WHERE account_id = :account AND at > :since ORDER BY at DESC, id DESC LIMIT {LOOKED_AT}) c"
        " LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at WHERE (c.facets & :facets) <> 0 OR :facets = 0"
        f" ORDER BY c.at DESC, c.id DESC LIMIT {JUDGED + 1}",
        {"account": reader.account, "since": reader.db.now() - DAYS * DAY, "facets": facets},
    )


def _runs(reader: AccountReader, flow: Flow, reason: StopReason) -> list[Row]:
    """The changes of the flow's newest runs that were not triggered for the reason."""
    return reader.db.all(
        f"SELECT {CHANGE_COLUMNS}, c.registration_id, r.id, j.queue FROM run r JOIN change c ON c.id = r.change_id"
        " LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at LEFT JOIN stuck_run j ON j.run_id = r.id"
        f" WHERE r.flow_id = :flow AND r.at > :since AND +r.account_id = :account AND r.{RUN_NOT_TRIGGERED} AND r.reason = :reason"
        f" ORDER BY r.at DESC, r.id DESC LIMIT {JUDGED + 1}",
        {
            "account": reader.account,
            "flow": flow.id,
            "since": reader.db.now() - DAYS * DAY,
            "reason": Reason(reason[2] if reason[0] else reason[1]).value,
        },
    )
