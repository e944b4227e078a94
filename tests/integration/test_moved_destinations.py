"""X2a: whatever connection a destination gets later, figures, lists, exports, labels and filters name the one that an action was sent over.

A story moves the destinations of its flows at random moments: while requests are under way, while items wait, are paused or have failed. The
receiver's log says which connection got which action; what was never sent stays at the connection where it waited until it ended.
"""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest
from tests.api_client import ApiClient
from tests.receiver import Answer, Received, Receiver
from tests.retry_story import newest, runs
from tests.story import Story

from heliograph.connections.connection_list import ConnectionList, ConnectionListFilter
from heliograph.deliveries.account_reader import AccountReader, account_reader
from heliograph.domain.delivery.action import ActionState, Does, QueueStatus
from heliograph.domain.figures import Measure
from heliograph.domain.flow.flow import Mode
from heliograph.insights import record_export
from heliograph.insights.feed import Feed
from heliograph.insights.feed_lines import FeedFilter
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.period import Rolling, rolling_window
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.records import Records
from heliograph.registrations.erasures.person import person_of, told_of
from heliograph.retry import downloads
from heliograph.retry.retry_items import RetryFilter
from heliograph.retry.retry_queue import RetryQueue
from heliograph.timeline.timeline import Timeline

ROUNDS: Final = 3
STEPS: Final = 8
NAMES: Final = ("a", "b", "c")
MANY: Final = 10_000
KINDS: Final = {
    RecordKind.TRIGGERED: frozenset(ActionState),
    RecordKind.SUCCESS: frozenset({ActionState.SUCCESS}),
    RecordKind.QUEUED: frozenset({ActionState.QUEUED}),
    RecordKind.FAILED: frozenset({ActionState.FAILED}),
    RecordKind.SUPERSEDED: frozenset({ActionState.SUPERSEDED}),
}


@dataclass
class MovedStory:
    """Flows whose destinations move among three connections, and the connection that each action belongs to."""

    story: Story
    chance: random.Random
    waited_at: dict[int, int] = field(default_factory=dict)
    """The connection that each action without a request waited at when it was last seen."""
    codes: int = 0

    def __post_init__(self) -> None:
        story = self.story
        story.retries(*self.chance.choice(((0.05, 0.05, 0.05), (0.05, 3_600, 3_600), (3_600, 3_600, 3_600))))
        for name in NAMES:
            story.receiver.answer(f"/{name}", self._answer)
        self.connections = {name: story.connection(name, f"/{name}") for name in NAMES}
        first = list(self.connections.values())
        self.flows = {
            story.flow(name, [story.to(self.chance.choice(first), does=does)]): does
            for name, does in (("Updates", Does.UPDATES), ("Adds", Does.ADDS), ("Deleted", Does.ADDS))
        }

    def _answer(self, request: Received) -> Answer:
        return Answer(self.chance.choice((200, 200, 401, 503)), delay=self.chance.choice((0, 0.02)))

    def plays(self, steps: int) -> None:
        """Takes random steps beside a worker, moves a destination under which something was sent, and waits until its lanes have moved."""
        with self.story.worker():
            for _ in range(steps):
                self._step()
            flow = next(iter(self.flows))
            (destination,) = self.story.flow_facts(flow).destinations
            self._move(flow, self.chance.choice([id for id in self.connections.values() if id != destination.connection]))
            self.story.wait_for(lambda: not self._misplaced())
        if len(self.flows) > 2:
            self.story.delete_flow(self.flows.popitem()[0])

    def _step(self) -> None:
        story, chance = self.story, self.chance
        connection = chance.choice(list(self.connections.values()))
        match chance.choice(("record", "record", "record", "move", "move", "hold", "submit")):
            case "record":
                for _ in range(chance.randint(1, 4)):
                    self.codes += chance.random() < 0.6
                    story.record(f"R{self.codes}", first=chance.choice("ABCDE"))
            case "move":
                self._move(chance.choice(list(self.flows)), connection)
            case "hold" if story.paused(connection)[0]:
                story.resume(connection)
            case "hold":
                story.pause(connection)
            case _:
                rows = story.db.all("SELECT id FROM action WHERE queue IN (1, 2, 3)")
                if rows:
                    story.submit(*(f"a{id}" for (id,) in chance.sample(rows, min(3, len(rows)))))

    def _move(self, flow: int, connection: int) -> None:
        self.story.change_flow(flow, to=[self.story.to(connection, does=self.flows[flow])])

    def _misplaced(self) -> list[int]:
        destinations = {each.id: each.connection for flow in self.flows for each in self.story.flow_facts(flow).destinations}
        lanes = self.story.db.all("SELECT destination_id, connection_id FROM lane")
        return [id for id, connection in lanes if destinations.get(id, connection) != connection]

    def own_connections(self) -> dict[int, int]:
        """By action: the connection of the last request that a receiver got for it; without one, the connection at which it waits or ended."""
        last = {request.header("webhook-id"): self.connections[request.path.strip("/")] for request in self.story.receiver.requests}
        rows = self.story.db.all(
            "SELECT a.id, a.uid, a.state, a.sent, l.connection_id FROM action a JOIN lane l ON l.id = a.lane_id ORDER BY a.id"
        )
        own = {}
        for id, uid, state, sent, lane in rows:
            assert (uid in last) == (sent > 0), (id, state)
            if uid not in last and (ActionState(state).is_open or id not in self.waited_at):
                self.waited_at[id] = lane  # one that ended between two looks is taken at its word once, and may not change afterwards
                if not ActionState(state).is_open:
                    ((self.waited_at[id],),) = self.story.db.all("SELECT connection_id FROM action WHERE id = :id", {"id": id})
            own[id] = last.get(uid) or self.waited_at[id]
        return own


def moves(story: Story, seed: int, rounds: int) -> Iterator[tuple[MovedStory, dict[int, int]]]:
    """Plays rounds; yields each time the story and the connection of each action."""
    moved = MovedStory(story, random.Random(seed))
    for _ in range(rounds):
        moved.plays(STEPS)
        yield moved, moved.own_connections()


def states_of(story: Story) -> dict[int, ActionState]:
    return {id: ActionState(state) for id, state in story.db.all("SELECT id, state FROM action")}


def lists_and_filters_agree(reader: AccountReader, moved: MovedStory, own: Mapping[int, int]) -> None:
    """Lists of records, the feed and Retry show under each connection what was sent over it, and call it by its name."""
    states, window = states_of(moved.story), rolling_window(Rolling.DAY, reader.db.now() + 60_000_000)
    change_of = dict(moved.story.db.all("SELECT id, change_id FROM action"))
    queued = dict(moved.story.db.all("SELECT id, queue FROM action WHERE queue > 0"))
    for name, connection in moved.connections.items():
        at_connection = {id for id, place in own.items() if place == connection}
        for kind, of_kind in KINDS.items():
            records = Records(reader, RecordFilter(kind, window.since, window.until, connection=connection))
            rows, _cursor = records.walk(None, MANY)
            expected = {id for id in at_connection if states[id] in of_kind}
            assert {row.id for row in rows} == expected, (kind, name)
            assert {row.connection for row in rows} <= {name}, kind
            assert records.count().number == len(expected), (kind, name)
        changes, _cursor = Records(reader, RecordFilter(RecordKind.CHANGES, window.since, window.until, connection=connection)).walk(
            None, MANY
        )
        assert {row.change_id for row in changes} == {change_of[id] for id in at_connection}, name
        fed = Feed(reader, FeedFilter(connection=connection)).page(None, size=MANY).rows
        assert {row.change_id for row in fed} == {change_of[id] for id in at_connection}, name
        items = list(RetryQueue(reader).all_of(RetryFilter(statuses=tuple(QueueStatus), connection=connection)))
        assert {item.action.id for item in items if item.action} == at_connection & queued.keys(), name
        assert {item.connection for item in items} <= {name}
    names = {id: reader.connection_names([place])[place] for id, place in own.items()}
    registrations = {id for (id,) in moved.story.db.all("SELECT id FROM registration")}
    entries = [entry for id in registrations for entry in Timeline.of_id(reader, id).page(None, size=MANY).rows]
    deliveries = [delivery for entry in entries for decision in entry.decisions for delivery in decision.deliveries]
    assert {each.action.id: each.connection for each in deliveries} == names
    delivered = Counter(name for id, name in names.items() if states[id] is ActionState.SUCCESS)
    told = Counter[str]()
    for id in registrations:
        told.update({each.name: each.times for each in told_of(reader, person_of(reader, id))})
    assert told == delivered
    fed = Feed(reader, FeedFilter()).page(None, size=MANY).rows
    assert {each.action.id: each.connection for row in fed for each in row.outcomes if each.action} == names


def figures_agree(reader: AccountReader, moved: MovedStory, own: Mapping[int, int]) -> None:
    """Figures of Insights, and of the Overview's connections, count each action at its own connection."""
    states, window = states_of(moved.story), rolling_window(Rolling.DAY, reader.db.now())
    figures = FigureScope.read(reader, window, Mode.LIVE, None).figures(reader)
    for connection in moved.connections.values():
        counted = Counter(states[id] for id, place in own.items() if place == connection)
        for state in ActionState:
            assert sum(figures.by_column(Measure.of_state(state), connection=connection)) == counted[state], (state, connection)
        assert sum(figures.by_column(Measure.TRIGGERED, connection=connection)) == counted.total()
    in_retry = dict(moved.story.db.all(f"SELECT id, queue FROM action WHERE queue IN (1, 2, {QueueStatus.FAILED.code})"))
    rows = {row.id: row for row in ConnectionList(reader.db, reader.account).rows(ConnectionListFilter())}
    for connection in moved.connections.values():
        queues = [queue for id, queue in in_retry.items() if own[id] == connection]
        failed = queues.count(QueueStatus.FAILED.code)
        assert (rows[connection].waiting, rows[connection].failed) == (len(queues) - failed, failed), connection


def exports_agree(moved: MovedStory, own: Mapping[int, int]) -> None:
    """Both kinds of CSV and the REST API name each action's own connection."""
    api = ApiClient.for_account(moved.story.account)
    uid_of = dict(moved.story.db.all("SELECT id, uid FROM action"))
    names = {id: name for name, id in moved.connections.items()}
    expected = {uid_of[id]: names[place] for id, place in own.items()}
    made = api.post("records/triggered/export?days=1", {"form": "exact"}, status=202)
    runs(newest(record_export.KIND))
    rows = csv.DictReader(io.StringIO(text_of(api, f"exports/{made['id']}/file")))
    assert {row["webhook-id"]: row["Connection"] for row in rows} == expected
    in_retry = {uid_of[id] for (id,) in moved.story.db.all("SELECT id FROM action WHERE queue IN (1, 2, 3)")}
    if in_retry:
        made = api.post("retry/downloads", {"columns": ["webhook_id", "connection"]}, status=202)
        runs(newest(downloads.KIND))
        rows = csv.DictReader(io.StringIO(text_of(api, f"retry/downloads/{made['id']}/file")))
        assert {row["webhook_id"]: row["connection"] for row in rows} == {uid: expected[uid] for uid in in_retry}
    for id, place in own.items():
        assert api.get(f"actions/{id}")["connection"] == {"id": str(place), "name": names[place]}


def text_of(api: ApiClient, address: str) -> str:
    response = api.send("GET", address)
    return b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]


def plays_and_agrees(story: Story, seed: int, rounds: int) -> None:
    moved_actions = 0
    for moved, own in moves(story, seed, rounds):
        with account_reader(story.account) as reader:
            lists_and_filters_agree(reader, moved, own)
            figures_agree(reader, moved, own)
        exports_agree(moved, own)
        lanes = dict(story.db.all("SELECT a.id, l.connection_id FROM action a JOIN lane l ON l.id = a.lane_id"))
        moved_actions += sum(lanes[id] != place for id, place in own.items())
    assert moved_actions, "no destination was moved after its actions were sent"
    story.is_sound()


@pytest.mark.parametrize("seed", range(2))
def test_X2a_E16_all_that_names_a_connection_agrees_with_the_receivers_however_destinations_move(
    story: Story, receiver: Receiver, seed: int
) -> None:
    plays_and_agrees(story, seed, ROUNDS)


@pytest.mark.trial
@pytest.mark.parametrize("seed", range(100, 140))
def test_X2a_E16_all_that_names_a_connection_agrees_in_long_stories(story: Story, receiver: Receiver, seed: int) -> None:
    plays_and_agrees(story, seed, 4 * ROUNDS)
