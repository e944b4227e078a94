"""What each change would do at a destination, and how that differs from what was last accepted there (Y1)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.action import Does
from heliograph.domain.delivery.replay import Candidate, LastSent, ReplayProblem, ReplayRequest, ReplayRow, replay_verdict
from heliograph.domain.delivery.sent_request import SentRequest
from heliograph.domain.flow.decision import Explanation, FlowVerdict, explain
from heliograph.domain.flow.flow import Destination, Flow
from heliograph.domain.registration.change import Change
from heliograph.domain.setup.configuration import EventConfig
from heliograph.flows.services.request_preview import RequestPreview, RequestPreviewer
from heliograph.outbound.kept_request import kept_request
from heliograph.recording.contents import CHANGE_COLUMNS, read_change
from heliograph.store.database import Database, Row
from heliograph.store.queue import replays
from heliograph.store.queue.replays import Delivery, LaneVersions

COLUMNS = f"{CHANGE_COLUMNS}, c.registration_id"


@dataclass(frozen=True, slots=True)
class CandidateChange:
    """A change that may be replayed. change: None if its content is no longer stored (X6)."""

    candidate: Candidate
    change: Change | None
    event: int
    registration: int | None

    @classmethod
    def of(cls, row: Row) -> CandidateChange:
        """From a row of COLUMNS."""
        change = read_change(row)
        candidate = Candidate(change=row[0], subject=row[2], version=row[3], at=row[5])
        return cls(candidate, None if change is None else replace(change, quiet=False), row[11], row[14])


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """A line of the dry run, and what it comes from. was, would: None where there is nothing, or its content is gone."""

    of: CandidateChange
    row: ReplayRow
    explanation: Explanation | None = None
    was: SentRequest | None = None
    would: SentRequest | None = None
    last: Delivery | None = None


class Comparison:
    """Compares by one configuration. flow: as it is today, treated as if it were on."""

    def __init__(self, db: Database, account: int, flow: Flow) -> None:
        self.reading = AccountReader(db, account)
        self.flow = flow
        self._previews = RequestPreviewer(db, self.reading.config)
        self._now = datetime.now(UTC)

    def compare(self, changes: Sequence[CandidateChange], destination: Destination) -> list[ComparedLine]:
        """What each of these changes would do at a destination."""
        subjects = {each.candidate.subject for each in changes}
        db, account = self.reading.db, self.reading.account
        lanes = replays.lane_versions(db, destination.id, subjects)
        delivered = replays.deliveries(db, account, destination.id, subjects)
        last = {each.candidate.change: _last(each.candidate, destination.does, delivered) for each in changes}
        kept = replays.kept_requests(db, account, {found.action for found in last.values() if found is not None})
        events = self.reading.events({each.event for each in changes})
        return [self._compared(each, destination, events.get(each.event), lanes, last[each.candidate.change], kept) for each in changes]

    def _compared(
        self,
        of: CandidateChange,
        destination: Destination,
        event: EventConfig | None,
        lanes: Mapping[int, LaneVersions],
        last: Delivery | None,
        kept: Mapping[int, str],
    ) -> ComparedLine:
        explanation = None
        would: SentRequest | ReplayProblem | None = None
        if of.change is not None and event is not None:
            explanation = explain(self.flow, of.change, self.reading.config, event, as_if_running=True)
            if explanation.verdict is FlowVerdict.TRIGGERED:
                would = self._would(of.change, event, destination)
        was = sent_request(kept[last.action]) if last is not None and last.action in kept else None
        lane = lanes.get(of.candidate.subject, LaneVersions())
        row = replay_verdict(
            of.candidate,
            does=destination.does,
            takes=explanation is None or explanation.verdict is FlowVerdict.TRIGGERED,
            rendered=ReplayRequest(would.digest) if isinstance(would, SentRequest) else would,
            last=None if last is None else LastSent(last.version, was.digest if was else None, gone=was is None),
            begun_version=lane.begun,
            newest_open=lane.open,
        )
        return ComparedLine(of, row, explanation, was, would if isinstance(would, SentRequest) else None, last)

    def _would(self, change: Change, event: EventConfig, destination: Destination) -> SentRequest | ReplayProblem:
        found = self._previews.built(event, change, self.flow, destination, now=self._now)
        if isinstance(found, RequestPreview):
            return ReplayProblem("; ".join(found.problems) or found.why)
        return SentRequest.from_stored(kept_request(found.request, found.masks))


def sent_request(kept: str) -> SentRequest | None:
    """A request as it was kept; None if it cannot be read."""
    try:
        found: Any = json.loads(kept)
    except (ValueError, RecursionError):
        return None
    return SentRequest.from_stored(found) if isinstance(found, dict) else None


def _last(candidate: Candidate, does: Does, delivered: Mapping[int, list[Delivery]]) -> Delivery | None:
    """The delivery to compare with: at a destination that adds, that of the same change if there is one, else the subject's newest."""
    found = delivered.get(candidate.subject, [])
    if does is Does.ADDS:
        found = [each for each in found if each.version == candidate.version] or found
    return found[-1] if found else None


def changes_of(db: Database, account: int, ids: Collection[int]) -> dict[int, CandidateChange]:
    """Changes of the account by id."""
    rows = db.all(
        f"SELECT {COLUMNS} FROM change c LEFT JOIN change_content x ON x.change_id = c.id AND x.at = c.at"
        f" WHERE {db.member('c.id', 'ids')} AND +c.account_id = :account",
        {"ids": sorted(ids), "account": account},
    )
    return {row[0]: CandidateChange.of(row) for row in rows}


def destinations_of(flow: Flow) -> list[Destination]:
    """The destinations that have somewhere to send to."""
    return [destination for destination in flow.destinations if destination.connection is not None]


def by_destination(flow: Flow, ids: Iterable[int]) -> dict[int, Destination]:
    """These of the flow's destinations, by id; removed ones are missing."""
    wanted = set(ids)
    return {destination.id: destination for destination in destinations_of(flow) if destination.id in wanted}
