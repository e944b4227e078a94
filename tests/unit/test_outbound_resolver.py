"""Look-ups: cached, bounded per connection, never blocking each other (D9)."""

from __future__ import annotations

import queue
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.waiting import PATIENCE, until

from heliograph.outbound.resolver import NoAddress, Resolution, ResolvedAddresses, Resolver, look_up


class Names:
    """A name service whose answers can be delayed; counts its queries."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()
        self.held: dict[str, threading.Event] = {}

    def hold(self, *hosts: str) -> threading.Event:
        release = threading.Event()
        self.held |= dict.fromkeys(hosts, release)
        return release

    def look_up(self, host: str) -> tuple[str, ...]:
        with self._lock:
            self.asked[host] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if host in self.held:
                self.held[host].wait(PATIENCE)
            if host.startswith("missing"):
                raise socket.gaierror(socket.EAI_NONAME, "no such name")
            return ("192.0.2.1",)
        finally:
            with self._lock:
                self.at_once -= 1


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    yield made
    for release in made.held.values():
        release.set()


def ask(resolver: Resolver, host: str, owner: object = 1) -> Resolution:
    answers: queue.Queue[Resolution] = queue.Queue()
    return resolver.resolve(host, owner, answers.put) or answers.get(timeout=PATIENCE)


def test_D9_an_answer_is_kept(names: Names) -> None:
    resolver = Resolver(names.look_up)
    assert {ask(resolver, "a.test") for _ in range(10)} == {ResolvedAddresses(("192.0.2.1",))}
    assert names.asked["a.test"] == 1
    resolver.close()


def test_D9_a_failure_is_kept_for_a_while(names: Names) -> None:
    resolver = Resolver(names.look_up)
    answers = {ask(resolver, "missing.test") for _ in range(10)}
    assert answers == {NoAddress("The name missing.test does not exist, or has no address.")}
    assert names.asked["missing.test"] == 1
    resolver.close()


def test_D9_one_look_up_serves_all_who_wait(names: Names) -> None:
    release = names.hold("a.test")
    resolver = Resolver(names.look_up)
    answers: queue.Queue[Resolution] = queue.Queue()
    for owner in range(50):
        assert resolver.resolve("a.test", owner, answers.put) is None
    release.set()
    assert [answers.get(timeout=PATIENCE) for _ in range(50)] == [ResolvedAddresses(("192.0.2.1",))] * 50
    assert names.asked["a.test"] == 1
    resolver.close()


def test_D9_a_stale_answer_is_given_at_once_and_renewed_behind(names: Names) -> None:
    resolver = Resolver(names.look_up, fresh_for=0.1)
    ask(resolver, "a.test")
    release = names.hold("a.test")
    until(lambda: resolver.resolve("a.test", 1, lambda _: None) is not None and names.asked["a.test"] == 2)
    assert names.asked["a.test"] == 2
    release.set()
    resolver.close()


def test_D9_one_connection_holds_few_threads(names: Names) -> None:
    hosts = [f"dead{number}.test" for number in range(20)]
    release = names.hold(*hosts)
    resolver = Resolver(names.look_up, threads=8, per_connection=2)
    answers: queue.Queue[Resolution] = queue.Queue()
    for host in hosts:
        resolver.resolve(host, "one connection", answers.put)
    assert ask(resolver, "healthy.test", "another") == ResolvedAddresses(("192.0.2.1",))
    assert sum(names.asked.values()) == 3
    release.set()
    assert all(isinstance(answers.get(timeout=PATIENCE), ResolvedAddresses) for _ in hosts)
    assert names.most_at_once <= 3
    resolver.close()


def test_D9_a_name_that_waits_behind_one_connection_is_taken_over_by_another(names: Names) -> None:
    release = names.hold("dead1.test", "dead2.test")
    resolver = Resolver(names.look_up, per_connection=2)
    for host in ("dead1.test", "dead2.test", "healthy.test"):
        assert resolver.resolve(host, "one connection", lambda _: None) is None
    assert ask(resolver, "healthy.test", "another") == ResolvedAddresses(("192.0.2.1",))
    release.set()
    resolver.close()


def test_D9_names_known_to_be_slow_leave_threads_free(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heliograph.outbound.resolver.SLOW_AFTER", 0.01)
    monkeypatch.setattr("heliograph.outbound.resolver.FAILED_FOR", 0.0)
    resolver = Resolver(names.look_up, threads=4)
    hosts = [f"missing{number}.test" for number in range(8)]
    for host in hosts:
        release = names.hold(host)
        answers: queue.Queue[Resolution] = queue.Queue()
        resolver.resolve(host, host, answers.put)
        threading.Timer(0.05, release.set).start()
        answers.get(timeout=PATIENCE)
    release = names.hold(*hosts)
    names.asked.clear()
    for host in hosts:
        resolver.resolve(host, host, lambda _: None)
    assert ask(resolver, "healthy.test", "healthy") == ResolvedAddresses(("192.0.2.1",))
    assert sum(names.asked.values()) <= 2
    release.set()
    resolver.close()


def test_D9_nobody_is_called_back_after_close(names: Names) -> None:
    release = names.hold("a.test")
    resolver = Resolver(names.look_up)
    called: list[Resolution] = []
    resolver.resolve("a.test", 1, called.append)
    resolver.close()
    release.set()
    until(lambda: names.at_once == 0)
    assert ask(resolver, "b.test") == NoAddress("Heliograph is stopping.")
    assert called == []


def test_D9_whatever_a_look_up_raises_is_an_answer() -> None:
    def broken(host: str) -> tuple[str, ...]:
        raise {"a.test": OSError("x"), "b.test": UnicodeError("x"), "c.test": socket.gaierror(socket.EAI_AGAIN, "x")}[host]

    resolver = Resolver(broken)
    for host in ("a.test", "b.test", "c.test"):
        answer = ask(resolver, host)
        assert isinstance(answer, NoAddress)
        assert host in answer.message
        assert answer.is_unanswered is (host == "c.test")
    resolver.close()


def test_the_systems_resolver_knows_this_machine() -> None:
    assert {"127.0.0.1", "::1"} & set(look_up("localhost"))
