"""Resolves names to addresses, so that one dead name delays nobody else (D9).

libcurl's own resolver is one pool for all: ten dead names made a healthy look-up wait a second. Here:

- an answer is cached for half a minute and renewed in the background while it is in use, so a target in use never waits;
- a failure is cached for a few seconds, so a queue of requests to a dead name looks it up once;
- a connection has a bounded number of look-ups at a time; only its own others wait;
- names that were slow before share a quarter of the threads; the rest stays free for others.

The system's resolver cannot be interrupted. Its threads are daemons: a stop waits for none of them.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from heliograph.domain.delivery.attempt_sentences import AttemptSentence

THREADS: Final = 32
PER_CONNECTION: Final = 2
FRESH_FOR: Final = 30.0
USABLE_FOR: Final = 60.0
FAILED_FOR: Final = 5.0
SLOW_AFTER: Final = 1.0
SLOW_REMEMBERED_FOR: Final = 600.0
LARGEST_CACHE: Final = 10_000

type Lookup = Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ResolvedAddresses:
    """The addresses of a name: literals in the system's order of preference."""

    literals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoAddress:
    """The name could not be resolved; `message` is a sentence that names only the host."""

    message: str
    is_unanswered: bool = False
    """True if no name server answered, which says nothing about the name."""


type Resolution = ResolvedAddresses | NoAddress


def look_up(host: str) -> tuple[str, ...]:
    """The system's answer (hosts file, DNS), both families. Raises OSError, of which socket.gaierror is one."""
    addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in addresses))


@dataclass(slots=True)
class _KnownName:
    answer: Resolution
    at: float
    """When the answer came (monotonic)."""
    slow: bool


@dataclass(eq=False, slots=True)
class _Pending:
    host: str
    owner: Hashable
    slow: bool
    waiting: list[Callable[[Resolution], None]] = field(default_factory=list)


def unresolved(host: str, error: OSError | UnicodeError) -> NoAddress:
    """What an error of `look_up` says of the name."""
    if isinstance(error, socket.gaierror):
        if error.errno in _NOT_FOUND:
            return NoAddress(AttemptSentence.NAME_NOT_FOUND.fill(host=host))
        return NoAddress(AttemptSentence.NO_NAME_SERVER.fill(host=host), is_unanswered=True)
    return NoAddress(AttemptSentence.NAME_NOT_LOOKED_UP.fill(host=host))


class Resolver:
    """A pool of look-up threads with a cache. Safe to call from any thread; never blocks its caller."""

    def __init__(
        self, look_up: Lookup = look_up, *, threads: int = THREADS, per_connection: int = PER_CONNECTION, fresh_for: float = FRESH_FOR
    ) -> None:
        self._look_up = look_up
        self._most_threads = threads
        self._most_slow = max(1, threads // 4)
        self._per_owner = per_connection
        self._fresh_for = fresh_for
        self._usable_for = fresh_for * USABLE_FOR / FRESH_FOR
        self._change = threading.Condition(threading.Lock())
        self._known: OrderedDict[str, _KnownName] = OrderedDict()
        self._pending: dict[str, _Pending] = {}
        self._ready: deque[_Pending] = deque()
        self._ready_slow: deque[_Pending] = deque()
        self._queued_by_owner: dict[Hashable, deque[_Pending]] = {}
        self._running: dict[Hashable, int] = {}
        self._slow_running = 0
        self._threads = 0
        self._idle = 0
        self._closed = False

    def resolve(self, host: str, owner: Hashable, done: Callable[[Resolution], None]) -> Resolution | None:
        """The answer if it is cached; else None, and `done` is called with it later, from another thread. `owner`: the connection that
        asks."""
        with self._change:
            known = self._known.get(host)
            if known is not None:
                age = time.monotonic() - known.at
                if age < (self._fresh_for if isinstance(known.answer, ResolvedAddresses) else FAILED_FOR):
                    return known.answer
                if isinstance(known.answer, ResolvedAddresses) and age < self._usable_for and not self._closed:
                    self._ask(host, owner, known)
                    return known.answer
            if self._closed:
                return NoAddress(AttemptSentence.STOPPING.fill())
            self._ask(host, owner, known).waiting.append(done)
            return None

    def close(self) -> None:
        """Starts no more look-ups. Running ones end by themselves, and no callback is called any more."""
        with self._change:
            self._closed = True
            self._ready.clear()
            self._ready_slow.clear()
            self._queued_by_owner.clear()
            self._pending.clear()
            self._change.notify_all()

    def _ask(self, host: str, owner: Hashable, known: _KnownName | None) -> _Pending:
        pending = self._pending.get(host)
        if pending is None:
            slow = known is not None and known.slow and time.monotonic() - known.at < SLOW_REMEMBERED_FOR
            pending = self._pending[host] = _Pending(host, owner, slow)
            self._admit(pending)
        elif pending in self._queued_by_owner.get(pending.owner, ()) and self._running.get(owner, 0) < self._per_owner:
            # Another connection wants the same name and has room: it must not wait behind the first one's limit.
            self._queued_by_owner[pending.owner].remove(pending)
            pending.owner = owner
            self._admit(pending)
        return pending

    def _admit(self, pending: _Pending) -> None:
        running = self._running.get(pending.owner, 0)
        if running >= self._per_owner:
            self._queued_by_owner.setdefault(pending.owner, deque()).append(pending)
            return
        self._running[pending.owner] = running + 1
        (self._ready_slow if pending.slow else self._ready).append(pending)
        if self._idle < len(self._ready) + len(self._ready_slow) and self._threads < self._most_threads:
            self._threads += 1
            threading.Thread(target=self._work, name=f"resolver-{self._threads}", daemon=True).start()
        self._change.notify()

    def _take(self) -> _Pending | None:
        if self._ready:
            return self._ready.popleft()
        if self._ready_slow and self._slow_running < self._most_slow:
            return self._ready_slow.popleft()
        return None

    def _work(self) -> None:
        while True:
            with self._change:
                while (pending := self._take()) is None:
                    if self._closed:
                        self._threads -= 1
                        return
                    self._idle += 1
                    self._change.wait()
                    self._idle -= 1
                self._slow_running += pending.slow
            began = time.monotonic()
            answer = self._answer(pending.host)
            with self._change:
                waiting = self._settle(pending, answer, slow=time.monotonic() - began > SLOW_AFTER)
            for done in waiting:
                done(answer)

    def _answer(self, host: str) -> Resolution:
        try:
            addresses = self._look_up(host)
        except (OSError, UnicodeError) as error:
            return unresolved(host, error)
        return ResolvedAddresses(addresses) if addresses else NoAddress(AttemptSentence.NAME_WITHOUT_ADDRESS.fill(host=host))

    def _settle(self, pending: _Pending, answer: Resolution, *, slow: bool) -> list[Callable[[Resolution], None]]:
        self._slow_running -= pending.slow
        if self._closed:
            return []
        self._known[pending.host] = _KnownName(answer, time.monotonic(), slow)
        self._known.move_to_end(pending.host)
        if len(self._known) > LARGEST_CACHE:
            self._known.popitem(last=False)
        del self._pending[pending.host]
        left = self._running[pending.owner] - 1
        if left:
            self._running[pending.owner] = left
        else:
            del self._running[pending.owner]
        queued = self._queued_by_owner.get(pending.owner)
        if queued:
            self._admit(queued.popleft())
        if not queued:
            self._queued_by_owner.pop(pending.owner, None)
        self._change.notify()
        return pending.waiting


_NOT_FOUND: Final = frozenset(
    number for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if (number := getattr(socket, name, None)) is not None
)
