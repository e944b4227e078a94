"""A crowd on one account: recorders, workers, savers, a person who submits and pauses, destinations that move (docs/design/recording.md,
docs/design/queue.md).

Each runs on its own threads and connections, through the product's own calls; a seed determines their actions.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import connections
from tests.chaos.ledger import Ledger, Trouble
from tests.story import BY, Story
from tests.waiting import PATIENCE, until

from heliograph.domain.delivery.action import Does
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.engine.worker.slot_ownership import Lease
from heliograph.recording.batches import record_batch
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.store.config_cache import Committed, ConfigCache

STATUSES = ("Pre-Registered", "Attended", "Cancelled", "New")


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the crowd. pause: seconds between a recorder's batches."""

    seconds: float
    recorders: int = 3
    workers: int = 3
    registrations: int = 200
    batch: int = 25
    pause: float = 0.1
    seed: int = 1


@dataclass(slots=True)
class Crowd:
    """One trial. `run` returns once everything recorded has ended."""

    story: Story
    size: Size
    ledger: Ledger = field(init=False)
    places: dict[str, list[int]] = field(init=False)
    """Destination -> the connections between which it switches."""
    flow: int = field(init=False)
    done: dict[str, int] = field(default_factory=dict)
    """How often each action was done, for the report."""
    longest_save: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _errors: list[BaseException] = field(default_factory=list)
    _shared: list[RecordItem] = field(default_factory=list)
    """Items that another recorder may send again, under the same key."""
    _promised: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        story = self.story
        self.ledger = Ledger({"crm": Does.UPDATES, "chat": Does.ADDS}, Trouble())
        story.receiver.answer_all(self.ledger.answering)
        story.retries(0.2, 0.4, 0.8)
        self.places = {name: [story.connection(f"{name} {n}", f"/{name}-{n}") for n in range(3)] for name in self.ledger.destinations}
        self.flow = story.flow("All", [story.to(self.places["crm"][0]), story.to(self.places["chat"][0], does=Does.ADDS)])

    def run(self) -> None:
        deadlocks = self._deadlocks()
        with self._workers():
            threads = [threading.Thread(target=self._kept, args=(lambda n=n: self._record(n),)) for n in range(self.size.recorders)]
            others = (self._save, self._submit, self._move, self._pause)
            threads += [threading.Thread(target=self._kept, args=(each,)) for each in others]
            for thread in threads:
                thread.start()
            ends = time.monotonic() + self.size.seconds
            until(lambda: self._errors or time.monotonic() > ends, self.size.seconds + 10)
            self._stop.set()
            for thread in threads:
                thread.join(PATIENCE)
                assert not thread.is_alive(), "somebody waits for ever"
            assert not self._errors, self._errors
            self._wake()
            until(self._is_drained, 60)
        assert self._deadlocks() == deadlocks

    @contextlib.contextmanager
    def _workers(self) -> Iterator[None]:
        """Workers that outwait a machine that stands still: what they gave up after it had arrived, they would rightly send again."""
        with contextlib.ExitStack() as stack:
            for _ in range(self.size.workers):
                stack.enter_context(self.story.worker(lease=Lease(4 * PATIENCE, 1.0), total_timeout=2 * PATIENCE))
            yield

    def _kept(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- told by the thread that waits for this one
            self._errors.append(error)
        finally:
            connections.close_all()

    def _wake(self) -> None:
        for worker in list(self.story.workers):
            worker.wake()

    def _is_drained(self) -> bool:
        return not self.story.db.all("SELECT 1 FROM action WHERE state < 10 LIMIT 1")

    def _deadlocks(self) -> int:
        if self.story.db.vendor == "sqlite":
            return 0
        ((n,),) = self.story.db.all("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(n)

    def _did(self, what: str, times: int = 1) -> None:
        self.done[what] = self.done.get(what, 0) + times

    # ---- the participants

    def _record(self, number: int) -> None:
        """Records batches over hot registrations, with keys; sometimes repeats an item of another recorder, perhaps while that is still
        recording it."""
        draw = random.Random(f"{self.size.seed}-{number}")
        db = self.story.open()
        provider = Committed(db, ConfigCache())
        n = 0
        while not self._stop.wait(self.size.pause):
            items = []
            for _ in range(self.size.batch):
                if self._shared and draw.random() < 0.05:
                    items.append(draw.choice(self._shared[-50:]))
                    continue
                n += 1
                items.append(self._item(draw, f"{number}.{n}"))
            self._shared += items[:2]
            for item, answer in zip(items, record_batch(db, items, provider), strict=True):
                self._answered(item, answer)
            self._wake()
        db.close()

    def _item(self, draw: random.Random, mark: str) -> RecordItem:
        document = {
            "event": "SUMMIT",
            "code": f"R{draw.randrange(self.size.registrations):03d}",
            "status": draw.choice(STATUSES),
            "profile": {"first_name": mark},
        }
        return RecordItem(self.story.account, document, BY, key=mark)

    def _answered(self, item: RecordItem, answer: ItemResult) -> None:
        self._did(answer.outcome.value)
        if answer.outcome is ItemOutcome.RUNNING:
            return
        assert answer.is_recorded, answer
        assert answer.outcome in (ItemOutcome.CREATED, ItemOutcome.UPDATED), answer  # each mark is new, and so is the data
        assert item.key is not None
        self._promise(str(item.document["code"]), answer.version, item.key)

    def _promise(self, code: str, version: int, mark: str) -> None:
        """A repeated key must get its previous answer."""
        now = (code, version)
        before = self._promised.setdefault(mark, now)
        assert before == now, (mark, before, version)
        if before is now:
            self.ledger.accept(code, version, mark)

    def _save(self) -> None:
        """Saves configuration: of the account, and of an event."""
        n = 0
        while not self._stop.wait(0.15):
            n += 1
            began = time.monotonic()
            if n % 3:
                self.story.change_connection(self.places["crm"][n % 3], notes=f"Note {n}")
            else:
                self.story.save_event("SUMMIT", location=f"Hall {n}")
            self.longest_save = max(self.longest_save, time.monotonic() - began)
            self._did("saved")

    def _submit(self) -> None:
        """Submits what waits in the Retry Queue."""
        db = self.story.open()
        while not self._stop.wait(0.2):
            waiting = db.all("SELECT id FROM action WHERE state = 2 ORDER BY id DESC LIMIT 5")
            if waiting:
                self._did("submitted", len(self.story.submit(*(f"a{id}" for (id,) in waiting)).done))
        db.close()

    def _move(self) -> None:
        """Gives destinations other connections: their lanes change slots, and thus workers."""
        at = dict.fromkeys(self.places, 0)
        draw = random.Random(self.size.seed)
        while not self._stop.wait(0.7):
            name = draw.choice(list(self.places))
            at[name] = (at[name] + 1) % 3
            to = [self.story.to(self.places[each][at[each]], does=does) for each, does in self.ledger.destinations.items()]
            self.story.change_flow(self.flow, to=to)
            self._did("moved")

    def _pause(self) -> None:
        """Pauses connections and resumes them."""
        draw = random.Random(self.size.seed + 1)
        paused: int | None = None
        while True:
            ended = self._stop.wait(0.5)
            if paused is not None:
                self.story.resume(paused)
            if ended:
                return
            paused = draw.choice([c for places in self.places.values() for c in places])
            self.story.pause(paused)
            self._did("paused")
