"""The request that each change would make at a destination, compared with the last request that was accepted there (Y1)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.replay import Candidate, LastSent, ReplayProblem, ReplayRequest, ReplayRow, replay_verdict
from heliograph.domain.delivery.sent_request import SentRequest
from heliograph.domain.flow.decision import Explanation, FlowVerdict, explain
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.flows.services.request_preview import RequestPreview, RequestPreviewer
from heliograph.outbound.kept_request import kept_request
from heliograph.recording.contents import CHANGE_COLUMNS, read_change
from heliograph.store.database import Database, Row
from heliograph.store.queue import replay_actions
from heliograph.store.queue.replay_actions import Delivery, LaneVersions

COLUMNS = f"{CHANGE_COLUMNS}, c.registration_id"


@dataclass(frozen=True, slots=True)
class CandidateChange:
    """A change that may be replayed."""

    candidate: Candidate
    change: Change | None
    """None if its content is no longer stored (X6)."""
    event: int
    registration: int | None

    @classmethod
    def from_row(cls, row: Row) -> CandidateChange:
        """The change of a row of COLUMNS."""
        change = read_change(row)
        candidate = Candidate(change=row[0], subject=row[2], version=row[3], at=row[5])
        return cls(candidate, None if change is None else replace(change, quiet=False), row[11], row[14])


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """A line of the dry run, with the facts that its verdict is based on."""

    candidate_change: CandidateChange
    row: ReplayRow
    explanation: Explanation | None = None
    was: SentRequest | None = None
    """The last accepted request; None if there is none, or if its content is gone."""
    would: SentRequest | None = None
    """The request that the change would make; None if it would make none."""
    last: Delivery | None = None
    """The delivery of the last accepted request."""


class Comparison:
    """Compares changes by one configuration. The flow is taken as it is today, as if it were on."""

    def __init__(self, db: Database, account: int, flow: Flow) -> None:
        self.reader = AccountReader(db, account)
        self.flow = flow
        self._previews = RequestPreviewer(db, self.reader.config)
        self._now = datetime.now(UTC)

    def compare(self, changes: Sequence[CandidateChange], destination: Destination) -> list[ComparedLine]:
        """The line of each of these changes at a destination, in their order."""
        subjects = {each.candidate.subject for each in changes}
        db, account = self.reader.db, self.reader.account
        lanes = replay_actions.lane_versions(db, destination.id, subjects)
        delivered = replay_actions.deliveries(db, account, destination.id, subjects)
        last = {each.candidate.change: _last(each.candidate, destination.does, delivered) for each in changes}
        stored_requests = replay_actions.kept_requests(db, account, {delivery.action for delivery in last.values() if delivery is not None})
        events = self.reader.events({each.event for each in changes})
        return [
            self._compared(each, destination, events.get(each.event), lanes, last[each.candidate.change], stored_requests)
            for each in changes
        ]

    def _compared(
        self,
        candidate_change: CandidateChange,
        destination: Destination,
        event: EventConfig | None,
        lanes: Mapping[int, LaneVersions],
        last: Delivery | None,
        stored_requests: Mapping[int, str],
    ) -> ComparedLine:
        # What the change would send: a request, or the problem that prevents one; None if the flow would not take it.
        explanation, change = None, candidate_change.change
        would: SentRequest | ReplayProblem | None = None
        if change is not None and event is not None:
            explanation = explain(self.flow, change, self.reader.config, event, as_if_running=True)
            if explanation.verdict is FlowVerdict.TRIGGERED:
                built = self._previews.built(event, change, self.flow, destination, now=self._now)
                if isinstance(built, RequestPreview):
                    would = ReplayProblem("; ".join(built.problems) or built.why)
                else:
                    would = SentRequest.from_stored(kept_request(built.request, built.masks))
        # What was sent last.
        was = sent_request(stored_requests[last.action]) if last is not None and last.action in stored_requests else None
        lane = lanes.get(candidate_change.candidate.subject, LaneVersions())
        row = replay_verdict(
            candidate_change.candidate,
            does=destination.does,
            takes=explanation is None or explanation.verdict is FlowVerdict.TRIGGERED,
            rendered=ReplayRequest(would.digest) if isinstance(would, SentRequest) else would,
            last=None if last is None else LastSent(last.version, was.digest if was else None, gone=was is None),
            begun_version=lane.begun,
            newest_open=lane.open,
        )
        return ComparedLine(candidate_change, row, explanation, was, would if isinstance(would, SentRequest) else None, last)


def sent_request(stored: str) -> SentRequest | None:
    """The request of a stored JSON text; None if it cannot be read."""
    try:
        parts: Any = json.loads(stored)
    except (ValueError, RecursionError):
        return None
    return SentRequest.from_stored(parts) if isinstance(parts, dict) else None


def _last(candidate: Candidate, does: Does, delivered: Mapping[int, list[Delivery]]) -> Delivery | None:
    """The delivery to compare with: the subject's newest. At a destination that adds, a delivery of this very change is preferred."""
    deliveries = delivered.get(candidate.subject, [])
    if does is Does.ADDS:
        deliveries = [each for each in deliveries if each.version == candidate.version] or deliveries
    return deliveries[-1] if deliveries else None


def changes_of(db: Database, account: int, ids: Collection[int]) -> dict[int, CandidateChange]:
    """Changes of the account by id."""
    rows = db.all(
        f"SELECT {COLUMNS} FROM change c LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at"
        f" WHERE {db.member('c.id', 'ids')} AND +c.account_id = :account",
        {"ids": sorted(ids), "account": account},
    )
    return {row[0]: CandidateChange.from_row(row) for row in rows}


def destinations_of(flow: Flow) -> list[Destination]:
    """The destinations of a flow that have a connection."""
    return [destination for destination in flow.destinations if destination.connection is not None]


def by_destination(flow: Flow, ids: Iterable[int]) -> dict[int, Destination]:
    """The flow's destinations with these ids, by id. Removed ones are left out."""
    chosen_ids = set(ids)
    return {destination.id: destination for destination in destinations_of(flow) if destination.id in chosen_ids}
